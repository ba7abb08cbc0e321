--- Supplies of time: interval.
local fiber = require "cro.fiber"
local options = require "cro.options"
local Supply = require "cro.supply"

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
  options.argument("Supply.interval", 1, seconds, "number")
  options.argument("Supply.interval", 2, delay or 0, "number")
  local every, first = math.max(SHORTEST, seconds), math.max(0, delay or 0)
  return Supply.from_source {
    name = "interval",
    open = function(sink) return open_ticks(sink, every, first) end,
  }
end
