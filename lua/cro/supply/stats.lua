--- Operators that count and compare: elems, min, max, minmax.
local fiber = require "cro.fiber"
local line = require "cro.line"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local function count_op(head)
  local count = 0
  return function()
    count = count + 1
    return head(count)
  end
end

local function count_timed_op(head, seconds, self)
  local count, told, next_at, now = 0, 0, fiber.now(), fiber.now
  line.before_done(self, function(done)
    if told ~= count then head(count) end
    return done()
  end)
  return function()
    count = count + 1
    local at = now()
    if at < next_at then return end
    next_at, told = at + seconds, count
    return head(count)
  end
end

--- How many values have come: 1, 2, 3. With `seconds` at most one count in so many
--- seconds, and the last one when the source is done.
---@param seconds number|nil
---@return cro.Supply
function Supply:elems(seconds)
  self = stage.of("elems", self)
  if seconds == nil then return self:with(count_op) end
  return self:with(count_timed_op, stage.seconds("elems", 1, seconds))
end

local function min_op(head, before)
  local known, best = false, nil
  return function(value)
    if value == nil or value ~= value or (known and not before(value, best)) then return end
    known, best = true, value
    return head(value)
  end
end

local function max_op(head, before)
  local known, best = false, nil
  return function(value)
    if value == nil or value ~= value or (known and not before(best, value)) then return end
    known, best = true, value
    return head(value)
  end
end

local function minmax_op(head, before)
  local known, low, high = false, nil, nil
  return function(value)
    if value == nil or value ~= value then return end
    if not known then
      known, low, high = true, value, value
    elseif before(value, low) then
      low = value
    elseif before(high, value) then
      high = value
    else
      return
    end
    local range = { min = false, max = false }
    range.min, range.max = low, high
    return head(range)
  end
end

--- The values that are smaller than all before; nil and NaN are left out. `by` is a function of one
--- value, its key; or of two, whether the first comes before the second; or `{ key = fn }`
--- or `{ less = fn }`.
---@param by nil|function|{ key: function|nil, less: function|nil }
---@return cro.Supply
function Supply:min(by)
  self = stage.of("min", self)
  return self:with(min_op, stage.order("min", by))
end

--- The values that are greater than all before; nil and NaN are left out. `by` as for `min`.
---@param by nil|function|{ key: function|nil, less: function|nil }
---@return cro.Supply
function Supply:max(by)
  self = stage.of("max", self)
  return self:with(max_op, stage.order("max", by))
end

--- `{ min = a, max = b }`, a new table each time one of them changes; nil and NaN are left out.
--- `by` as for `min`.
---@param by nil|function|{ key: function|nil, less: function|nil }
---@return cro.Supply
function Supply:minmax(by)
  self = stage.of("minmax", self)
  return self:with(minmax_op, stage.order("minmax", by))
end

local function less(a, b) return a < b end

stage.many(count_op)
stage.many(min_op, less)
stage.many(max_op, less)
