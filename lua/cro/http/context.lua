--- What Lua adds to the context of a request, and to requests.
---
--- The core brings the boxes with their hot methods; the tables of `core.methods` and
--- `core.lazy` add the rest. A lazy field is made when first read and kept with its
--- request. Requiring this module installs all of it, once.
local body = require "cro.http.body"
local core = require "cro.core"
local errors = require "cro.errors"
local json = require "cro.json"
local later = require "cro.later"
local links = require "cro.http.router.links"
local opts = require "cro.options"
local Promise = require "cro.promise"
local query = require "cro.http.query"
local responders = require "cro.http.responders"

---@class cro.http.Context
---@field request any what was asked
---@field response any the answer being built
---@field method string
---@field path string percent-encoded
---@field target string path and query as sent
---@field peer string|nil the other end's address, also when it has gone
---@field secure boolean it came over TLS
---@field scheme "http"|"https"
---@field tls cro.http.TlsInfo|nil what was agreed on with the client; nil without TLS
---@field done boolean a status is set
---@field query table<string, any> parameters of the query: text, MultiValue, or as the route declares
---@field cookies table<string, any>
---@field headers table<string, any> in any case
---@field params table<string, any> path parameters by name
---@field route table|nil the matched route: method, template, name, summary
---@field state table free for middleware and handlers
---@field auth any who asks, as set by middleware
---@field max_body integer|nil bytes `body` and its like take; nil: limits.body_bytes
---@field bad_request fun(self: cro.http.Context, media_type: string|nil, body: any) answers 400
---@field unauthorized fun(self: cro.http.Context, media_type: string|nil, body: any) answers 401
---@field forbidden fun(self: cro.http.Context, media_type: string|nil, body: any) answers 403
---@field not_found fun(self: cro.http.Context, media_type: string|nil, body: any) answers 404
---@field conflict fun(self: cro.http.Context, media_type: string|nil, body: any) answers 409
---@field teapot fun(self: cro.http.Context, media_type: string|nil, body: any) answers 418
---@field unprocessable fun(self: cro.http.Context, media_type: string|nil, body: any) answers 422
---@field server_error fun(self: cro.http.Context, media_type: string|nil, body: any) answers 500
---@field not_supported fun(self: cro.http.Context, media_type: string|nil, body: any) answers 505
local methods = core.methods.context
local lazy = core.lazy.context
local start_stream = later.fn("cro.http.stream", "start")
local start_events = later.fn("cro.http.stream", "events")

for name, fn in pairs(responders) do
  methods[name] = fn
end

--- A promise of the body, parsed by its media type: a table for JSON, a string for
--- text and all else. Bodies that are malformed (400), too large (413) or of a type or
--- charset that cannot be read (415) break it with an error that answers so.
---@param c cro.http.Context
---@return cro.Promise
function methods.body(c)
  local app = c.application
  local depth = app and app.json_depth or json.max_depth
  local value, reason = c:json_body(depth)
  if value ~= nil then return Promise.kept(value) end
  if reason then return Promise.broken(body.malformed_json(json.malformed(reason))) end
  return body.value(c.request, c.max_body, c.body_parsers, depth)
end

--- A promise of the body as text in UTF-8.
---@param c cro.http.Context
---@return cro.Promise
function methods.body_text(c) return body.text(c.request, c.max_body) end

--- A promise of the body's bytes.
---@param c cro.http.Context
---@return cro.Promise
function methods.body_blob(c) return body.blob(c.request, c.max_body) end

--- The supply of the body's bytes as they arrive, of any size.
---@param c cro.http.Context
---@return cro.Supply
function methods.body_stream(c) return body.stream(c.request) end

--- The answer to this request is what the supply emits, chunk by chunk.
---@param c cro.http.Context
---@param media_type string
---@param source any a supply of strings, or anything with one
function methods.stream(c, media_type, source) start_stream(c, media_type, source) end

--- The answer to this request is a stream of events. Every `heartbeat` seconds (15) a
--- comment is sent, so that proxies keep the connection and a peer that has gone is
--- noticed.
---@param c cro.http.Context
---@param source any a supply of strings or event tables, or anything with one
---@param given { heartbeat: number|nil }|nil
function methods.sse(c, source, given) start_events(c, source, given) end

--- Called by the core for a body that is no string.
---@param c cro.http.Context
---@param media_type string|nil
---@param value any
---@return string|nil bytes nil: the answer is set up
---@return string|nil media_type
function methods.serialize(c, media_type, value)
  local is_source = type(value) == "table" and type(value.supply) == "function"
  if is_source then return start_stream(c, media_type or "application/octet-stream", value) end
  return body.serialize(c, media_type, value)
end

local COOKIE = {
  domain = "string",
  expires = "number",
  http_only = { "boolean", default = true },
  max_age = "integer",
  path = { "string", default = "/" },
  same_site = { "string", default = "Lax", one_of = { "Strict", "Lax", "None" } },
  secure = "boolean",
}

--- Adds a cookie to the answer: HttpOnly, SameSite=Lax and Path=/ unless told otherwise,
--- Secure when the request came by TLS. `max_age` in seconds, `expires` in seconds since
--- the epoch.
---@param c cro.http.Context
---@param name string
---@param value string
---@param given table|nil
function methods.set_cookie(c, name, value, given)
  opts.argument("c:set_cookie", 1, name, "string")
  opts.argument("c:set_cookie", 2, value, "string")
  local options = opts.check("c:set_cookie", given, COOKIE)
  if options.secure == nil then options.secure = c.request.secure end
  local names = c.cookies_set or {}
  if names[name] then errors.misuse(("c:set_cookie: the cookie %q is already set"):format(name)) end
  local text, reason = core.cookie_format(name, value, options)
  if not text then errors.misuse("c:set_cookie: " .. reason) end
  c:append_header("Set-Cookie", text)
  names[name] = true
  c.cookies_set = names
end

local function application_of(c)
  local row = c.matched
  if row then return row.application end
  return c.application
end

--- The path of a named route: `c:link("product", { id = 7 })`.
---@param c cro.http.Context
---@param name string
---@param values table|nil
---@return string
function methods.link(c, name, values)
  local app = application_of(c)
  if not app then errors.misuse "c:link: this request was not routed" end
  return links.make(app.named, name, values)
end

function lazy.query(c) return query.parameters(c.request) end

function lazy.cookies(c) return query.cookies(c.request) end

function lazy.headers(c) return query.headers(c.request) end

function lazy.state() return {} end

--- What was agreed on in the handshake, and who the client is.
---@class cro.http.TlsInfo
---@field version string "TLSv1.2" or "TLSv1.3"
---@field cipher string OpenSSL's name
---@field alpn string|nil
---@field server_name string|nil that the client has asked for
---@field resumed boolean
---@field verified boolean the client has shown a certificate, and it is trusted
---@field peer cro.tls.Peer|nil what that certificate says

function lazy.tls(c) return c.request.tls end

--- The row of the matched route. Where Lua chose the route it left it; where the core
--- did, the most specific candidate is the one.
local function matched(c)
  local row = c.matched
  if row then return row end
  local app = c.application
  if not app or not app.router then return nil end
  local list = app.router:candidates(c)
  row = list and list[1]
  if row then row.application = app end
  return row
end

local function route_of(row) return row.application.routes[row[1]] end

function lazy.params(c)
  local row = matched(c)
  if not row then return {} end
  local params, position = {}, 1
  for _, segment in ipairs(route_of(row).template.segments) do
    if segment.kind ~= "literal" then
      position = position + 1
      local value = row[position]
      if value == nil then value = segment.default end
      params[segment.text] = value
    end
  end
  return params
end

function lazy.route(c)
  local row = matched(c)
  if not row then return nil end
  local route = route_of(row)
  return {
    method = route.method,
    template = route.template.source,
    name = route.name,
    summary = route.spec.summary,
  }
end

--- Without a context, in a pipeline composed by hand, a request has the same readers.
local request_methods = core.methods.request
local request_lazy = core.lazy.request

function request_methods.body(request) return body.value(request) end

function request_methods.body_text(request) return body.text(request) end

function request_methods.body_blob(request) return body.blob(request) end

function request_methods.body_stream(request) return body.stream(request) end

function request_lazy.tls(request) return request:tls_info() end

--- What depends on the request alone, where there is no context, in a pipeline composed by hand.
for _, name in ipairs { "push", "inform", "early_hints" } do
  local respond = responders[name]
  request_methods[name] = function(request, ...) return respond({ request = request }, ...) end
end

function request_lazy.query(request) return query.parameters(request) end

function request_lazy.cookies(request) return query.cookies(request) end

return methods
