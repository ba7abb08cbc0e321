--- A scheduler without a world: virtual time, turns on demand.
---
--- For specs, and for scripts run by plain luajit. Time stands still while code
--- runs and jumps to the next timer when nothing is runnable.
local errors = require "cro.errors"
local fiber = require "cro.fiber"

local fake = {}

local clock = 0
local timers = {}
local serial = 0
local stopped = false -- when the clock was stopped by hand (cro.test.clock), else false
local jumps = false -- stopped, but going to the next timer whenever nothing is runnable
local pass = false -- { target =, fn = } while time is let pass by hand

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
  if seconds == math.huge then return setmetatable({ fn = false }, Timer) end
  if seconds ~= seconds then error("timer: seconds expected, got NaN", 2) end
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

--- Up to when timers may fire now.
local function bound(last)
  if pass then return pass.target end
  return stopped and not jumps and clock or last
end

local function end_pass(err)
  local ended = pass
  pass = false
  if ended then fiber.run_now(function() ended.fn(err) end) end
end

--- Fires the next timer, or ends a pass; false when neither is due.
local function step(last)
  if timers[1] and timers[1].due <= bound(last) then
    fire_next()
  elseif pass then
    clock = math.max(clock, pass.target)
    end_pass()
  else
    return false
  end
  run_turns()
  return true
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
  while step(last) do
  end
end

--- Lets so many seconds pass.
---@param seconds number
function fake.advance(seconds)
  local target, was = clock + seconds, stopped
  stopped = false
  fake.run(seconds)
  clock, stopped = math.max(clock, target), was
end

--- The clock moved by hand, for cro.test: the same functions as the loop's.
---@type cro.HostClock
local by_hand = {
  stop = function()
    if stopped then return false end
    stopped = clock
    return true
  end,
  resume = function()
    stopped, jumps = false, false
    end_pass(errors.new("cancelled", "the clock goes by itself again"))
  end,
  passed = function() return stopped and clock - stopped or nil end,
  pass = function(seconds, fn) pass = { target = clock + seconds, fn = fn } end,
  give_up = function() pass = false end,
  jump = function(on) jumps = on end,
  drive = function(seconds) return seconds and fake.advance(seconds) or fake.run() end,
}

--- Makes this the scheduler, at time 0 and without timers.
---@param report nil|fun(text: string) stderr by default
function fake.install(report)
  clock, timers, serial = 0, {}, 0
  stopped, jumps, pass = false, false, false
  local began = os.time()
  fiber.install {
    notify = function() end,
    now = fake.now,
    wall = function() return began + clock end,
    timer = set_timer,
    clock = by_hand,
    report = report or function(text) io.stderr:write(text, "\n") end,
  }
end

return fake
