--- Operators on one source, value by value: map, grep, peek, on_close, head, skip, tail,
--- first, reduce, produce.
---
--- Each is `op(head, arg, line)`: it is given the next function of the chain and
--- returns its own. State lives in locals, so each tap has its own.
local line = require "cro.line"
local match = require "cro.supply.match"
local options = require "cro.options"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local function empty() return Supply.from_list {} end

local function map_op(head, fn)
  return function(value) return head(fn(value)) end
end

--- The values that `fn` makes of the values.
---@param fn fun(value: any): any
---@return cro.Supply
function Supply:map(fn) return stage.add_fn("map", self, map_op, fn) end

local function grep_op(head, accepts)
  return function(value)
    if accepts(value) then return head(value) end
  end
end

--- The values that `test` accepts: a function, a value to be equal to, a list of such
--- values, a class, `{ type = "number" }` or `{ pattern = "^a" }`.
---@param test any
---@return cro.Supply
function Supply:grep(test)
  self = stage.of("grep", self)
  return self:with(grep_op, match.fn("grep", test))
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
function Supply:peek(fn) return stage.add_fn("peek", self, peek_op, fn) end

local function head_op(head, n, self)
  local done, seen = line.done_of(self), 0
  return function(value)
    if seen >= n then return end
    seen = seen + 1
    head(value)
    if seen >= n then return line.complete(self, done) end
  end
end

--- Passes a value on when `but` more have come. Places go round by hand: a remainder
--- would cost more than all the rest.
local function head_but_op(head, but)
  local kept, at, full = {}, 0, false
  return function(value)
    local old, ready = kept[at], full
    kept[at] = value
    at = at + 1
    if at == but then
      at, full = 0, true
    end
    if ready then return head(old) end
  end
end

local BUT = { but = { "integer", required = true, check = function(n) return n >= 0, "0 or more" end } }

local function but_of(name, n)
  if type(n) ~= "table" then return nil end
  return options.check(name, n, BUT).but
end

--- The first `n` values (1); the source is closed as soon as they have come. 0 or less is
--- done at once, `math.huge` is all of them, `{ but = k }` is all but the last k.
---@param n integer|{ but: integer }|nil
---@return cro.Supply
function Supply:head(n)
  self = stage.of("head", self)
  local but = but_of("head", n)
  if but then return but == 0 and self or self:with(head_but_op, but) end
  n = stage.count("head", n)
  if n <= 0 then return empty() end
  return n == math.huge and self or self:with(head_op, n)
end

local function skip_op(head, n)
  local seen = 0
  return function(value)
    if seen >= n then return head(value) end
    seen = seen + 1
  end
end

--- All values but the first `n` (1).
---@param n integer|nil
---@return cro.Supply
function Supply:skip(n)
  self = stage.of("skip", self)
  n = stage.count("skip", n)
  return n <= 0 and self or self:with(skip_op, n)
end

local function nothing_op()
  return function() end
end

local function tail_op(head, n, self)
  local kept, at, full = {}, 0, false
  line.before_done(self, function(done)
    local i, left = full and at or 0, full and n or at
    while left > 0 do
      head(kept[i])
      i, left = i + 1, left - 1
      if i == n then i = 0 end
    end
    return done()
  end)
  return function(value)
    kept[at] = value
    at = at + 1
    if at == n then
      at, full = 0, true
    end
  end
end

--- The last `n` values (1), when the source is done; `{ but = k }` is all but the first k,
--- as they come.
---@param n integer|{ but: integer }|nil
---@return cro.Supply
function Supply:tail(n)
  self = stage.of("tail", self)
  local but = but_of("tail", n)
  if but then return self:skip(but) end
  n = stage.count("tail", n)
  if n <= 0 then return self:with(nothing_op) end
  return n == math.huge and self or self:with(tail_op, n)
end

local FIRST = { last_value = "boolean" }

local function is_options(value) return type(value) == "table" and value.last_value ~= nil end

--- The first value that `test` accepts (see `grep`), or the first of all; then the source
--- is closed. With `{ last_value = true }` the last one instead, when the source is done.
---@param test any|nil
---@param given { last_value: boolean|nil }|nil
---@return cro.Supply
function Supply:first(test, given)
  if given == nil and is_options(test) then
    test, given = nil, test
  end
  local found = stage.of("first", self)
  local opts = options.check("first", given, FIRST)
  if test ~= nil then found = found:with(grep_op, match.fn("first", test)) end
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
function Supply:reduce(fn) return stage.add_fn("reduce", self, reduce_op, fn) end

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
function Supply:produce(fn) return stage.add_fn("produce", self, produce_op, fn) end

local function on_close_op(head, fn, self)
  line.on_close(self, fn)
  return head
end

--- Calls `fn` once when a tap of this supply ends for any reason. The end comes when it has
--- returned, and the promise is settled that it may return.
---@param fn fun(): cro.Promise|nil
---@return cro.Supply
function Supply:on_close(fn) return stage.add_fn("on_close", self, on_close_op, fn) end

local function pass(value) return value end

stage.many(map_op, pass)
stage.many(grep_op, pass)
stage.many(peek_op, pass)
stage.many(head_op, 1)
stage.many(head_but_op, 1)
stage.many(tail_op, 1)
stage.many(skip_op, 1)
stage.many(produce_op, pass)
stage.many(reduce_op, pass)
