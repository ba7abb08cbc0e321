--- The second argument of a route: what it asks of query, headers, cookies, caller.
---
--- A parameter is described by a type name with a mark: "int" may be missing,
--- "int!" may not, "int[]" takes any number of values, "int[]!" one at least,
--- "int=1" has a default. A function from text to value is an unnamed type.
--- Checking a request answers nil, or the status that refuses it; converted values
--- reach `c.query`, `c.headers` and `c.cookies` only when the whole route fits.
local errors = require "cro.errors"
local media = require "cro.http.media"
local opts = require "cro.options"
local types = require "cro.http.router.types"

---@class cro.http.Parameter
---@field key string the literal name in the request
---@field convert nil|fun(text: string): any nil: any text
---@field required boolean
---@field list boolean any number of values
---@field default any

---@class cro.http.RouteSpec
---@field parameters table<string, cro.http.Parameter[]> by "query", "headers", "cookies"
---@field auth nil|true|fun(auth: any, c: cro.http.Context): boolean
---@field accepts string[]|nil media types of the body
---@field conditional boolean whether a request must be checked

local spec = {}

local KEYS = {
  query = "table",
  header = "table",
  cookie = "table",
  auth = "boolean|callable",
  body = "string|table",
  name = "string",
  summary = "string",
  responses = "table",
  max_body = "number|string",
  timeout = "number",
}

--- Where the values of a kind of parameter are found on the context.
local FIELDS = { query = "query", header = "headers", cookie = "cookies" }

local function identity(text) return text end

local function parse_type(where, key, text)
  local head, default = text:match "^([^=]*)=(.*)$"
  local name, list, required = (head or text):match "^([%a_][%w_]*)(%[?%]?)(!?)$"
  if not name or (list ~= "" and list ~= "[]") then
    errors.misuse(('%s %q: cannot read the type %q; write "int", "int!", "int[]", "int[]!" or "int=1"'):format(
      where, key, text))
  end
  if default and (list ~= "" or required ~= "") then
    errors.misuse(("%s %q: %q has a default and a mark; a default is for one value that may be missing"):format(
      where, key, text))
  end
  local convert = name ~= "string" and types.find(name) or nil
  if name ~= "string" and not convert then
    errors.misuse(("%s %q: unknown type %q; %s"):format(where, key, name, types.cure(name)))
  end
  local parameter = { key = key, convert = convert, list = list ~= "", required = required ~= "" }
  if not default then return parameter end
  parameter.default = (convert or identity)(default)
  if parameter.default == nil then
    errors.misuse(("%s %q: the default %q is no %s"):format(where, key, default, name))
  end
  return parameter
end

local function parse_parameter(where, key, rule)
  if type(key) ~= "string" then
    errors.misuse(('%s: expected names with types, like { page = "int" }, got %s as a name'):format(
      where, opts.show(key)))
  end
  if type(rule) == "function" then
    return { key = key, convert = rule, list = false, required = false }
  end
  if type(rule) ~= "string" then
    errors.misuse(("%s %q: expected a type name or a function, got %s"):format(where, key, opts.show(rule)))
  end
  return parse_type(where, key, rule)
end

local function parse_parameters(function_name, kind, given)
  local list = {}
  for key, rule in pairs(given or {}) do
    local parameter = parse_parameter(function_name .. ": " .. kind, key, rule)
    if parameter.list and kind == "cookie" then
      errors.misuse(("%s: cookie %q: a cookie has one value, not a list"):format(function_name, key))
    end
    list[#list + 1] = parameter
  end
  table.sort(list, function(a, b) return a.key < b.key end)
  return #list > 0 and list or nil
end

local UNITS = { [""] = 1, K = 1024, M = 1024 ^ 2, G = 1024 ^ 3 }

--- A number of bytes from 65536 or "64K", "1M", "2G".
---@param where string what to name in the error
---@param value number|string
---@return number
function spec.bytes(where, value)
  local digits, unit = tostring(value):match "^(%d+)([KMG]?)$"
  if not digits then
    errors.misuse(('%s: expected bytes, like 65536 or "64K" or "1M", got %s'):format(where, opts.show(value)))
  end
  return tonumber(digits) * UNITS[unit]
end

local function body_types(function_name, given)
  if given == nil then return nil end
  local list = type(given) == "string" and { given } or given
  for _, text in ipairs(list) do
    if type(text) ~= "string" or not text:match "^[%w%.%+%-%*]+/[%w%.%+%-%*]+$" then
      errors.misuse(('%s: option "body": expected media types like "application/json" or "text/*", got %s'):format(
        function_name, opts.show(text)))
    end
  end
  return #list > 0 and list or nil
end

--- Reads a spec table, or raises at the line of the script.
---@param function_name string
---@param given table|nil
---@return cro.http.RouteSpec
function spec.parse(function_name, given)
  local checked = opts.check(function_name, given, KEYS)
  local parameters = {}
  for kind, field in pairs(FIELDS) do
    parameters[field] = parse_parameters(function_name, kind, checked[kind])
  end
  if checked.timeout and checked.timeout <= 0 then
    errors.misuse(('%s: option "timeout": expected seconds above 0, got %s'):format(function_name, checked.timeout))
  end
  local auth = checked.auth or nil
  local accepts = body_types(function_name, checked.body)
  local max_body = checked.max_body
  return {
    parameters = parameters,
    auth = auth,
    accepts = accepts,
    name = checked.name,
    summary = checked.summary,
    responses = checked.responses,
    timeout = checked.timeout,
    max_body = max_body and spec.bytes(function_name .. ': option "max_body"', max_body),
    conditional = auth ~= nil or accepts ~= nil or next(parameters) ~= nil,
  }
end

local function one(parameter, text)
  if not parameter.convert then return text end
  return parameter.convert(text)
end

local function many(parameter, given)
  local list = {}
  local texts = type(given) == "table" and given or { given }
  for i = 1, #texts do
    local value = one(parameter, texts[i])
    if value == nil then return nil end
    list[i] = value
  end
  if parameter.required and #list == 0 then return nil end
  return list
end

--- The value for a parameter. The second result is false when it does not fit.
local function convert(parameter, given)
  if parameter.list then
    local list = many(parameter, given)
    return list, list ~= nil
  end
  if given == nil then return parameter.default, not parameter.required end
  if type(given) == "table" then return nil, false end
  local value = one(parameter, given)
  return value, value ~= nil
end

--- What the request has under the name; of a header that may repeat, its lines.
local function given_for(c, field, parameter)
  if field == "headers" and parameter.list then return c.request:header_list(parameter.key) end
  return c[field][parameter.key]
end

local function convert_all(parameters, c, field)
  local values = {}
  for i = 1, #parameters do
    local parameter = parameters[i]
    local value, fits = convert(parameter, given_for(c, field, parameter))
    if not fits then return nil end
    values[i] = value
  end
  return values
end

local function store(parameters, values, target)
  for i = 1, #parameters do
    target[parameters[i].key] = values[i]
  end
end

local function is_allowed(auth, c)
  local who = c.auth
  if who == nil or who == false then return false end
  return auth == true or auth(who, c) and true or false
end

--- Nil when the request fits the route, else the status that tells why it does not:
--- 401, then 400, then 415.
---@param route_spec cro.http.RouteSpec
---@param c cro.http.Context
---@return integer|nil
function spec.check(route_spec, c)
  if route_spec.auth and not is_allowed(route_spec.auth, c) then return 401 end
  local converted = {}
  for field, parameters in pairs(route_spec.parameters) do
    converted[field] = convert_all(parameters, c, field)
    if not converted[field] then return 400 end
  end
  if route_spec.accepts and not media.is_accepted(c.request, route_spec.accepts) then return 415 end
  for field, values in pairs(converted) do
    store(route_spec.parameters[field], values, c[field])
  end
end

return spec
