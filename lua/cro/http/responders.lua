--- What a handler says in one call: the statuses that have a name, redirects, caching.
local errors = require "cro.errors"
local opts = require "cro.options"

local responders = {}

--- Sets a status, with a body when a type and a body are given.
local function answer(c, code, media_type, body)
  if body == nil and media_type == nil then
    c:status(code)
  else
    c:status(code, media_type, body)
  end
end

--- The named statuses. Each is `c:not_found()` or `c:not_found(type, body)`.
local NAMED = {
  not_found = 404,
  bad_request = 400,
  unauthorized = 401,
  forbidden = 403,
  conflict = 409,
  unprocessable = 422,
  teapot = 418,
  server_error = 500,
  not_supported = 505,
}

for name, code in pairs(NAMED) do
  responders[name] = function(c, media_type, body) answer(c, code, media_type, body) end
end

--- 204: done, and there is nothing to say.
---@param c cro.http.Context
function responders.no_content(c) c:status(204) end

--- 201 with the place of what was made.
---@param c cro.http.Context
---@param location string a path or URL
---@param media_type string|nil
---@param body any
function responders.created(c, location, media_type, body)
  opts.argument("c:created", 1, location, "string")
  c:set_header("Location", location)
  answer(c, 201, media_type, body)
end

local function flatten(headers)
  local list = {}
  for name, given in pairs(headers or {}) do
    for _, value in ipairs(type(given) == "table" and given or { given }) do
      list[#list + 1] = name
      list[#list + 1] = value
    end
  end
  return list
end

--- Sends an interim answer, before the answer itself and as often as one likes. A client of
--- HTTP/1.0 gets none. Names and values are checked as those of `set_header`.
---@param c cro.http.Context
---@param code integer 102 to 199
---@param headers table<string, string|string[]>|nil
function responders.inform(c, code, headers)
  opts.argument("c:inform", 1, code, "integer")
  opts.argument("c:inform", 2, headers, "table|nil")
  if code < 102 or code > 199 then
    errors.misuse(("c:inform: a status from 102 to 199 expected, got %d; c:status sets the answer's"):format(code))
  end
  c.request:send_interim(code, flatten(headers))
end

--- 103: what the answer will need, so that the client can fetch it meanwhile.
---@param c cro.http.Context
---@param links string|string[]|table<string, string|string[]> values of Link, or headers by name
function responders.early_hints(c, links)
  opts.argument("c:early_hints", 1, links, "string|table")
  local by_name = type(links) == "table" and links[1] == nil
  responders.inform(c, 103, by_name and links or { Link = links })
end

local REDIRECTS = { temporary = 307, permanent = 308, see_other = 303, found = 302, moved = 301 }

local function redirect_status(kind)
  if kind == nil then return 307 end
  if REDIRECTS[kind] then return REDIRECTS[kind] end
  for _, code in pairs(REDIRECTS) do
    if kind == code then return code end
  end
  errors.misuse(("c:redirect: %s is no kind of redirect; there are temporary (307), permanent (308), "
    .. "see_other (303), found (302), moved (301)"):format(opts.show(kind)))
end

--- Sends the client elsewhere: "temporary" (307, the default), "permanent" (308), which
--- keep method and body, or "see_other" (303), which asks for a GET; also "found" (302)
--- and "moved" (301).
---@param c cro.http.Context
---@param location string a path or URL
---@param kind string|integer|nil
---@param media_type string|nil
---@param body any
function responders.redirect(c, location, kind, media_type, body)
  opts.argument("c:redirect", 1, location, "string")
  local code = redirect_status(kind)
  c:set_header("Location", location)
  answer(c, code, media_type, body)
end

--- `{ headers = { ... } }`, or the headers themselves.
local function pushed_headers(given)
  if given == nil then return {} end
  local headers = given
  if type(given.headers) == "table" and next(given, next(given)) == nil then headers = given.headers end
  local list = {}
  for name, values in pairs(headers) do
    if type(name) == "number" then -- { name, value }
      opts.argument("c:push", 2, values, "table")
      name, values = values[1], values[2]
    end
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      opts.argument("c:push", "header " .. tostring(name), value, "string|number")
      list[#list + 1], list[#list + 2] = tostring(name), tostring(value)
    end
  end
  return list
end

--- Has the client given the answer to GET `path` before it asks, where it can be: with
--- HTTP/2, to a client that takes promises. The promised request goes through routes and
--- middleware as any other; `c.request.pushed` tells it. Call it before the answer that
--- refers to it goes out. `headers` are those of the request that is foreseen.
---@param c cro.http.Context
---@param path string with its slash, and a query
---@param headers table<string, string|string[]>|{ headers: table }|nil
---@return boolean promised false when there is nothing to promise to, or too much was promised already
function responders.push(c, path, headers)
  opts.argument("c:push", 1, path, "string")
  opts.argument("c:push", 2, headers, "table|nil")
  if path:sub(1, 1) ~= "/" then
    errors.misuse(("c:push: the path %q does not begin with a slash"):format(path))
  end
  local promised, wrong = c.request:send_push(path, pushed_headers(headers))
  if promised == nil then errors.misuse("c:push: " .. wrong) end
  return promised
end

local SECONDS = { "integer", check = function(n) return n >= 0, "seconds, 0 or more" end }

local CACHE = {
  public = "boolean",
  private = "boolean",
  no_cache = "boolean",
  no_store = "boolean",
  max_age = SECONDS,
  s_maxage = SECONDS,
  must_revalidate = "boolean",
  proxy_revalidate = "boolean",
  no_transform = "boolean",
}

local CACHE_ORDER = {
  "public", "private", "no_cache", "no_store", "max_age", "s_maxage", "must_revalidate",
  "proxy_revalidate", "no_transform",
}

--- Sets Cache-Control from the directives given, in a fixed order:
--- `c:cache_control { public = true, max_age = 3600 }`. Ages are seconds.
---@param c cro.http.Context
---@param given table
function responders.cache_control(c, given)
  local options = opts.check("c:cache_control", given, CACHE)
  if options.public and options.private then
    errors.misuse "c:cache_control: public and private exclude each other; give one"
  end
  local parts = {}
  for _, key in ipairs(CACHE_ORDER) do
    local value = options[key]
    local name = key:gsub("_", "-")
    if value == true then parts[#parts + 1] = name end
    if type(value) == "number" then parts[#parts + 1] = ("%s=%d"):format(name, value) end
  end
  if #parts == 0 then
    errors.misuse "c:cache_control: no directive given; say max_age = 3600, no_store = true or the like"
  end
  c:set_header("Cache-Control", table.concat(parts, ", "))
end

return responders
