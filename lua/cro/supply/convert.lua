--- A supply as something else, or the same in another manner: act, wait, channel,
--- serialize, sanitize, schedule_on.
local alarm = require "cro.supply.alarm"
local enter = require "cro.enter"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

--- The same as `tap`: whatever the source, no tap is ever given two values at a time.
---@param callbacks cro.TapCallbacks|fun(value: any)|nil
---@return cro.Tap
function Supply:act(callbacks) return stage.of("act", self):tap(callbacks) end

--- Waits until the supply is done; returns its last value. The same as `await`.
---@async
---@return any
function Supply:wait() return stage.of("wait", self):await() end

--- The supply itself: each obeys the grammar and brings one value at a time.
---@return cro.Supply
function Supply:serialize() return stage.of("serialize", self) end

local function sanitize_op(head, _, self)
  if self.enter == enter.direct then
    self.enter, self.limit = enter.recursive, false
  end
  return head
end

--- Lets a producer emit from inside a tap of its own supply: the value is handled after
--- the one being handled. Without it that is an error. At most 1,024 may queue so.
---@return cro.Supply
function Supply:sanitize() return stage.add("sanitize", self, sanitize_op) end

local function scheduler_of(scheduler)
  if scheduler == nil then return fiber.start end
  if type(scheduler) == "table" and type(scheduler.cue) == "function" then return scheduler.cue end
  options.argument("schedule_on", 1, scheduler, "callable")
  return scheduler
end

local VALUE, DONE, QUIT = 1, 2, 3

local function open_scheduled(source, run, buffer, sink)
  local kinds, values, first, last, unhandled = {}, {}, 1, 0, 0
  local gate = alarm.gate()
  local function deliver()
    local kind, value = kinds[first], values[first]
    kinds[first], values[first] = nil, nil
    first = first + 1
    if kind == DONE then return sink:done() end
    if kind == QUIT then return sink:quit(value) end
    sink:value(value)
    unhandled = unhandled - 1
    if gate.closed and unhandled < buffer then gate:open() end
  end
  local function schedule(kind, value)
    last = last + 1
    kinds[last], values[last] = kind, value
    local ok, err = xpcall(run, errors.trace, deliver)
    if not ok then sink:quit(err) end
  end
  local tap = alarm.held(source, gate):tap {
    value = function(value)
      unhandled = unhandled + 1
      gate.closed = unhandled >= buffer
      return schedule(VALUE, value)
    end,
    done = function() return schedule(DONE) end,
    quit = function(err) return schedule(QUIT, err) end,
  }
  return function() tap:close() end
end

local HOLDING = { buffer = stage.OPTION.buffer }

--- The same values, handled where a scheduler runs them: `run(fn)` is called for each with
--- what it is to call, soon and once, on any fiber; a table with a function `cue`, such as
--- `cro.clock`, will do.
--- By default each is handled on a fiber of its own, in a later turn. The order stays.
--- When `buffer` values (1,024) wait to be run the source is held.
---@param scheduler nil|fun(fn: fun())|{ cue: fun(fn: fun()) }
---@param given { buffer: integer|nil }|nil
---@return cro.Supply
function Supply:schedule_on(scheduler, given)
  self = stage.of("schedule_on", self)
  local run, opts = scheduler_of(scheduler), options.check("schedule_on", given, HOLDING)
  return Supply.from_source {
    name = "schedule_on",
    open = function(sink) return open_scheduled(self, run, opts.buffer, sink) end,
  }
end
