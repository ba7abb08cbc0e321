--- JSON: text from Lua values and back.
---
--- Decoding is lua-cjson in an instance of its own: nesting up to 128, no NaN or
--- infinity, of a repeated key the last counts. Encoding is done by the core: numbers
--- are exact, strings must be UTF-8, a table with keys 1..n is an array, any other an
--- object; an empty one is {} unless `json.array` marked it.
local core = require "cro.core"
local errors = require "cro.errors"

local json = {}

--- Nesting that decoding accepts unless told otherwise.
json.max_depth = 128

local decoders = {}

local function decoder(depth)
  local found = decoders[depth]
  if found then return found end
  if type(depth) ~= "number" or not (depth >= 1 and depth <= 10000) or depth % 1 ~= 0 then
    errors.misuse(("json.decode: depth: a whole number from 1 to 10000 expected, got %s"):format(tostring(depth)))
  end
  local cjson = require("cjson").new()
  cjson.decode_max_depth(depth)
  cjson.decode_invalid_numbers(false)
  decoders[depth] = cjson
  return cjson
end

--- What JSON's null is in Lua, both ways: nil in a table would be no entry at all.
json.null = require("cjson").null

--- Marks a table (a new one by default) as an array, so that it is [] when empty.
---@generic T
---@param values T[]|nil
---@return T[]
function json.array(values)
  if values ~= nil and type(values) ~= "table" then
    errors.misuse(("json.array: a table expected, got %s"):format(type(values)))
  end
  return core.json_array(values or {})
end

--- The text of a value. Raises for what JSON has not: functions, NaN, bytes that are no
--- UTF-8, tables within themselves.
---@param value any
---@return string
function json.encode(value) return core.json_encode(value) end

--- The value of a text, or nil and an error of kind "syntax".
---@param text string
---@param depth integer|nil nesting accepted (128)
---@return any value
---@return cro.Error|nil err
function json.try_decode(text, depth)
  if type(text) ~= "string" then
    errors.misuse(("json.decode: a string expected, got %s"):format(type(text)))
  end
  local ok, value = pcall(decoder(depth or json.max_depth).decode, text)
  if ok then return value end
  return nil, errors.new("syntax", "malformed JSON: " .. tostring(value), { status = 400 })
end

--- The value of a text; raises an error of kind "syntax" for a malformed one.
---@param text string
---@param depth integer|nil nesting accepted (128)
---@return any
function json.decode(text, depth)
  local value, err = json.try_decode(text, depth)
  if err then error(err, 0) end
  return value
end

return json
