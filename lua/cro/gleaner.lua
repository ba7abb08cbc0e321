--- Leads the collector through its cycle, a little at a time, for what only a finalizer can
--- tell: by itself it may take minutes to find something in a large heap that changes slowly.
---
--- Bounded: a portion is a few milliseconds, a cycle is followed by a rest of many times its
--- length, and what a whole cycle did not find is held by somebody: it is looked for again
--- less and less often.
local aside = require "cro.aside"
local fiber = require "cro.fiber"

local gleaner = {}

local clock = os.clock

local SOON = 0.2 -- seconds: who is going to observe a promise mostly does so at once
local EVERY = 0.01 -- seconds between two portions
local PORTION = 0.002 -- seconds of work
local STEP = 64 -- of collectgarbage: a fraction of a millisecond
local REST = 20 -- times what a cycle took
local LONGEST = 60 -- seconds between two cycles for the same

local wanted = false -- fun(): boolean
local phase = "idle" -- or "soon", "working", "resting"
local again = false -- something was lost after the cycle under way had begun
local found = false -- the cycle has found what was garbage when it began
local spent = 0 -- seconds, in this cycle
local pause = SOON -- before the next, when this one does not find it all
local not_before = 0 -- fiber.now() at which the rest is over

--- Garbage: when it is found, so is what was garbage before it.
local function drop_canary()
  local canary = newproxy(true)
  getmetatable(canary).__gc = function() found = true end
end

--- Returns whether the cycle is over.
local function portion()
  local began = clock()
  local over
  repeat
    over = collectgarbage("step", STEP)
  until over or clock() - began >= PORTION
  spent = spent + clock() - began
  return over and found
end

local work

local function begin(seconds)
  phase = "soon"
  aside.after(math.max(seconds, not_before - fiber.now()), work)
end

local function rest()
  not_before = fiber.now() + spent * REST
  spent = 0
  if again then
    again, pause = false, SOON
    return begin(SOON)
  end
  pause = math.min(pause * 2, LONGEST)
  begin(pause)
  phase = "resting"
end

work = function()
  if not wanted() then
    phase, again = "idle", false
    return
  end
  if phase ~= "working" then
    phase, found = "working", false
    drop_canary()
  end
  if portion() then return rest() end
  aside.after(EVERY, work)
end

--- Something was lost, and is to be found. Costs nothing when that was said a moment ago.
---@param is_wanted fun(): boolean is anything not found yet?
function gleaner.want(is_wanted)
  if phase == "soon" then return end
  wanted = is_wanted
  if phase == "working" then
    again = true
    return
  end
  pause = SOON
  return begin(SOON)
end

return gleaner
