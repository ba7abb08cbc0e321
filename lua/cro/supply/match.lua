--- What `grep`, `first` and others take for a test.
---
--- A function is called with the value. A list holds the values that are accepted, a class
--- (a table with `__index`) accepts its objects, `{ type = "number" }` what is of that type,
--- `{ pattern = "^a" }` strings in which the pattern is found. Anything else is a value to
--- be equal to.
local errors = require "cro.errors"
local options = require "cro.options"

local match = {}

local TYPES = { "boolean", "cdata", "function", "nil", "number", "string", "table", "thread", "userdata" }

local KEYS = {
  type = { "string", one_of = TYPES },
  pattern = "string",
}

local function one_of(list)
  local wanted = {}
  for i = 1, list.n or #list do
    local value = list[i]
    if value == nil then
      wanted[match] = true -- stands for nil, which is no key
    elseif value == value then
      wanted[value] = true
    end
  end
  return function(value)
    if value == nil then return wanted[match] ~= nil end
    return wanted[value] ~= nil
  end
end

local function instance_of(class)
  return function(value)
    local meta = getmetatable(value)
    while type(meta) == "table" do
      if meta == class then return true end
      local parent = getmetatable(meta)
      meta = type(parent) == "table" and parent.__index or nil
    end
    return false
  end
end

local function by_rules(name, given)
  local rules = options.check(name, given, KEYS)
  local wanted, pattern = rules.type, rules.pattern
  if pattern then
    local ok, err = pcall(string.find, "", pattern)
    if not ok then errors.misuse(("%s: option \"pattern\": %s"):format(name, err)) end
  end
  return function(value)
    if wanted and type(value) ~= wanted then return false end
    if not pattern then return true end
    return type(value) == "string" and value:find(pattern) ~= nil
  end
end

local function of_table(name, test)
  if test[1] ~= nil or test.n or next(test) == nil then return one_of(test) end
  if test.__index ~= nil then return instance_of(test) end
  return by_rules(name, test)
end

--- The function that tells whether a value is accepted.
---@param name string of the operator, for messages
---@param test any
---@return fun(value: any): any
function match.fn(name, test)
  if test == nil then
    errors.misuse(("%s: argument 1: expected a test, got nothing; "
      .. "a function, a value, a list of values, a class, { type = } or { pattern = }"):format(name))
  end
  if type(test) == "function" then return test end
  local meta = getmetatable(test)
  if type(meta) == "table" and meta.__call and test.__index == nil then
    return function(value) return test(value) end
  end
  if type(test) == "table" and (meta == nil or test.__index ~= nil) then return of_table(name, test) end
  return function(value) return value == test end
end

return match
