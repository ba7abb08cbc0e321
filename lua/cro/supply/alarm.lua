--- What operators of time are made of: a timer that belongs to a block, and a gate that
--- holds a source back.
---
--- Both are sources of a supply block, so they are closed with it, and what they call runs
--- in the block's turn.
local fiber = require "cro.fiber"
local react = require "cro.react"
local Supply = require "cro.supply"

local supply, whenever, emit = react.supply, react.whenever, react.emit

local alarm = {}

--- Two moments nearer than this are the same: sums of seconds are not exact.
local SAME = 1e-9

---@class cro.Alarm
---@field at number|false when it rings
local Alarm = {}
Alarm.__index = Alarm

local function cancel(self)
  local timer = self.timer
  self.timer, self.at = false, false
  if timer then timer:close() end
end

local function ring(self)
  self.timer, self.at = false, false
  self.sink:value(true)
end

--- Rings at a moment of `fiber.now()`, instead of when it was to ring before.
---@param at number
function Alarm:set(at)
  if self.at == at then return end
  cancel(self)
  self.at = at
  self.timer = fiber.timer(math.max(0, at - fiber.now()), self.ring)
end

--- Never rings again. The block no longer waits for it.
function Alarm:close() self.handle:close() end

--- Has a moment come?
---@param at number
---@return boolean
function alarm.is_due(at) return at <= fiber.now() + SAME end

--- In the body of a block: an alarm that is not set, and what it does when it rings. The
--- block is not done before it is closed.
---@param fn fun()
---@return cro.Alarm
function alarm.new(fn)
  local self = setmetatable({ at = false, timer = false, sink = false, handle = false, ring = false }, Alarm)
  self.ring = function() return ring(self) end
  self.handle = whenever(Supply.from_source {
    name = "timer",
    open = function(sink)
      self.sink = sink
      return function() return cancel(self) end
    end,
  }, fn)
  return self
end

---@class cro.Gate
---@field closed boolean
local Gate = {}
Gate.__index = Gate

--- An open gate.
---@return cro.Gate
function alarm.gate() return setmetatable({ closed = false, fiber = false }, Gate) end

--- Who is held goes on.
function Gate:open()
  self.closed = false
  local rec = self.fiber
  self.fiber = false
  if rec then fiber.wake(rec, nil, self) end
end

--- For the scheduler: the one who was held no longer waits.
---@private
function Gate:forget() self.fiber = false end

--- The values of a source, which is held after each as long as the gate is closed. What
--- cannot be held, a live source, queues as its supplier says.
---@param source cro.Supply
---@param gate cro.Gate
---@return cro.Supply
function alarm.held(source, gate)
  local function pass(value)
    emit(value)
    while gate.closed do
      gate.fiber = fiber.may_wait "a full operator"
      fiber.suspend(gate.fiber, gate)
    end
  end
  return supply(function() whenever(source, pass) end)
end

return alarm
