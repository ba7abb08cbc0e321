--- A scheduler without a world: virtual time, turns on demand.
---
--- For specs, and for scripts run by plain luajit. Time stands still while code
--- runs and jumps to the next timer when nothing is runnable.
local fiber = require "cro.fiber"

local fake = {}

local clock = 0
local timers = {}
local serial = 0

---@class cro.FakeTimer
---@field due number
---@field serial integer breaks ties: first made, first fired
---@field fn fun()|false
local Timer = {}
Timer.__index = Timer

local function remove(timer)
  for i, candidate in ipairs(timers) do
    if candidate == timer then
      table.remove(timers, i)
      return
    end
  end
end

--- Stops the timer. Closing twice is harmless.
function Timer:close()
  if not self.fn then return end
  self.fn = false
  remove(self)
end

local function set_timer(seconds, fn)
  serial = serial + 1
  local timer = setmetatable({ due = clock + math.max(0, seconds), serial = serial, fn = fn }, Timer)
  local at = #timers + 1
  while at > 1 and timers[at - 1].due > timer.due do
    at = at - 1
  end
  table.insert(timers, at, timer)
  return timer
end

local function fire_next()
  local timer = table.remove(timers, 1)
  clock = math.max(clock, timer.due)
  local fn = timer.fn
  timer.fn = false
  fiber.run_now(fn)
end

local function run_turns()
  while fiber.turn() do
  end
end

--- Virtual seconds since `install`.
---@return number
function fake.now() return clock end

--- How many timers are set; a spec can show that nothing was left behind.
---@return integer
function fake.timers() return #timers end

--- Runs turns until nothing is runnable, without moving the clock.
function fake.settle() run_turns() end

--- Runs until nothing is runnable and no timer is set, moving the clock from timer
--- to timer.
---@param limit number|nil stop before a timer that is due after so many seconds from now
function fake.run(limit)
  local last = limit and clock + limit or math.huge
  run_turns()
  while timers[1] and timers[1].due <= last do
    fire_next()
    run_turns()
  end
end

--- Lets so many seconds pass.
---@param seconds number
function fake.advance(seconds)
  local target = clock + seconds
  fake.run(seconds)
  clock = target
end

--- Makes this the scheduler, at time 0 and without timers.
---@param report nil|fun(text: string) stderr by default
function fake.install(report)
  clock, timers, serial = 0, {}, 0
  fiber.install {
    notify = function() end,
    now = fake.now,
    timer = set_timer,
    report = report or function(text) io.stderr:write(text, "\n") end,
  }
end

return fake
