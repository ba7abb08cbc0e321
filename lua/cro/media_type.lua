--- Media types (RFC 9110 8.3, RFC 6838) and the choice among them.
---
--- A MediaType is an immutable value: type, subtype and parameter names in lower case,
--- parameter values unquoted. Its text quotes a value only where it must.
local core = require "cro.core"
local errors = require "cro.errors"
local options = require "cro.options"

---@class cro.MediaType
---@field type string e.g. "application"
---@field subtype string tree, name and suffix together, e.g. "vnd.api+json"
---@field tree string|nil "vnd", "prs" or "x", of "vnd.api+json"
---@field name string the subtype without tree and suffix, e.g. "api"
---@field suffix string|nil what follows the last "+", e.g. "json"
---@field parameters table<string, string>
local MediaType = {}
MediaType.__index = MediaType
MediaType.__name = "cro.MediaType"

local media_type = { MediaType = MediaType }

local TREES = { vnd = true, prs = true, x = true }

local function split_subtype(subtype)
  local rest, suffix = subtype:match "^(.+)%+([^+]+)$"
  rest = rest or subtype
  local tree, name = rest:match "^([^.]+)%.(.+)$"
  if not TREES[tree] then tree, name = nil, rest end
  return tree, name, suffix
end

--- Reads a media type. A stray ";" does no harm.
---@param text string
---@return cro.MediaType|nil
---@return cro.Error|nil err kind "media_type", with `reason`
function media_type.parse(text)
  options.argument("media_type.parse", 1, text, "string")
  local parsed, reason = core.media_parse(text)
  if not parsed then
    local message = ("Unable to parse media type '%s': %s"):format(text, reason)
    return nil, errors.new("media_type", message, { reason = reason })
  end
  parsed.tree, parsed.name, parsed.suffix = split_subtype(parsed.subtype)
  return setmetatable(parsed, MediaType)
end

--- A MediaType for a MediaType or a text known to be right; raises at the caller's line.
---@param value string|cro.MediaType
---@return cro.MediaType
function media_type.of(value)
  if getmetatable(value) == MediaType then return value end
  options.argument("media_type.of", 1, value, "string")
  local parsed, err = media_type.parse(value)
  if not parsed then errors.misuse(err.message) end
  return parsed
end

--- The type without its parameters: "text/html".
---@return string
function MediaType:type_and_subtype() return self.type .. "/" .. self.subtype end

--- The charset parameter in lower case.
---@return string|nil
function MediaType:charset()
  local charset = self.parameters.charset
  return charset and charset:lower()
end

--- The text of the whole type; parameters in the order of their names.
function MediaType:__tostring()
  local names, parts = {}, { self:type_and_subtype() }
  for name in pairs(self.parameters) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    parts[#parts + 1] = name .. "=" .. core.media_quote(self.parameters[name])
  end
  return table.concat(parts, "; ")
end

--- Equal when types, subtypes and all parameters are.
function MediaType.__eq(left, right) return tostring(left) == tostring(right) end

--- Whether this type, as a range ("text/*", "*/*"), takes in another. Parameters that
--- the range has must be there with the same value; "q" does not count.
---@param other string|cro.MediaType
---@return boolean
function MediaType:matches(other)
  other = media_type.of(other)
  if self.type ~= "*" and self.type ~= other.type then return false end
  if self.subtype ~= "*" and self.subtype ~= other.subtype then return false end
  for name, value in pairs(self.parameters) do
    if name ~= "q" and (other.parameters[name] or ""):lower() ~= value:lower() then return false end
  end
  return true
end

--- Cuts at a separator outside of quoted strings.
local function split(text, separator)
  local list, from, at, inside = {}, 1, 1, false
  while at <= #text do
    local char = text:sub(at, at)
    if char == "\\" and inside then
      at = at + 1
    elseif char == '"' then
      inside = not inside
    elseif char == separator and not inside then
      list[#list + 1] = text:sub(from, at - 1)
      from = at + 1
    end
    at = at + 1
  end
  list[#list + 1] = text:sub(from)
  return list
end

--- The element without its "q", and that as a number (RFC 9110 12.4.2); 1 when it has
--- none, or one that is no such number.
local function split_quality(element)
  local kept, quality = {}, 1
  for _, part in ipairs(split(element, ";")) do
    local q = part:match "^%s*[qQ]%s*=%s*(.-)%s*$"
    if not q then
      kept[#kept + 1] = part
    elseif q:find "^[01]%.?%d?%d?%d?$" then
      quality = math.min(tonumber(q), 1)
    end
  end
  return table.concat(kept, ";"):match "^%s*(.-)%s*$", quality
end

---@class cro.Quality
---@field value string the element without its "q" parameter
---@field quality number 0 to 1

--- Reads an Accept-like header into its values, best first; equal ones keep their order.
--- A missing or bad "q" is 1. No header, or an empty one, has no values.
---@param header string|nil
---@return cro.Quality[]
function media_type.qualities(header)
  options.argument("media_type.qualities", 1, header, "string|nil")
  local list = {}
  for index, element in ipairs(split(header or "", ",")) do
    local value, quality = split_quality(element)
    if value ~= "" then list[#list + 1] = { value = value, quality = quality, index = index } end
  end
  table.sort(list, function(a, b)
    if a.quality ~= b.quality then return a.quality > b.quality end
    return a.index < b.index
  end)
  for _, item in ipairs(list) do
    item.index = nil
  end
  return list
end

--- "*/*" 1, "text/*" 2, "text/html" 3, and more for each parameter.
local function specificity(range)
  local rank = range.type == "*" and 1 or range.subtype == "*" and 2 or 3
  for _ in pairs(range.parameters) do
    rank = rank + 1
  end
  return rank
end

local function quality_for(offer, ranges)
  local best, quality = 0, 0
  for _, range in ipairs(ranges) do
    local rank = specificity(range.type)
    if rank > best and range.type:matches(offer) then
      best, quality = rank, range.quality
    end
  end
  return quality
end

--- Chooses what to send for an Accept header: the offer with the highest quality, each
--- judged by the most specific range that takes it in; among equals the first offer.
---@param accept string|nil without one anything is acceptable
---@param offers string[] media types, the preferred one first
---@return string|nil offer nil when none is acceptable (406)
function media_type.negotiate(accept, offers)
  options.argument("media_type.negotiate", 2, offers, "table")
  local ranges = {}
  for _, item in ipairs(media_type.qualities(accept)) do
    local range = media_type.parse(item.value)
    if range then ranges[#ranges + 1] = { type = range, quality = item.quality } end
  end
  if #ranges == 0 then return offers[1] end
  local best, best_quality = nil, 0
  for _, offer in ipairs(offers) do
    local quality = quality_for(media_type.of(offer), ranges)
    if quality > best_quality then
      best, best_quality = offer, quality
    end
  end
  return best
end

return media_type
