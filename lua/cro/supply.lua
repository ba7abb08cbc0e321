--- Supplies: what can be tapped, and how.
---
--- A supply is a recipe: a source and the operators before it, each a table that
--- points to what it was made from. Nothing runs until it is tapped; each tap composes
--- its own chain. Operators live in `cro/supply/*.lua` and add themselves here.
local errors = require "cro.errors"
local line = require "cro.line"
local options = require "cro.options"
local receiver = require "cro.receiver"
local turn = require "cro.turn"
local producer = require "cro.producer"
local Promise = require "cro.promise"
local fiber = require "cro.fiber"

local watch = require("cro.traceback").DEBUG and require "cro.watch"

---@class cro.Supply
---@field source table opens lines: `open(source, line)`; `live` sources never wait
---@field op nil|fun(head: fun(value: any), arg: any, line: table): fun(value: any)
---@field arg any
---@field from cro.Supply|nil
local Supply = {}
Supply.__index = Supply
Supply.__name = "cro.Supply"

--- A supply of a source. For modules that bring values from elsewhere.
---@param source table
---@return cro.Supply
function Supply.of_source(source)
  local supply = setmetatable({ source = source }, Supply)
  return watch and watch.supply(supply) or supply
end

--- Always an error: says how supplies are made.
function Supply.new()
  errors.misuse("a supply is not made by itself: use Supplier.new():supply() for a live one, "
    .. "cro.supply(function() ... end), Supply.on_demand or Supply.from_list for one that starts at each tap")
end

--- The supply with one more operator. `op(head, arg, line)` is called once per tap and
--- returns the function that takes each value.
---@param op fun(head: fun(value: any), arg: any, line: table): fun(value: any)
---@param arg any given to `op`
---@return cro.Supply
function Supply:with(op, arg)
  if type(op) ~= "function" then options.argument("with", 1, op, "function") end
  local supply = setmetatable({ source = self.source, op = op, arg = arg, from = self }, Supply)
  if not watch then return supply end
  watch.used(self)
  return watch.supply(supply)
end

--- Is this a supply?
---@param value any
---@return boolean
function Supply.is(value) return getmetatable(value) == Supply end

local function has_supply(value)
  local kind = type(value)
  return (kind == "table" or kind == "userdata") and type(value.supply) == "function"
end

--- What the supply method of a value returns.
---@param value { supply: fun(self): cro.Supply }
---@param what string the function that was given it, for the message
---@return cro.Supply
function Supply.given_by(value, what)
  local given = value:supply()
  if getmetatable(given) == Supply then return given end
  errors.misuse(("%s: the supply method of %s must return a supply, it returned %s"):format(
    what, options.show(value), options.show(given)))
end

--- The supply of anything that has one: a supply, a promise, a channel, a socket.
---@param value any
---@param what string the function that was given it, for the message
---@return cro.Supply
function Supply.from(value, what)
  if getmetatable(value) == Supply then
    if watch then watch.used(value) end
    return value
  end
  if has_supply(value) then return Supply.given_by(value, what) end
  errors.misuse(("%s: expected a supply, a promise or anything with a supply method, got %s"):format(
    what, options.show(value)))
end

--- The supply itself, so that it counts among what has one.
---@return cro.Supply
function Supply:supply() return self end

--- True when values are sent whether or not somebody taps.
---@return boolean
function Supply:live() return self.source.live == true end

local TAP = {
  value = "function",
  done = "function",
  quit = "function",
  tap = "function",
  buffer = { "integer", check = function(n) return n >= 1, "1 or more" end },
  policy = { "string", one_of = { "error", "drop_oldest", "drop_newest" } },
}

--- Taps the supply. `value`, `done` and `quit` run on the fiber that brings the value,
--- outside of any block; `tap` is given the tap before any value. On a live source they
--- run inside `emit` and may not wait, unless `buffer = n` gives the tap a queue of its
--- own. Without `quit`, an error is reported on stderr. A function is `value`; the others
--- may follow it.
---@param callbacks cro.TapCallbacks|fun(value: any)|nil
---@param others cro.TapCallbacks|nil after a function
---@return cro.Tap
function Supply:tap(callbacks, others)
  if getmetatable(self) ~= Supply then receiver.refuse("supply", "tap", self) end
  if type(callbacks) ~= "function" then return line.tap(self, options.check("tap", callbacks, TAP)) end
  local opts = options.check("tap", others, TAP)
  if opts.value then errors.misuse "tap: give the function alone or as `value`, not both" end
  opts.value = callbacks
  return line.tap(self, opts)
end

local function run_list(target, source)
  local list, n, i = source.list, source.n, 1
  while i <= n do
    target.enter(target, list[i])
    i = i + 1
  end
end

local function open_list(source, target) return producer.open(source, target, run_list) end

--- The values of a list, for each tap from the beginning. `n` as a field of the list
--- says how many there are when some are nil.
---@param list any[]
---@return cro.Supply
function Supply.from_list(list)
  options.argument("Supply.from_list", 1, list, "table")
  if list == Supply then errors.misuse "Supply.from_list: called with a colon; write Supply.from_list { ... }" end
  return Supply.of_source { open = open_list, completes = true, list = list, n = list.n or #list }
end

local function run_generator(target, source)
  local next_value, state, control = source.generator()
  if type(next_value) ~= "function" and not options.is_callable(next_value) then
    errors.misuse(("Supply.from_iterator: its function must return an iterator, as string.gmatch does; "
      .. "it returned %s"):format(options.show(next_value)))
  end
  while true do
    local value, second = next_value(state, control)
    if value == nil then return end
    control = value
    target.enter(target, source.second and second or value)
  end
end

local function open_generator(source, target) return producer.open(source, target, run_generator) end

--- The values of an iterator; `generator()` returns a fresh one for each tap, as
--- `string.gmatch` or `io.lines` do.
---@param generator fun(): function, any, any
---@return cro.Supply
function Supply.from_iterator(generator)
  options.argument("Supply.from_iterator", 1, generator, "function")
  return Supply.of_source { open = open_generator, completes = true, generator = generator }
end

--- What an on-demand producer is given.
---@class cro.Emitter
local Emitter = {}
Emitter.__index = Emitter

--- Returns when the value was handled. Ends this code when nobody listens any more.
---@async
---@param value any
function Emitter:emit(value)
  if getmetatable(self) ~= Emitter then receiver.refuse("emitter", "emit", self) end
  return self.line.enter(self.line, value)
end

--- Ends the supply for this tap.
function Emitter:done() turn.finish_line(self.line, turn.DONE) end

--- Ends the supply for this tap with an error.
---@param err any "Died" by default; what is not a table becomes an error value
function Emitter:quit(err)
  return turn.finish_line(self.line, turn.QUIT, errors.wrap(err == nil and "Died" or err))
end

local function run_demand(target, source) return source.produce(setmetatable({ line = target }, Emitter)) end

local function open_demand(source, target)
  if source.closing then line.on_close(target, source.closing) end
  return producer.open(source, target, run_demand)
end

local DEMAND = { closing = "callable", scheduler = "callable" }

--- A supply whose `produce(emitter)` runs once per tap, on a fiber of its own. It may
--- return before it is done: whoever holds the emitter may go on emitting. An error in
--- it is the quit of the supply. `closing` runs once when the tap ends for any reason.
--- `scheduler(fn)` calls `fn`, which runs the producer, at another time than at once.
---@param produce fun(emitter: cro.Emitter)
---@param given { closing: nil|fun(), scheduler: nil|fun(fn: fun()) }|nil
---@return cro.Supply
function Supply.on_demand(produce, given)
  options.argument("Supply.on_demand", 1, produce, "function")
  local opts = options.check("Supply.on_demand", given, DEMAND)
  return Supply.of_source {
    open = open_demand,
    produce = produce,
    closing = opts.closing,
    scheduler = opts.scheduler,
  }
end

--- What an outside source is given for each tap. Its methods may be called on any
--- fiber; a value that cannot be handled at once makes that fiber wait.
---@class cro.Sink
local Sink = {}
Sink.__index = Sink

--- Brings a value; waits, where it may, until it was taken.
---@async
---@param value any
---@return boolean taken false when nobody listens any more
function Sink:value(value)
  if getmetatable(self) ~= Sink then receiver.refuse("sink", "value", self) end
  return line.offer(self.line, value)
end

--- Ends the source.
function Sink:done() turn.finish_line(self.line, turn.DONE) end

--- Ends the source with an error.
---@param err any "Died" by default; what is not a table becomes an error value
function Sink:quit(err)
  return turn.finish_line(self.line, turn.QUIT, errors.wrap(err == nil and "Died" or err))
end

local function close_outside(target) return turn.finish_line(target, turn.DONE) end

local function open_outside(source, target)
  target.closer, target.on_drop = close_outside, source.dropped
  local closer = source.open_source(setmetatable({ line = target }, Sink))
  if not closer then return end
  if not options.is_callable(closer) then
    errors.misuse(("Supply.from_source: open must return the function that closes the source, or nothing; "
      .. "it returned %s"):format(options.show(closer)))
  end
  if not target.live then return fiber.run_now(closer) end
  line.on_close(target, closer)
end

---@class cro.SourceOptions
---@field name string|nil for messages; "source" by default
---@field open fun(sink: cro.Sink): fun()|nil called for each tap; returns what closes the source
---@field pausable boolean|nil true by default: who brings a value waits until it was taken
---@field buffer integer|nil values that may queue when it cannot pause; 1024 by default
---@field policy "error"|"drop_oldest"|"drop_newest"|nil what happens then; "error" by default
---@field dropped nil|fun() called for each value that a policy drops

local SOURCE = {
  name = { "string", default = "source" },
  open = { "function", required = true },
  pausable = { "boolean", default = true },
  buffer = { "integer", default = line.DEFAULT_BUFFER },
  policy = { "string", default = "error", one_of = { "error", "drop_oldest", "drop_newest" } },
  dropped = "function",
}

--- A supply of events from outside. `open(sink)` is called for each tap and returns a
--- function that closes the source; it is called once however the tap ends. A source
--- that cannot pause (`pausable = false`) queues up to `buffer` values per block and
--- then follows `policy`.
---@param given cro.SourceOptions
---@return cro.Supply
function Supply.from_source(given)
  local opts = options.check("Supply.from_source", given, SOURCE)
  return Supply.of_source {
    open = open_outside,
    name = opts.name,
    open_source = opts.open,
    live = not opts.pausable,
    limit = opts.buffer,
    policy = opts.policy,
    dropped = opts.dropped,
  }
end

--- A promise that ends as the supply does, kept with `result()`. Cancelling it closes the tap.
local function collected(self, value, result)
  local tap
  local promise = Promise.made(function() tap:close() end)
  tap = self:tap {
    value = value,
    done = function() Promise.settle_kept(promise, result()) end,
    quit = function(err) Promise.settle_broken(promise, err) end,
  }
  tap.pending = promise
  return promise
end

--- A promise of the last value, nil when there was none; broken when the supply quits.
---@return cro.Promise
function Supply:promise()
  local last
  return collected(self, function(value) last = value end, function() return last end)
end

--- A promise of all values in a table, `n` of them.
---@return cro.Promise
function Supply:list()
  local values, n = {}, 0
  return collected(self, function(value)
    n = n + 1
    values[n] = value
  end, function()
    values.n = n
    return values
  end)
end

--- Waits for the last value.
---@async
---@return any
function Supply:await() return Promise.await_own(self:promise()) end

local function forget_promise(target)
  local task = target.upstream
  local promise = task.promise
  promise:forget(task)
  if promise.lender then promise.lender:lost(promise) end
  return turn.finish_line(target, turn.DONE)
end

--- A lent value that waits in a mailbox goes back when its line closes first. The line
--- tells when it takes the value out, and when it closes.
local function keep_lent(target, promise, lender)
  target.waiters = {
    room = function()
      target.waiters = nil
      if target.closed then lender:lost(promise) end
    end,
  }
end

local function bring_settled(task)
  local target, promise = task.line, task.promise
  if not target.live or target.closed then return end
  if promise:status() == "broken" then return turn.finish_line(target, turn.QUIT, promise:cause()) end
  local lender = promise.lender
  if lender then promise.lender = false end
  target.enter(target, promise.value)
  if lender and target.queued > 0 then keep_lent(target, promise, lender) end
  return turn.finish_line(target, turn.DONE)
end

local function open_promise(source, target)
  local task = { run = bring_settled, line = target, promise = source.promise }
  target.upstream, target.closer = task, forget_promise
  source.promise:add_waiter(task)
end

--- A supply that emits the value and is done, or quits with what broke the promise.
---@return cro.Supply
function Promise:supply()
  return Supply.of_source { open = open_promise, settles = true, promise = self }
end

receiver.guard(Supply, "supply", { "with", "live", "promise", "list", "await" })
receiver.guard(Promise, "promise", { "supply" })
receiver.guard(Emitter, "emitter", { "done", "quit" })
receiver.guard(Sink, "sink", { "done", "quit" })

return Supply
