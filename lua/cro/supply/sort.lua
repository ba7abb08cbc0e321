--- Operators that wait for all values: grab, sort, reverse, collate; and rotate.
local errors = require "cro.errors"
local line = require "cro.line"
local options = require "cro.options"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local function send_all(head, values, n)
  local i = 1
  while i <= n do
    head(values[i])
    i = i + 1
  end
end

--- `opts.finish(values)` makes the list to be sent of the list of all.
local function grab_op(head, opts, self)
  local values, n, name, max = {}, 0, opts.name, opts.max
  line.before_done(self, function(done)
    values.n = n
    local result = opts.finish(values)
    if type(result) ~= "table" then
      errors.misuse(("%s: its function returned %s; it must return a list"):format(name, options.show(result)))
    end
    send_all(head, result, result.n or #result)
    return done()
  end)
  return function(value)
    if n >= max then stage.too_many(name, max) end
    n = n + 1
    values[n] = value
  end
end

local MAX = { max = stage.OPTION.kept }

local function grabbing(name, self, given, finish)
  self = stage.of(name, self)
  local opts = options.check(name, given, MAX)
  opts.name, opts.finish = name, finish
  return self:with(grab_op, opts)
end

--- The values of the list that `fn(values)` returns, called when the source is done with
--- the list of all values, `n` of them. More than `max` values (1,048,576) are an error.
---@param fn fun(values: table): table
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:grab(fn, given)
  self = stage.of("grab", self)
  return grabbing("grab", self, given, stage.fn("grab", fn))
end

local function merge_runs(from, to, low, middle, high, before)
  local left, right = low, middle
  for i = low, high - 1 do
    if left < middle and (right >= high or not before(from[right], from[left])) then
      to[i] = from[left]
      left = left + 1
    else
      to[i] = from[right]
      right = right + 1
    end
  end
end

--- Sorts by merging; equal values keep their order, and no order makes it fail.
local function sorted(values, before)
  local from, to, n, width = values, {}, values.n, 1
  while width < n do
    local low = 1
    while low <= n do
      merge_runs(from, to, low, math.min(low + width, n + 1), math.min(low + 2 * width, n + 1), before)
      low = low + 2 * width
    end
    from, to, width = to, from, width * 2
  end
  from.n = n
  return from
end

--- All values in order, when the source is done. `by` is a function of one value, its key;
--- or of two, whether the first comes before the second; or `{ key = fn }` or
--- `{ less = fn }`. Values that are equal keep their order. More than `max` values
--- (1,048,576) are an error.
---@param by nil|function|{ key: function|nil, less: function|nil }
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:sort(by, given)
  self = stage.of("sort", self)
  local before = stage.order("sort", by)
  return grabbing("sort", self, given, function(values) return sorted(values, before) end)
end

--- All values from the last to the first, when the source is done. More than `max`
--- (1,048,576) are an error.
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:reverse(given)
  return grabbing("reverse", self, given, function(values)
    local n = values.n
    for i = 1, math.floor(n / 2) do
      values[i], values[n + 1 - i] = values[n + 1 - i], values[i]
    end
    return values
  end)
end

local function before_bytes(a, b)
  if type(a) == "string" and type(b) == "string" then return a < b end
  errors.misuse(("collate sorts strings only, got %s; sort them by a key of your own"):format(
    options.show(type(a) == "string" and b or a)))
end

--- All strings in the order of their bytes, which for UTF-8 is that of the code points,
--- when the source is done. No language's own order: for that, sort by a key. More than
--- `max` (1,048,576) are an error.
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:collate(given)
  return grabbing("collate", self, given, function(values) return sorted(values, before_bytes) end)
end

local function rotate_op(head, n, self)
  local kept, seen = {}, 0
  line.before_done(self, function(done)
    local count = math.min(seen, n)
    local first = seen < n and seen > 0 and n % seen or 0
    local i = 0
    while i < count do
      head(kept[(first + i) % count + 1])
      i = i + 1
    end
    return done()
  end)
  return function(value)
    seen = seen + 1
    if seen > n then return head(value) end
    kept[seen] = value
  end
end

--- The values with the first `n` (1) at the end; the others pass at once. A negative
--- number brings so many from the end to the front, which waits for the source to be done.
---@param n integer|nil
---@return cro.Supply
function Supply:rotate(n)
  self = stage.of("rotate", self)
  if n == nil then n = 1 end
  options.argument("rotate", 1, n, "integer")
  if n == 0 then return self end
  if n > 0 then return self:with(rotate_op, n) end
  return grabbing("rotate", self, nil, function(values)
    local rotated, count = { n = 0 }, values.n
    rotated.n = count
    for i = 0, count - 1 do
      rotated[(i - n) % count + 1] = values[i + 1]
    end
    return rotated
  end)
end
