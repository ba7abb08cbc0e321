--- JSON: text from Lua values and back.
---
--- Both ways are the core's. Decoding takes RFC 8259 and nothing beside it; of a
--- repeated key the last value counts, and every array it makes is marked as
--- `json.array` does it. Encoding is exact for numbers, strings must be UTF-8, a table
--- with keys 1..n is an array, any other an object; an empty one is {} unless it is
--- marked.
local core = require "cro.core"
local errors = require "cro.errors"

local json = {}

--- Nesting that decoding accepts unless told otherwise.
json.max_depth = 128

--- The most that a caller may allow.
local DEPTH_LIMIT = 1000

local function check_depth(depth)
  if type(depth) ~= "number" or not (depth >= 1 and depth <= DEPTH_LIMIT) or depth % 1 ~= 0 then
    errors.misuse(
      ("json.decode: depth: a whole number from 1 to %d expected, got %s"):format(DEPTH_LIMIT, tostring(depth))
    )
  end
  return depth
end

--- What JSON's null is in Lua, both ways: nil in a table would be no entry at all.
json.null = core.json_null

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

--- The error for a text that is no JSON.
---@package
---@param reason string
---@return cro.Error
function json.malformed(reason) return errors.new("syntax", "malformed JSON: " .. reason, { status = 400 }) end

--- The value of a text, or nil and an error of kind "syntax" that says at which byte
--- what was expected and what was found. Null is `json.null` and false is false, so nil
--- always means an error.
---@param text string
---@param depth integer|nil nesting accepted, 1 to 1000 (128)
---@return any value
---@return cro.Error|nil err
function json.try_decode(text, depth)
  if type(text) ~= "string" then
    errors.misuse(("json.decode: a string expected, got %s"):format(type(text)))
  end
  local value, reason = core.json_decode(text, check_depth(depth or json.max_depth))
  if reason == nil then return value end
  return nil, json.malformed(reason)
end

--- The value of a text; raises an error of kind "syntax" for a malformed one.
---@param text string
---@param depth integer|nil nesting accepted, 1 to 1000 (128)
---@return any
function json.decode(text, depth)
  local value, err = json.try_decode(text, depth)
  if err then error(err, 0) end
  return value
end

return json
