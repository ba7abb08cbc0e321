--- Operators on one source: map, grep, peek, head, skip, first, tail, batch, reduce,
--- produce, on_close.
---
--- Each is `op(head, arg, line)`: it is given the next function of the chain and
--- returns its own. State lives in locals, so each tap has its own.
local line = require "cro.line"
local options = require "cro.options"
local Supply = require "cro.supply"
local fiber = require "cro.fiber"

local function count_of(name, n)
  if n == nil then return 1 end
  options.argument(name, 1, n, "number")
  return n
end

local function empty() return Supply.from_list {} end

--- The values that `fn` makes of the values.
---@param fn fun(value: any): any
---@return cro.Supply
function Supply:map(fn)
  options.argument("map", 1, fn, "callable")
  return self:with(function(head, f)
    return function(value) return head(f(value)) end
  end, fn)
end

--- The values for which `test` is true: a function, or a value to be equal to.
---@param test any
---@return cro.Supply
function Supply:grep(test)
  if type(test) ~= "function" then
    local wanted = test
    test = function(value) return value == wanted end
  end
  return self:with(function(head, accepts)
    return function(value)
      if accepts(value) then return head(value) end
    end
  end, test)
end

--- The same as `grep`.
Supply.filter = Supply.grep

local function peek_op(head, fn)
  return function(value)
    fn(value)
    return head(value)
  end
end

--- Calls `fn` with each value and passes the value on.
---@param fn fun(value: any)
---@return cro.Supply
function Supply:peek(fn)
  options.argument("peek", 1, fn, "callable")
  return self:with(peek_op, fn)
end

local function head_op(head, n, self)
  local done, seen = line.done_of(self), 0
  return function(value)
    if seen >= n then return end
    seen = seen + 1
    head(value)
    if seen >= n then return line.complete(self, done) end
  end
end

--- The first `n` values (1); the source is closed as soon as they have come.
---@param n integer|nil
---@return cro.Supply
function Supply:head(n)
  n = count_of("head", n)
  if n <= 0 then return empty() end
  return n == math.huge and self or self:with(head_op, n)
end

local function skip_op(head, n)
  local seen = 0
  return function(value)
    seen = seen + 1
    if seen > n then return head(value) end
  end
end

--- All values but the first `n` (1).
---@param n integer|nil
---@return cro.Supply
function Supply:skip(n) return self:with(skip_op, count_of("skip", n)) end

local function tail_op(head, n, self)
  local kept, seen = {}, 0
  line.before_done(self, function(done)
    local i = math.max(0, seen - n)
    while i < seen do
      head(kept[i % n])
      i = i + 1
    end
    return done()
  end)
  return function(value)
    kept[seen % n] = value
    seen = seen + 1
  end
end

--- The last `n` values (1), when the source is done.
---@param n integer|nil
---@return cro.Supply
function Supply:tail(n)
  n = count_of("tail", n)
  if n <= 0 then return self:grep(function() return false end) end
  return n == math.huge and self or self:with(tail_op, n)
end

--- The first value for which `test` is true, or the first of all. With
--- `{ last_value = true }` the last one instead.
---@param test any|nil
---@param given { last_value: boolean|nil }|nil
---@return cro.Supply
function Supply:first(test, given)
  if given == nil and type(test) == "table" and getmetatable(test) == nil then
    test, given = nil, test
  end
  local opts = options.check("first", given, { last_value = "boolean" })
  local found = test == nil and self or self:grep(test)
  return opts.last_value and found:tail(1) or found:head(1)
end

local function reduce_op(head, fn, self)
  local seen, result = false, nil
  line.before_done(self, function(done)
    head(result)
    return done()
  end)
  return function(value)
    if seen then
      result = fn(result, value)
    else
      seen, result = true, value
    end
  end
end

--- The result of folding all values, when the source is done; nil when there was none.
---@param fn fun(result: any, value: any): any the first value is the first result
---@return cro.Supply
function Supply:reduce(fn)
  options.argument("reduce", 1, fn, "callable")
  return self:with(reduce_op, fn)
end

local function produce_op(head, fn)
  local seen, result = false, nil
  return function(value)
    if seen then
      result = fn(result, value)
    else
      seen, result = true, value
    end
    return head(result)
  end
end

--- The results of folding the values so far.
---@param fn fun(result: any, value: any): any the first value is the first result
---@return cro.Supply
function Supply:produce(fn)
  options.argument("produce", 1, fn, "callable")
  return self:with(produce_op, fn)
end

local function on_close_op(head, fn, self)
  local closers = self.closers or {}
  closers[#closers + 1] = fn
  self.closers = closers
  return head
end

--- Calls `fn` once when a tap of this supply ends for any reason.
---@param fn fun()
---@return cro.Supply
function Supply:on_close(fn)
  options.argument("on_close", 1, fn, "callable")
  return self:with(on_close_op, fn)
end

local BATCH = {
  elems = { "integer", check = function(n) return n >= 1, "1 or more" end },
  seconds = { "number", check = function(n) return n > 0, "more than 0" end },
  emit_timed = { "boolean", default = false },
}

local function batch_op(head, opts, self)
  local elems, seconds = opts.elems, opts.seconds
  local held, n, slot = {}, 0, nil
  local function flush()
    if n == 0 then return end
    local full = held
    held, n = {}, 0
    return head(full)
  end
  line.before_done(self, function(done)
    flush()
    return done()
  end)
  return function(value)
    local now = seconds and math.floor(fiber.now() / seconds)
    if now ~= slot then flush() end
    slot = now
    n = n + 1
    held[n] = value
    if n == elems then return flush() end
  end
end

--- Lists of values: of `elems` at most, or of one time slot of `seconds`. A slot ends
--- with the next value, unless `emit_timed` sends it when its time is over. What is
--- left comes when the source is done.
---@param given { elems: integer|nil, seconds: number|nil, emit_timed: boolean|nil }
---@return cro.Supply
function Supply:batch(given)
  local opts = options.check("batch", given, BATCH)
  if opts.seconds and opts.emit_timed then return Supply.batch_timed(self, opts) end
  return self:with(batch_op, opts)
end

-- A trace compiled when few closures of a kind were made holds for that one closure only;
-- loops over later pipelines then leave it at every value (29 ns against 2.3). So the
-- kinds that do little per value are made known as many.
do
  local none, CLOSURES = {}, 4
  local function pass(value) return value end
  local source = setmetatable({}, Supply)
  for _, stage in ipairs { source:map(pass), source:grep(pass), source:peek(pass) } do
    for _ = 1, CLOSURES do
      stage.op(pass, stage.arg, none)
    end
  end
end
