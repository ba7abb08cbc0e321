--- What operators have in common: who they are called on, their arguments, the bounds of
--- what they keep, and how their closures are made known to the compiler.
local errors = require "cro.errors"
local options = require "cro.options"
local receiver = require "cro.receiver"
local Supply = require "cro.supply"

local stage = {}

--- Values that an operator may hold before it holds its source.
stage.BUFFER = 1024
--- Values that an operator may keep until its source is done.
stage.MAX_KEPT = 1048576
--- Bytes of one piece of text; a longer one is an attempt to fill the memory.
stage.MAX_TEXT = 1024 * 1024

local function at_least(least)
  return function(n) return n >= least and n == n, least .. " or more" end
end

--- Options that several operators have.
stage.OPTION = {
  buffer = { "integer", default = stage.BUFFER, check = at_least(1) },
  kept = { "integer", default = stage.MAX_KEPT, check = at_least(1) },
  text = { "integer", default = stage.MAX_TEXT, check = at_least(1) },
  seconds = { "number", check = function(n) return n > 0 and n < math.huge, "seconds, more than 0" end },
}

--- The supply an operator is called on; anything with a supply method will do.
---@param name string of the operator
---@param self any
---@return cro.Supply
function stage.of(name, self)
  if getmetatable(self) == Supply then return self end
  local kind = type(self)
  local gives = (kind == "table" or kind == "userdata") and type(self.supply) == "function"
  if gives then return Supply.given_by(self, name) end
  receiver.refuse("supply", name, self)
end

--- The supply with one more operator.
---@param name string of the operator
---@param self any what it is called on
---@param op fun(head: fun(value: any), arg: any, line: table): fun(value: any)
---@param arg any
---@return cro.Supply
function stage.add(name, self, op, arg) return stage.of(name, self):with(op, arg) end

--- Checks an argument that must be a function, or can be called like one.
---@param name string of the operator
---@param fn any
---@param position integer|nil 1 by default
---@return function
function stage.fn(name, fn, position)
  options.argument(name, position or 1, fn, "callable")
  return fn
end

--- The supply with an operator whose argument is a function.
---@param name string of the operator
---@param self any what it is called on
---@param op fun(head: fun(value: any), arg: any, line: table): fun(value: any)
---@param fn any
---@return cro.Supply
function stage.add_fn(name, self, op, fn)
  self = stage.of(name, self)
  return self:with(op, stage.fn(name, fn))
end

--- Checks a count: a whole number of any sign, or infinity.
---@param name string of the operator
---@param n any
---@return number n 1 when it was nil
function stage.count(name, n)
  if n == nil then return 1 end
  options.argument(name, 1, n, "number")
  if n % 1 == 0 or n == math.huge or n == -math.huge then return n end
  errors.misuse(("%s: argument 1: expected a whole number, got %s"):format(name, options.show(n)))
end

--- Checks a time.
---@param name string of the operator
---@param position integer
---@param seconds any
---@return number
function stage.seconds(name, position, seconds)
  options.argument(name, position, seconds, "number")
  if seconds >= 0 and seconds < math.huge then return seconds end
  errors.misuse(("%s: argument %d: expected seconds, 0 or more, got %s"):format(
    name, position, options.show(seconds)))
end

--- Checks a value that must be text.
---@param name string of the operator
---@param value any
function stage.text(name, value)
  if type(value) == "string" then return end
  error(errors.new("error", ("%s works on strings, got %s"):format(name, options.show(value))), 0)
end

--- Raises the error of an operator that would keep more than it may.
---@param name string of the operator
---@param max integer
function stage.too_many(name, max)
  error(errors.new("too_many",
    ("%s would keep more than %d values; allow more with { max = n }"):format(name, max)), 0)
end

--- Raises the error of a piece of text that is longer than it may be.
---@param what string
---@param max integer
function stage.too_long(what, max)
  error(errors.new("too_long",
    ("%s is longer than %d bytes; allow more with { max = n }"):format(what, max)), 0)
end

--- Without this check the mistake would be one of this module.
local function ascending(a, b)
  if type(a) == type(b) then return a < b end
  error(errors.new("error", ("cannot compare %s with %s; say what counts, by a key or { less = fn }"):format(
    options.show(a), options.show(b))), 0)
end

local function by_key(key)
  return function(a, b) return key(a) < key(b) end
end

local function by_comparator(compare)
  return function(a, b)
    local result = compare(a, b)
    if type(result) == "number" then return result < 0 end
    return result
  end
end

local ORDER = { key = "callable", less = "callable" }

--- The order that an argument asks for: nothing, a function of one value (its key), a
--- function of two (whether the first comes before the second, as a boolean or as a
--- number below 0), or `{ key = fn }` and `{ less = fn }`, which say it by name.
---@param name string of the operator
---@param by any
---@return fun(a: any, b: any): boolean
function stage.order(name, by)
  if by == nil then return ascending end
  if type(by) == "table" and getmetatable(by) == nil then
    local opts = options.check(name, by, ORDER)
    if opts.less then return by_comparator(opts.less) end
    return opts.key and by_key(opts.key) or ascending
  end
  stage.fn(name, by)
  if type(by) == "function" and debug.getinfo(by, "u").nparams == 2 then return by_comparator(by) end
  return by_key(by)
end

-- A trace compiled when few closures of a kind were made holds for that one closure only;
-- loops over later pipelines then leave it at every value (29 ns against 2.3).
local CLOSURES = 4

local function pass(value) return value end

--- Makes an operator known as one that there are many of. For those that do so little per
--- value that it counts.
---@param op fun(head: fun(value: any), arg: any, line: table): fun(value: any)
---@param arg any
function stage.many(op, arg)
  local line = {}
  for _ = 1, CLOSURES do
    op(pass, arg, line)
  end
end

return stage
