--- Paths of named routes: "/products/42?sort=price" from a name and a table.
---
--- Values are percent-encoded; the query is sorted, so that equal links are equal
--- text. Header, cookie and auth parameters are no part of a link.
local errors = require "cro.errors"
local opts = require "cro.options"

local links = {}

local function encode(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- As a path segment; "." and ".." alone would be taken for steps in a tree.
local function encode_segment(text)
  text = tostring(text)
  if text == "." then return "%2E" end
  if text == ".." then return "%2E%2E" end
  return encode(text)
end

local function rest_of_path(parts, value, name)
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" then
    errors.misuse(("link %q: the rest of the path is a list of segments, got %s"):format(name, opts.show(value)))
  end
  for i = 1, #value do
    parts[#parts + 1] = encode_segment(value[i])
  end
end

--- Adds the parameters to the path up to the first optional one that is missing.
local function path_of(route, name, values, used)
  local parts, missing, skipped = {}, {}, nil
  for _, segment in ipairs(route.template.segments) do
    local key = segment.text
    local value = values[key]
    if segment.kind == "literal" then
      parts[#parts + 1] = encode_segment(key)
    elseif value == nil then
      if segment.optional then skipped = skipped or key end
      if not segment.optional and segment.kind ~= "slurpy" then missing[#missing + 1] = key end
    elseif skipped then
      errors.misuse(("link %q: %s stands behind %s, which is missing"):format(name, key, skipped))
    elseif segment.kind == "slurpy" then
      rest_of_path(parts, value, name)
    else
      parts[#parts + 1] = encode_segment(value)
    end
    if segment.kind ~= "literal" then used[key] = true end
  end
  return parts, missing
end

local function query_parameters(route)
  return route.spec.parameters.query
end

local function check_query(route, values, used, missing)
  local declared = query_parameters(route)
  if not declared then return {} end
  local known, extra = {}, {}
  for _, parameter in ipairs(declared) do
    known[parameter.key] = true
    local given = values[parameter.key]
    if parameter.required and given == nil then missing[#missing + 1] = parameter.key end
  end
  for key in pairs(values) do
    if not used[key] and not known[key] then extra[#extra + 1] = tostring(key) end
  end
  table.sort(extra)
  return extra
end

local function query_of(values, used)
  local keys, parts = {}, {}
  for key in pairs(values) do
    if not used[key] then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local list = type(values[key]) == "table" and values[key] or { values[key] }
    for i = 1, #list do
      parts[#parts + 1] = encode(key) .. "=" .. encode(list[i])
    end
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

local function complain(name, missing, extra)
  local parts = {}
  if #missing > 0 then parts[#parts + 1] = "missing " .. table.concat(missing, ", ") end
  if #extra > 0 then parts[#parts + 1] = "no parameter called " .. table.concat(extra, ", ") end
  if #parts > 0 then errors.misuse(("link %q: %s"):format(name, table.concat(parts, "; "))) end
end

local function find(named, name)
  if named[name] then return named[name] end
  local names = {}
  for key in pairs(named) do
    names[#names + 1] = key
  end
  table.sort(names)
  local near = opts.nearest(tostring(name), names)
  errors.misuse(("link: no route is called %s; %s"):format(opts.show(name),
    near and ("did you mean %q?"):format(near)
    or #names == 0 and 'name one with { name = "..." }'
    or "there are " .. table.concat(names, ", ")))
end

--- The path of a named route. Raises at the line of the script when the name or the
--- values do not fit.
---@param named table<string, table> the routes by name
---@param name string
---@param values table|nil path parameters, and query parameters
---@return string
function links.make(named, name, values)
  opts.argument("link", 1, name, "string")
  opts.argument("link", 2, values, "table|nil")
  local route, used = find(named, name), {}
  values = values or {}
  local parts, missing = path_of(route, name, values, used)
  local extra = check_query(route, values, used, missing)
  complain(name, missing, extra)
  return "/" .. table.concat(parts, "/") .. query_of(values, used)
end

return links
