--- Operators that know values again: unique, squish, repeated.
local fiber = require "cro.fiber"
local options = require "cro.options"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

--- Keys of a table for what cannot be one.
local NIL, NAN = {}, {}

local function key_of(value)
  if value == nil then return NIL end
  return value == value and value or NAN
end

--- Remembers keys, at most `max`; finds them by a function that compares.
local function compared(with, max, name)
  local seen, n = {}, 0
  return function(key)
    for i = 1, n do
      if with(seen[i], key) then return true end
    end
    if n >= max then stage.too_many(name, max) end
    n = n + 1
    seen[n] = key
    return false
  end
end

--- The same by equality.
local function hashed(max, name)
  local seen, n = {}, 0
  return function(value)
    local key = key_of(value)
    if seen[key] then return true end
    if n >= max then stage.too_many(name, max) end
    n = n + 1
    seen[key] = true
    return false
  end
end

--- Keys in the order they came, each with the time when it is forgotten.
local function expiring(opts, name)
  local with, max, expires = opts.with, opts.max, opts.expires
  local keys, ends, known, first, last = {}, {}, {}, 1, 0
  local function forget(at)
    while first <= last and ends[first] <= at do
      known[key_of(keys[first])] = nil
      keys[first], ends[first] = nil, nil
      first = first + 1
    end
  end
  local function is_known(key)
    if not with then return known[key_of(key)] end
    for i = first, last do
      if with(keys[i], key) then return true end
    end
    return false
  end
  return function(key)
    local at = fiber.now()
    forget(at)
    if is_known(key) then return true end
    if last - first + 1 >= max then stage.too_many(name, max) end
    last = last + 1
    keys[last], ends[last] = key, at + expires
    known[key_of(key)] = true
    return false
  end
end

local function memory(opts, name)
  if opts.expires then return expiring(opts, name) end
  return opts.with and compared(opts.with, opts.max, name) or hashed(opts.max, name)
end

local function unique_op(head, opts)
  local as, known = opts.as, memory(opts, "unique")
  return function(value)
    local key = value
    if as then key = as(value) end
    if not known(key) then return head(value) end
  end
end

local function repeated_op(head, opts)
  local as, known = opts.as, memory(opts, "repeated")
  return function(value)
    local key = value
    if as then key = as(value) end
    if known(key) then return head(value) end
  end
end

local UNIQUE = { as = "callable", with = "callable", expires = stage.OPTION.seconds, max = stage.OPTION.kept }

--- Each value the first time it comes. Values are compared by `as(value)`, with
--- `with(a, b)`, which is equality by default. With `expires` a value is forgotten so many
--- seconds after it was emitted. More than `max` remembered values (1,048,576) are an
--- error.
---@param given { as: function|nil, with: function|nil, expires: number|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:unique(given)
  self = stage.of("unique", self)
  return self:with(unique_op, options.check("unique", given, UNIQUE))
end

local REPEATED = { as = "callable", with = "callable", max = stage.OPTION.kept }

--- Each value from the second time it comes on. Options as for `unique`.
---@param given { as: function|nil, with: function|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:repeated(given)
  self = stage.of("repeated", self)
  return self:with(repeated_op, options.check("repeated", given, REPEATED))
end

local function same(a, b) return a == b or (a ~= a and b ~= b) end

local function squish_op(head, opts)
  local as, with, begun, last = opts.as, opts.with or same, false, nil
  return function(value)
    local key = value
    if as then key = as(value) end
    local again = begun and with(last, key)
    begun, last = true, key
    if not again then return head(value) end
  end
end

local SQUISH = { as = "callable", with = "callable" }

--- Leaves out a value that is the same as the one before; `as` and `with` as for `unique`.
---@param given { as: function|nil, with: function|nil }|nil
---@return cro.Supply
function Supply:squish(given)
  self = stage.of("squish", self)
  return self:with(squish_op, options.check("squish", given, SQUISH))
end

stage.many(unique_op, { max = 1 })
stage.many(squish_op, {})
