--- The types of path, query, header and cookie parameters.
---
--- A type is a function from text to value, nil for "no such value". The core
--- converts path captures of the built-in types itself; these do the same for
--- text that does not come from the path. Scripts add their own by name. A name
--- means what it means when a route is written: a later definition changes no
--- route made before it.
local errors = require "cro.errors"
local opts = require "cro.options"

local types = {}

--- The greatest integer that a double tells from its neighbours; above, text stays text.
local MAX_EXACT = "9007199254740991"

local I64_MAX, I64_MIN, U64_MAX = "9223372036854775807", "9223372036854775808", "18446744073709551615"

--- Compares two runs of decimal digits without leading zeros.
local function not_above(digits, limit)
  if #digits ~= #limit then return #digits < #limit end
  return digits <= limit
end

---@param max string greatest value
---@param min string|nil greatest magnitude below zero; nil: no sign allowed
local function sized(max, min)
  return function(text)
    local sign, digits = text:match "^(%-?)0*(%d+)$"
    if not digits or (sign == "-" and not min) then return nil end
    if not not_above(digits, sign == "-" and min or max) then return nil end
    if not not_above(digits, MAX_EXACT) then return text end
    return tonumber(text) + 0
  end
end

local function is_decimal(text)
  local rest = text:match "^%-?%d+(.*)$"
  if not rest then return false end
  rest = rest:match "^%.%d+(.*)$" or rest
  return rest == "" or rest:match "^[eE][%+%-]?%d+$" ~= nil
end

local function number(text)
  if not is_decimal(text) then return nil end
  local value = tonumber(text)
  if value == math.huge or value == -math.huge then return nil end
  return value
end

local function pattern(form)
  return function(text) return text:match(form) and text or nil end
end

local HEX = ("%x"):rep(4)

--- RFC 9562: its variant, and a version from 1 to 8 or the one asked for.
local function uuid(version)
  local form = "^" .. HEX .. HEX .. "%-" .. HEX .. "%-" .. (version or "[1-8]") .. "%x%x%x%-[89abAB]%x%x%x%-"
    .. HEX .. HEX .. HEX .. "$"
  return pattern(form)
end

local function is_leap(year) return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) end

local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function date(text)
  local year, month, day = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not year then return nil end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local last = month == 2 and is_leap(year) and 29 or DAYS[month]
  return last and year >= 1 and day >= 1 and day <= last and text or nil
end

local function bool(text)
  if text == "true" then return true end
  if text == "false" then return false end
  return nil
end

local builtin = {
  int = sized(I64_MAX, I64_MIN),
  uint = sized(U64_MAX),
  number = number,
  bool = bool,
  uuid = uuid(),
  alpha = pattern "^[A-Za-z]+$",
  alnum = pattern "^[A-Za-z0-9]+$",
  hex = pattern "^%x+$",
  date = date,
  int8 = sized("127", "128"),
  int16 = sized("32767", "32768"),
  int32 = sized("2147483647", "2147483648"),
  int64 = sized(I64_MAX, I64_MIN),
  uint8 = sized "255",
  uint16 = sized "65535",
  uint32 = sized "4294967295",
  uint64 = sized(U64_MAX),
}

for version = 1, 8 do
  builtin["uuid" .. version] = uuid(tostring(version))
end

local custom = {}

--- True for a type that the core checks and converts by itself.
---@param name string
---@return boolean
function types.is_builtin(name) return builtin[name] ~= nil and custom[name] == nil end

--- The function of a type, or nil when there is no such type.
---@param name string
---@return nil|fun(text: string): any
function types.find(name)
  return custom[name] or builtin[name]
end

---@return string[]
local function names()
  local list = { "string" }
  for name in pairs(builtin) do
    list[#list + 1] = name
  end
  for name in pairs(custom) do
    if not builtin[name] then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

--- What to say about a name that is no type: the nearest one, or all of them.
---@param name string
---@return string
function types.cure(name)
  local near = opts.nearest(name, names())
  if near then return ("did you mean %q?"):format(near) end
  return "there are " .. table.concat(names(), ", ") .. "; make your own with r.type(name, fn)"
end

--- Defines a type, for routes written after it; it takes the place of a built-in one of
--- that name. Answers an entry that may stand in a route table.
---@param name string letters, digits and "_", not "string"
---@param convert fun(text: string): any the value, or nil when the text is none; must not wait
---@return table
function types.define(name, convert)
  opts.argument("r.type", 1, name, "string")
  opts.argument("r.type", 2, convert, "callable")
  if not name:match "^[%a_][%w_]*$" then
    errors.misuse(("r.type: %q is no name for a type; use letters, digits and _"):format(name))
  end
  if name == "string" then
    errors.misuse 'r.type: "string" is what every segment is; choose another name'
  end
  custom[name] = convert
  return { kind = "type", name = name }
end

return types
