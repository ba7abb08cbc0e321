--- Lua patterns on text that may go on: besides where a match ends, whether that could
--- have been different with more text.
---
--- `string.find` cannot say that, so this is a matcher of its own. Each item of a pattern
--- becomes a function that takes a place and calls the one behind it. As soon as one looks
--- beyond the end of the text, nothing found is certain, and all of them give up.
local errors = require "cro.errors"

local byte, char, find = string.byte, string.char, string.find

local pattern = {}

--- What is looked at: one text at a time, so that no match makes a table.
local text, stop, hit = "", 0, false

local function beyond()
  hit = true
  return nil
end

local function one(set, behind)
  return function(at)
    if at > stop then return beyond() end
    if set[byte(text, at)] then return behind(at + 1) end
  end
end

local function most(set, behind)
  return function(at)
    local to = at
    while to <= stop and set[byte(text, to)] do
      to = to + 1
    end
    if to > stop then return beyond() end
    while to >= at do
      local found = behind(to)
      if found or hit then return found end
      to = to - 1
    end
  end
end

local function fewest(set, behind)
  return function(at)
    while true do
      local found = behind(at)
      if found or hit then return found end
      if at > stop then return beyond() end
      if not set[byte(text, at)] then return nil end
      at = at + 1
    end
  end
end

local function perhaps(set, behind)
  return function(at)
    if at > stop then return beyond() end
    if set[byte(text, at)] then
      local found = behind(at + 1)
      if found or hit then return found end
    end
    return behind(at)
  end
end

local function balanced(open, close, behind)
  return function(at)
    if at > stop then return beyond() end
    if byte(text, at) ~= open then return nil end
    local depth = 1
    while true do
      at = at + 1
      if at > stop then return beyond() end
      local current = byte(text, at)
      if current == close then
        depth = depth - 1
        if depth == 0 then return behind(at + 1) end
      elseif current == open then
        depth = depth + 1
      end
    end
  end
end

local function frontier(set, behind)
  return function(at)
    if at > stop then return beyond() end
    local before = at > 1 and byte(text, at - 1) or 0
    if set[before] or not set[byte(text, at)] then return nil end
    return behind(at)
  end
end

local function at_end(at)
  if at > stop then return beyond() end
end

local function matched(at) return at end

local REPEATS = { ["*"] = most, ["-"] = fewest, ["?"] = perhaps }

--- Which bytes a single item of a pattern, like "%a" or "[^x]", stands for.
local function set_of(item)
  local set = {}
  for code = 0, 255 do
    set[code] = find(char(code), "^" .. item .. "$") ~= nil
  end
  return set
end

local function malformed(name, source, why)
  errors.misuse(("%s: argument 1: malformed pattern %q: %s"):format(name, source, why))
end

--- How long the single item at a place is: a character, a class, a set.
local function single_length(name, source, at)
  local mark = source:sub(at, at)
  if mark == "%" and at == #source then malformed(name, source, "it ends with %") end
  if mark == "%" then return 2 end
  if mark ~= "[" then return 1 end
  local to = at + 1
  if source:sub(to, to) == "^" then to = to + 1 end
  repeat -- the first "]" of a set is one of its members
    if source:sub(to, to) == "%" then to = to + 1 end
    to = to + 1
    if to > #source then malformed(name, source, "a [ without its ]") end
  until source:sub(to, to) == "]"
  return to - at + 1
end

local function parse_balanced(name, source, at)
  if at + 3 > #source then malformed(name, source, "%b without its two characters") end
  return { kind = "balanced", open = byte(source, at + 2), close = byte(source, at + 3) }, 4
end

local function parse_frontier(name, source, at)
  if source:sub(at + 2, at + 2) ~= "[" then malformed(name, source, "%f without a set") end
  local length = single_length(name, source, at + 2)
  return { kind = "frontier", set = set_of(source:sub(at + 2, at + 1 + length)) }, 2 + length
end

local function parse_single(name, source, at)
  local length = single_length(name, source, at)
  -- Standing alone, what is magic at the edges of a pattern must be quoted.
  local item = source:sub(at, at + length - 1):gsub("^[%^%$]$", "%%%0")
  local times = source:match("^[*+?-]", at + length)
  return { kind = "single", item = item, set = set_of(item), times = times }, length + (times and 1 or 0)
end

local function parse_item(name, source, at)
  local two = source:sub(at, at + 1)
  if two == "$" then return { kind = "end" }, 1 end
  if two == "%b" then return parse_balanced(name, source, at) end
  if two == "%f" then return parse_frontier(name, source, at) end
  if two:find "^%%%d" then
    errors.misuse(("%s: argument 1: a pattern with %s cannot be used on text in pieces"):format(name, two))
  end
  return parse_single(name, source, at)
end

--- Items of a pattern: `{ kind =, set =, ... }`. Captures do not change what matches.
local function parse(name, source)
  local items, at, depth = {}, 1, 0
  while at <= #source do
    local mark, item, length = source:sub(at, at), nil, 1
    if mark == "(" then
      depth = depth + 1
    elseif mark == ")" then
      depth = depth - 1
    else
      item, length = parse_item(name, source, at)
    end
    if depth < 0 then malformed(name, source, "a ) without its (") end
    items[#items + 1] = item
    at = at + length
  end
  if depth > 0 then malformed(name, source, "a ( without its )") end
  return items
end

local function build(items)
  local match = matched
  for i = #items, 1, -1 do
    local item = items[i]
    if item.kind == "end" then
      match = at_end
    elseif item.kind == "balanced" then
      match = balanced(item.open, item.close, match)
    elseif item.kind == "frontier" then
      match = frontier(item.set, match)
    elseif item.times == "+" then
      match = one(item.set, most(item.set, match))
    else
      match = (REPEATS[item.times] or one)(item.set, match)
    end
  end
  return match
end

--- What every match begins with, as a pattern of one item, or false.
local function beginning(items)
  local first = items[1]
  if not first or first.kind ~= "single" or REPEATS[first.times] then return false end
  return first.item
end

---@class cro.Pattern
---@field match fun(at: integer): integer|nil
---@field first string|false
local Pattern = {}
Pattern.__index = Pattern

--- Prepares a pattern. It may not begin with "^", as for `string.gmatch`, nor refer to its
--- own captures.
---@param name string of the operator, for messages
---@param source string
---@return cro.Pattern
function pattern.new(name, source)
  if source:sub(1, 1) == "^" then
    errors.misuse(("%s: argument 1: a pattern that begins with ^ matches once at most; leave it out"):format(name))
  end
  local items = parse(name, source)
  return setmetatable({ match = build(items), first = beginning(items), source = source }, Pattern)
end

local function search(self, subject, at)
  local match, first, last = self.match, self.first, #subject
  while at <= last do
    if first then
      at = find(subject, first, at)
      if not at then return nil, last + 1 end
    end
    local behind = match(at)
    if hit then return nil, at end
    if behind then return at, behind end
    at = at + 1
  end
  return nil, at
end

--- The first match from a place on: where it begins and the place behind it. Or nil and
--- the place from which on nothing is certain.
---@param subject string
---@param at integer
---@return integer|nil first, integer behind
function Pattern:find(subject, at)
  text, stop, hit = subject, #subject, false
  local first, behind = search(self, subject, at)
  text = "" -- nothing is kept from the collector
  return first, behind
end

return pattern
