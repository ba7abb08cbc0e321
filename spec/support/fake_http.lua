--- A stand-in for the core's HTTP in plain Lua: router, request, response, context, and
--- what a server does with an application.
---
--- Specs install it as `cro.core` before they require modules of `cro.http`, so that what
--- Lua decides is tested without C. It is written for reading: routes are tried in turn.
local fiber = require "cro.fiber"
local json = require "spec.support.fake_json"
local types = require "cro.http.router.types"

local core = { methods = {}, lazy = {}, running = false }
local fake = { core = core, reports = {} }

for _, kind in ipairs { "context", "request", "response" } do
  core.methods[kind], core.lazy[kind] = {}, {}
end

function core.now() return fiber.now() end
function core.wall() return 1700000000 end
function core.time_requests() end

for name, value in pairs(json) do
  core[name] = value
end

function core.media_parse(text)
  local kind, subtype, rest = text:match "^%s*([%w%-%+%.]+)/([%w%-%+%.]+)(.*)$"
  if not kind then return nil, "no type and subtype" end
  local parameters = {}
  for name, value in rest:gmatch ";%s*([%w%-]+)=([^;]*)" do
    parameters[name:lower()] = value:gsub('"', "")
  end
  return { type = kind:lower(), subtype = subtype:lower(), parameters = parameters }
end

function core.cookie_format(name, value, given)
  local parts = { name .. "=" .. value }
  if given.max_age then parts[#parts + 1] = "Max-Age=" .. given.max_age end
  if given.path then parts[#parts + 1] = "Path=" .. given.path end
  if given.secure then parts[#parts + 1] = "Secure" end
  if given.http_only then parts[#parts + 1] = "HttpOnly" end
  if given.same_site then parts[#parts + 1] = "SameSite=" .. given.same_site end
  return table.concat(parts, "; ")
end

local function decode(text, plus)
  if plus then text = text:gsub("%+", " ") end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function is_encoded(text) return not text:gsub("%%%x%x", ""):find("%", 1, true) end

local exchange_of = setmetatable({}, { __mode = "k" })

local function new_box(kind, exchange, fields)
  local stored = {}
  local box = newproxy(true)
  local meta = getmetatable(box)
  exchange_of[box] = { kind = kind, exchange = exchange }
  function meta.__index(self, key)
    if core.methods[kind][key] then return core.methods[kind][key] end
    if exchange.ended then error(("%s.%s used after its request has ended"):format(kind, key), 2) end
    if fields[key] then return fields[key](exchange) end
    if stored[key] == nil and core.lazy[kind][key] then stored[key] = core.lazy[kind][key](self) end
    return stored[key]
  end
  function meta.__newindex(_, key, value)
    if core.methods[kind][key] then error(("'%s' is a method and can't be assigned to"):format(key), 2) end
    local set = fields["set_" .. key]
    if set then return set(exchange, value) end
    if fields[key] then error(("'%s' is read-only"):format(key), 2) end
    stored[key] = value
  end
  meta.__metatable = "protected"
  return box
end

local function exchange_from(box, what)
  local known = exchange_of[box]
  if not known then error(("%s: call it with a colon"):format(what), 3) end
  if known.exchange.ended then error(("%s used after its request has ended"):format(what), 3) end
  return known.exchange
end

function core.kind(value) return exchange_of[value] and exchange_of[value].kind end

local function find_all(headers, name)
  local found = {}
  for _, header in ipairs(headers) do
    if header[1]:lower() == name:lower() then found[#found + 1] = header[2] end
  end
  return found
end

local function remove(headers, name)
  for i = #headers, 1, -1 do
    if headers[i][1]:lower() == name:lower() then table.remove(headers, i) end
  end
end

local function joined(headers, name)
  local found = find_all(headers, name)
  return found[1] and table.concat(found, ", ") or nil
end

local function each(headers)
  local i = 0
  return function()
    i = i + 1
    if headers[i] then return headers[i][1], headers[i][2] end
  end
end

local function check_header(name, value)
  if not name:match "^[%w!#$%%&'*+%-.^_`|~]+$" or tostring(value):find "[%c]" then
    error(("malformed header '%s'"):format(name), 3)
  end
end

local request = core.methods.request

function request:header(name) return joined(exchange_from(self, "request:header").headers, name) end

function request:header_list(name) return find_all(exchange_from(self, "request:header_list").headers, name) end
function request:headers() return each(exchange_from(self, "request:headers").headers) end

function request:append_header(name, value)
  table.insert(exchange_from(self, "request:append_header").headers, { name, value })
end

function request:set_body(text) exchange_from(self, "request:set_body").body = text end

function request:send_push() return false end
function request:has_body() return exchange_from(self, "request:has_body").body ~= nil end

function request:peer() return "127.0.0.1", 40000 end
function request:began() return fiber.now() - 0.0005 end
function request:query_pairs()
  local query, list = exchange_from(self, "request:query_pairs").target:match "%?(.*)$" or "", {}
  for part in query:gmatch "[^&]+" do
    if not is_encoded(part) then return nil, "malformed percent-encoding" end
    local key, value = part:match "^([^=]*)=?(.*)$"
    list[#list + 1], list[#list + 2] = decode(key, true), decode(value, true)
  end
  return list
end

function request:cookie_pairs()
  local list = {}
  for name, value in (self:header "cookie" or ""):gmatch "([^=;%s]+)=([^;]*)" do
    list[#list + 1], list[#list + 2] = name, value
  end
  return list
end

function request:collect(limit, fn)
  local exchange = exchange_from(self, "request:collect")
  local text = exchange.body or ""
  if exchange.late_body then
    if fn then exchange.late_body = fn end
    return false
  end
  if #text > (limit or 1048576) then return nil, { kind = "limit", message = "over a configured limit" } end
  return text
end

function request:stream(fn)
  local exchange = exchange_from(self, "request:stream")
  fiber.start(function()
    for _, chunk in ipairs(exchange.chunks) do
      fn("value", chunk)
    end
    fn "done"
  end)
end

local REQUEST = {
  method = function(x) return x.method end,
  target = function(x) return x.target end,
  original_target = function(x) return x.original_target end,
  path = function(x) return (x.target:match "^[^?]*") end,
  query_string = function(x) return x.target:match "%?(.*)$" or "" end,
  version = function() return "1.1" end,
  secure = function(x) return x.secure end,
  response = function(x) return x.response end,
  set_method = function(x, value) x.method = value end,
  set_target = function(x, value) x.target = value end,
}

local response = core.methods.response

function response:set_header(name, value)
  check_header(name, value)
  local headers = exchange_from(self, "response:set_header").answer.headers
  remove(headers, name)
  headers[#headers + 1] = { name, value }
end

function response:append_header(name, value)
  check_header(name, value)
  table.insert(exchange_from(self, "response:append_header").answer.headers, { name, value })
end

function response:header(name)
  local answer = exchange_from(self, "response:header").answer
  if name:lower() == "content-type" then return answer.content_type end
  return find_all(answer.headers, name)[1]
end

function response:headers() return each(exchange_from(self, "response:headers").answer.headers) end

function response:set_body(text) exchange_from(self, "response:set_body").answer.body = text end

function response:body_length() return #exchange_from(self, "response:body_length").answer.body end

function response:body_text() return exchange_from(self, "response:body_text").answer.body end

function response:after_handler(fn) exchange_from(self, "response:after_handler").after = fn end

function response:on_finished(fn)
  local exchange = exchange_from(self, "response:on_finished")
  exchange.finished = function() fn(nil, #exchange.answer.body) end
end

function response:start_stream() exchange_from(self, "response:start_stream").answer.streams = true end

function response:begun() return exchange_from(self, "response:begun").answer.streams end

function response:write(chunk)
  local exchange = exchange_from(self, "response:write")
  exchange.answer.body = exchange.answer.body .. chunk
  table.insert(exchange.answer.chunks, chunk)
  return not exchange.is_slow
end

function response:on_drain(fn) exchange_from(self, "response:on_drain").answer.waits = fn end

function response:finish() exchange_from(self, "response:finish").answer.finished = true end

local RESPONSE = {
  status = function(x) return x.answer.status end,
  content_type = function(x) return x.answer.content_type end,
  request = function(x) return x.request end,
  streams = function(x) return x.answer.streams or false end,
  set_status = function(x, value) x.answer.status = value end,
  set_content_type = function(x, value) x.answer.content_type = value end,
}

local context = core.methods.context
context.json_body = function() end

local function with_charset(media_type)
  if media_type:match "^text/[^;]*$" then return media_type .. "; charset=utf-8" end
  return media_type
end

local function set_content(c, exchange, media_type, text)
  if type(text) ~= "string" then
    text, media_type = c.serialize(c, media_type, text)
    if text == nil then return end
  end
  exchange.answer.content_type, exchange.answer.body = with_charset(media_type), text
end

function context:content(media_type, text)
  local exchange = exchange_from(self, "c.content")
  set_content(self, exchange, media_type, text)
  exchange.answer.status = exchange.answer.status or 200
end

for name, media_type in pairs { text = "text/plain", html = "text/html" } do
  context[name] = function(self, text) return self:content(media_type, text) end
end

function context:json(value) return self:content("application/json", json.json_encode(value)) end

function context:status(code, ...)
  local exchange = exchange_from(self, "c.status")
  exchange.answer.status = code
  if select("#", ...) > 0 then set_content(self, exchange, ...) end
end

function context:set_header(name, value) return exchange_from(self, "c.set_header").response:set_header(name, value) end

function context:append_header(name, value)
  return exchange_from(self, "c.append_header").response:append_header(name, value)
end

local function new_answer() return { headers = {}, body = "", chunks = {} } end

function context:fail(err)
  local exchange = exchange_from(self, "c.fail")
  local code = type(err) == "table" and (err.status or err.kind == "limit" and 413) or 500
  if code >= 500 then fake.reports[#fake.reports + 1] = err end
  exchange.answer, exchange.after = new_answer(), nil
  exchange.answer.status, exchange.answer.content_type = code, "text/plain"
  exchange.answer.body = tostring(code)
end

function context:respond(other)
  local exchange, from = exchange_from(self, "c.respond"), exchange_from(other, "response")
  if exchange ~= from then exchange.answer = from.answer end
end

function context:timeout(seconds) exchange_from(self, "c.timeout").deadline = seconds end

local CONTEXT = {
  request = function(x) return x.request end,
  response = function(x) return x.response end,
  method = function(x) return x.method end,
  path = function(x) return (x.target:match "^[^?]*") end,
  target = function(x) return x.target end,
  peer = function() return "127.0.0.1" end,
  done = function(x) return x.answer.status ~= nil end,
  application = function(x) return x.application end,
}

local function new_exchange(method, target)
  local exchange = {
    method = method or "GET",
    target = target or "/",
    original_target = target or "/",
    headers = {},
    chunks = {},
    answer = new_answer(),
  }
  exchange.request = new_box("request", exchange, REQUEST)
  exchange.response = new_box("response", exchange, RESPONSE)
  exchange.context = new_box("context", exchange, CONTEXT)
  return exchange
end

function core.request(given) return new_exchange(given.method, given.target).request end

function core.response(of) return (of and exchange_of[of].exchange or new_exchange()).response end

function core.server(options) return { options = options } end

function core.context(of) return exchange_of[of].exchange.context end

core.router = require("spec.support.fake_router").new_factory(types, exchange_of, decode, is_encoded)

local function routed(app, exchange)
  local c = exchange.context
  if app.enter then return app.enter(c) end
  local row, allowed, refused = app.router:first(exchange)
  if refused then return c:status(400, "text/plain", "Bad Request") end
  if row and row.conditional then return app.conditional(c) end
  if row then return app.handlers[row[1]](c, unpack(row, 2, 1 + row.n)) end
  local code = not allowed and 404 or exchange.method == "OPTIONS" and 204 or 405
  if app.miss and (code ~= 204 or app.options == "miss") then return app.miss(c, code, allowed) end
  c:status(code)
  if allowed then c:set_header("Allow", allowed) end
end

local function handle(app, exchange)
  local trace = require("cro.errors").trace
  local ok, err = xpcall(routed, trace, app, exchange)
  if not ok then return exchange.context:fail(err) end
  if exchange.after then
    ok, err = xpcall(exchange.after, trace, exchange.context)
    if not ok then exchange.answer.broken = err end
  end
  local answer = exchange.answer
  answer.status = answer.status or (answer.body ~= "" or answer.content_type) and 200 or 204
end

--- Sends a request to an application; returns the answer when it is complete. Must be
--- called on a fiber. `given`: headers (by name), body, chunks, secure, prepare(exchange).
---@param app table
---@param method string
---@param target string
---@param given table|nil
---@return table answer { status, headers, body, content_type, chunks, header(name) }
function fake.send(app, method, target, given)
  local exchange = new_exchange(method, target)
  exchange.application = app
  given = given or {}
  for name, value in pairs(given.headers or {}) do
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      table.insert(exchange.headers, { name, one })
    end
  end
  exchange.body, exchange.chunks, exchange.secure = given.body, given.chunks or {}, given.secure or false
  if given.prepare then given.prepare(exchange) end
  handle(app, exchange)
  if exchange.finished then exchange.finished() end
  exchange.ended = not given.stays
  local answer = exchange.answer
  function answer.header(name) return find_all(answer.headers, name)[1] end
  return answer
end

--- Puts the stand-in where modules look for the core. Call it before requiring them.
function fake.install()
  package.loaded["cro.core"] = core
  fake.reports = {}
  return fake
end

return fake
