--- Supplies and operators of time: interval, delayed, stable.
local alarm = require "cro.supply.alarm"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local supply, whenever, emit, done = react.supply, react.whenever, react.emit, react.done

--- Shorter intervals would only keep the loop busy.
local SHORTEST = 0.001

local function open_ticks(sink, seconds, delay)
  local count, closed, timer = 0, false
  local due = fiber.now() + delay
  local function tick()
    timer = nil
    if not sink:value(count) or closed then return end
    count = count + 1
    local now = fiber.now()
    due = due + seconds
    if due < now then due = now + seconds end
    timer = fiber.timer(due - now, tick)
  end
  timer = fiber.timer(delay, tick)
  return function()
    closed = true
    if timer then timer:close() end
  end
end

--- 0, 1, 2 and so on, one each `seconds` (0.001 at least), the first after `delay`
--- seconds (0). The next tick is set when the one before was handled; ticks that were
--- missed meanwhile are left out.
---@param seconds number
---@param delay number|nil
---@return cro.Supply
function Supply.interval(seconds, delay)
  if Supply.is(seconds) then errors.misuse "interval makes a supply; write Supply.interval(seconds), with a dot" end
  local every = math.max(SHORTEST, stage.seconds("Supply.interval", 1, seconds))
  local first = stage.seconds("Supply.interval", 2, delay or 0)
  return Supply.from_source {
    name = "interval",
    open = function(sink) return open_ticks(sink, every, first) end,
  }
end

local VALUE, DONE, QUIT = 1, 2, 3

--- What is to come, in order, each with its moment.
local function delayed_body(source, seconds, buffer)
  local dues, kinds, values, first, last = {}, {}, {}, 1, 0
  local gate, clock = alarm.gate(), nil
  local function take()
    local kind, value = kinds[first], values[first]
    dues[first], kinds[first], values[first] = nil, nil, nil
    first = first + 1
    if gate.closed and last - first + 1 < buffer then gate:open() end
    return kind, value
  end
  local function send()
    local kind, value = take()
    if kind == VALUE then return emit(value) end
    fiber.check() -- the value before may have ended the block: then nothing fails any more
    if kind == QUIT then error(value, 0) end
    done()
  end
  clock = alarm.new(function()
    while first <= last and alarm.is_due(dues[first]) do
      send()
    end
    if first <= last then clock:set(dues[first]) end
  end)
  local function add(kind, value)
    last = last + 1
    dues[last], kinds[last], values[last] = fiber.now() + seconds, kind, value
    if first == last then clock:set(dues[last]) end
    gate.closed = last - first + 1 >= buffer
  end
  whenever(alarm.held(source, gate), function(value) add(VALUE, value) end)
    :last(function() add(DONE) end)
    :quit(function(err) add(QUIT, err) end)
end

local HOLDING = { buffer = stage.OPTION.buffer }

--- Everything, the end and a failure too, `seconds` later. When `buffer` values (1,024)
--- are on their way the source is held.
---@param seconds number 0 or more
---@param given { buffer: integer|nil }|nil
---@return cro.Supply
function Supply:delayed(seconds, given)
  self = stage.of("delayed", self)
  stage.seconds("delayed", 1, seconds)
  local opts = options.check("delayed", given, HOLDING)
  if seconds == 0 then return self end
  return supply(function() delayed_body(self, seconds, opts.buffer) end)
end

local function stable_body(source, seconds)
  local waiting, latest, due, clock = false, nil, 0, nil
  local function send()
    local value = latest
    waiting, latest = false, nil
    return emit(value)
  end
  clock = alarm.new(function()
    if not waiting then return end
    if not alarm.is_due(due) then return clock:set(due) end
    return send()
  end)
  whenever(source, function(value)
    waiting, latest, due = true, value, fiber.now() + seconds
    -- Set once; when it rings too early it is set again, not for each value.
    if not clock.at then clock:set(due) end
  end):last(function()
    if waiting then send() end
    done()
  end)
end

--- A value when nothing newer has come for `seconds`; what still waits comes when the
--- source is done, and is dropped when it quits.
---@param seconds number 0 or more
---@return cro.Supply
function Supply:stable(seconds)
  self = stage.of("stable", self)
  stage.seconds("stable", 1, seconds)
  if seconds == 0 then return self end
  return supply(function() stable_body(self, seconds) end)
end

--- The same as `stable`.
---@param seconds number 0 or more
---@return cro.Supply
function Supply:debounce(seconds)
  self = stage.of("debounce", self)
  stage.seconds("debounce", 1, seconds)
  return Supply.stable(self, seconds)
end
