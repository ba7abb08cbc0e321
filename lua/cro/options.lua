--- Checks the one table of options that a function was given.
---
--- A spec maps each key to `{ type, default = , required = , one_of = , check = }`,
--- or to a type name alone. Types are those of `type()`, plus "any", "integer",
--- "callable", and alternatives written "number|string". The result is a new
--- table; what the caller gave is never changed. A mistake is an error at the
--- line of the script that made the call.
local errors = require "cro.errors"

local options = {}

---@class cro.OptionSpec
---@field [1] string expected type
---@field default any used when the key is absent
---@field required boolean|nil
---@field wants string|nil what to say is expected when it is missing; default the type
---@field one_of any[]|nil the values allowed
---@field check nil|fun(value: any): boolean, string|nil says what was expected when false

--- Can this be called?
---@param value any
---@return boolean
function options.is_callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or (type(meta) == "table" and meta.__call ~= nil)
end
local is_callable = options.is_callable

local function matches(value, expected)
  if type(value) == expected then return true end
  for name in expected:gmatch("[^|]+") do
    if name == "any" or type(value) == name then return true end
    if name == "callable" and is_callable(value) then return true end
    if name == "integer" and type(value) == "number" and value % 1 == 0 then return true end
  end
  return false
end

--- The number of single-letter changes that turn one word into the other.
local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b]
end

--- The word of `words` nearest to `given`, or nil when none is near.
---@param given string
---@param words string[]
---@return string|nil
function options.nearest(given, words)
  local best, best_distance
  for _, word in ipairs(words) do
    local d = distance(given, word)
    if d <= math.max(2, math.floor(#word / 2)) and (not best or d < best_distance) then
      best, best_distance = word, d
    end
  end
  return best
end

local function sorted_keys(spec)
  local keys = {}
  for key in pairs(spec) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function unknown(function_name, key, spec)
  local keys = sorted_keys(spec)
  local near = type(key) == "string" and options.nearest(key, keys)
  local cure = near and ("did you mean %q?"):format(near)
    or #keys == 0 and "it takes no options"
    or "it knows " .. table.concat(keys, ", ")
  local shown = type(key) == "string" and ("%q"):format(key) or ("[%s]"):format(tostring(key))
  errors.misuse(("%s: unknown option %s; %s"):format(function_name, shown, cure))
end

--- What `Class:new()` gives as the first argument.
local function is_class(value)
  return type(value) == "table" and rawget(value, "__index") == value and type(rawget(value, "__name")) == "string"
end

--- Bytes of a string that are shown in a message.
local SHOWN = 60

--- How a value is named in a message: "the string "x"", "a table", "nothing".
---@param value any
---@return string
function options.show(value)
  if type(value) == "string" then
    return ("the string %q%s"):format(value:sub(1, SHOWN), #value > SHOWN and "..." or "")
  end
  if type(value) == "number" or type(value) == "boolean" then
    return ("the %s %s"):format(type(value), tostring(value))
  end
  if is_class(value) then return "the class " .. value.__name:match "[^.]*$" end
  return value == nil and "nothing" or "a " .. type(value)
end

local show = options.show

--- The same in a message about an argument, with the likely reason.
local function show_given(function_name, value)
  local cure = is_class(value) and ("; write %s(...), with a dot"):format(function_name) or ""
  return show(value) .. cure
end

local function check_one_of(function_name, key, value, allowed)
  local names = {}
  for _, candidate in ipairs(allowed) do
    if candidate == value then return end
    names[#names + 1] = type(candidate) == "string" and ("%q"):format(candidate) or tostring(candidate)
  end
  local expected = "one of " .. table.concat(names, ", ")
  errors.misuse(("%s: option %q: expected %s, got %s"):format(function_name, key, expected, show(value)))
end

local function check_value(function_name, key, value, rule)
  local expected = rule[1]
  if not matches(value, expected) then
    errors.misuse(("%s: option %q: expected %s, got %s"):format(
      function_name, key, (expected:gsub("|", " or ")), show(value)))
  end
  if rule.one_of then check_one_of(function_name, key, value, rule.one_of) end
  if not rule.check then return end
  local ok, wanted = rule.check(value)
  if not ok then
    errors.misuse(("%s: option %q: expected %s, got %s"):format(
      function_name, key, wanted or "another value", show(value)))
  end
end

--- Returns the options with defaults filled in, or raises at the caller's line.
---@param function_name string as the script author calls it, e.g. "http.server"
---@param given table|nil
---@param spec table<string, cro.OptionSpec|string>
---@return table
function options.check(function_name, given, spec)
  if given ~= nil and (type(given) ~= "table" or is_class(given)) then
    errors.misuse(("%s: expected a table of options, got %s"):format(function_name, show_given(function_name, given)))
  end
  local result = {}
  for key, value in pairs(given or result) do
    local rule = spec[key]
    if rule == nil then unknown(function_name, key, spec) end
    check_value(function_name, key, value, type(rule) == "string" and { rule } or rule)
    result[key] = value
  end
  for key, rule in pairs(spec) do
    if type(rule) == "table" and result[key] == nil then
      if rule.required then
        errors.misuse(("%s: option %q is required (%s)"):format(function_name, key, rule.wants or rule[1]))
      end
      result[key] = rule.default
    end
  end
  return result
end

-- Loops over pairs end every trace that comes here, and at start, where most options are
-- checked, traces that begin here lead nowhere.
jit.off(options.check)

--- Checks one positional argument; raises at the caller's line when it is wrong.
---@param function_name string
---@param position integer|string
---@param value any
---@param expected string a type as in a spec
function options.argument(function_name, position, value, expected)
  if matches(value, expected) then return end
  errors.misuse(("%s: argument %s: expected %s, got %s"):format(
    function_name, position, (expected:gsub("|", " or ")), show_given(function_name, value)))
end

--- Checks one positional argument that is a time: a number, and not NaN.
---@param function_name string
---@param position integer|string
---@param value any
---@param at_least number|nil less is an error
function options.seconds(function_name, position, value, at_least)
  options.argument(function_name, position, value, "number")
  if value == value and value >= (at_least or -math.huge) then return end
  local wanted = at_least and (", %g or more"):format(at_least) or ""
  errors.misuse(("%s: argument %s: expected a number of seconds%s, got %s"):format(
    function_name, position, wanted, value ~= value and "NaN" or tostring(value)))
end

return options
