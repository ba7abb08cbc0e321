--- Clocks and timers: what time it is, and functions that are called later.
---
---     cro.clock.every(5, function() print(cro.clock.wall()) end)
---
--- `now` is the clock of everything that waits: `cro.sleep`, `Promise.after` and `at`,
--- `Supply.interval`, the deadlines of connections. It never goes back and has nothing to
--- do with the time of day, which is `wall`. A spec can stop both: see cro.test.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local receiver = require "cro.receiver"
local scope = require "cro.scope"

local clock = {}

--- Shorter intervals would only keep the loop busy.
local SHORTEST = 0.001

--- Monotonic seconds; only differences mean something.
---@return number
function clock.now() return fiber.now() end

--- Seconds since 1970-01-01 UTC, with a fraction. It goes where the administrator of the
--- machine moves it: measure with `now`.
---@return number
function clock.wall()
  if not fiber.host then fiber.now() end -- which finds one
  return fiber.host.wall()
end

--- What is going to call a function.
---@class cro.clock.Timer
---@field private fn function|false false when it is over
---@field private timer { close: fun(self) }|false
---@field private due number when the next call is due
---@field private seconds number|false between calls
---@field private left number calls to come
---@field private caught function|false
---@field private held false|table who closes it if nobody else does, see cro.scope
local Timer = {}
Timer.__index = Timer
Timer.__name = "cro.clock.Timer"

local function call(self)
  local ok, err = xpcall(self.fn, errors.trace)
  if ok or errors.is_unwinding(err) then return end
  local caught = self.caught
  if not caught then return fiber.report("error in a timer", err) end
  local handled, failure = xpcall(caught, errors.trace, err, self)
  if not handled then fiber.report("error in the catch of a timer", failure) end
end

--- Calls that were missed while the function ran are left out.
local function next_due(self)
  if not self.seconds then return self.due end
  return math.max(self.due + self.seconds, fiber.now())
end

local function arm(self)
  self.timer = fiber.timer(math.max(0, self.due - fiber.now()), function()
    self.timer = false
    self.left = self.left - 1
    call(self)
    if not self.fn then return end
    if self.left <= 0 then return self:close() end
    self.due = next_due(self)
    arm(self)
  end)
end

local function start(fn, due, seconds, times, caught)
  local self = setmetatable({
    fn = false, timer = false, due = 0, seconds = false, left = 0, caught = false, held = false,
  }, Timer)
  self.fn, self.due, self.seconds, self.left, self.caught = fn, due, seconds or false, times, caught or false
  if due == math.huge then return self end
  arm(self)
  scope.own(self, "timer", self.close)
  return self
end

--- The function is not called any more; a call that runs goes on. Harmless twice, and
--- when it was called.
function Timer:close()
  scope.disown(self)
  self.fn = false
  if self.timer then self.timer:close() end
  self.timer = false
end

--- The same as `close`. Waits for nothing.
function Timer:cancel() self:close() end

receiver.guard(Timer, "timer", { "close", "cancel" })

local function check_seconds(name, position, seconds)
  options.argument(name, position, seconds, "number")
  if seconds == seconds then return seconds end
  errors.misuse(("%s: argument %d: expected seconds, got NaN"):format(name, position))
end

--- Calls a function once, on a fiber of its own, so that it may wait; never early. An error
--- in it is reported.
---@param seconds number 0 or less: at once; `math.huge`: never
---@param fn fun()
---@return cro.clock.Timer
function clock.timer(seconds, fn)
  check_seconds("cro.clock.timer", 1, seconds)
  options.argument("cro.clock.timer", 2, fn, "callable")
  return start(fn, fiber.now() + seconds, false, 1)
end

local function at_least(least, what)
  return { "number", check = function(value) return value >= least, what end }
end

local TIMES = { "number", check = function(n) return n >= 1 and (n % 1 == 0 or n == math.huge), "1 or more, whole" end }

local EVERY = { delay = at_least(-math.huge, "seconds"), times = TIMES }

--- Calls a function again and again, on a fiber of its own. The next call comes when the
--- one before has ended; those that were missed meanwhile are left out. An error in it is
--- reported, and the calls go on.
---@param seconds number 0.001 at least
---@param fn fun()
---@param given { delay: number|nil, times: integer|nil }|nil `delay` before the first call (`seconds`); `times` in all
---@return cro.clock.Timer
function clock.every(seconds, fn, given)
  check_seconds("cro.clock.every", 1, seconds)
  options.argument("cro.clock.every", 2, fn, "callable")
  local opts = options.check("cro.clock.every", given, EVERY)
  if seconds <= 0 then
    errors.misuse(("cro.clock.every: the time between calls must be above 0 s, got %g"):format(seconds))
  end
  return start(fn, fiber.now() + (opts.delay or seconds), math.max(SHORTEST, seconds), opts.times or math.huge)
end

local CUE = {
  at = at_least(-math.huge, "seconds of cro.clock.now()"),
  after = at_least(-math.huge, "seconds"),
  every = { "number", check = function(seconds) return seconds > 0, "seconds above 0" end },
  times = TIMES,
  catch = "callable",
}

---@class cro.clock.CueOptions
---@field at number|nil
---@field after number|nil
---@field every number|nil
---@field times integer|nil
---@field catch nil|fun(err: any, handle: cro.clock.Timer)

--- Has a function called at a time, and perhaps again. Of `at` (a time of `cro.clock.now`)
--- and `after` (seconds from now, 0 by default) give one; `-math.huge` means now and
--- `math.huge` never. With `every` it is called again each so many seconds, with `times`
--- so often in all (without `every`: one after the other). `catch(err, handle)` gets what
--- it raises, which is otherwise reported; the calls go on.
---@param fn fun()
---@param given cro.clock.CueOptions|nil
---@return cro.clock.Timer handle `handle:cancel()`
function clock.cue(fn, given)
  options.argument("cro.clock.cue", 1, fn, "callable")
  local opts = options.check("cro.clock.cue", given, CUE)
  if opts.at and opts.after then errors.misuse "cro.clock.cue: give `at` or `after`, not both" end
  local now = fiber.now()
  local due = math.max(now, opts.at or now + (opts.after or 0))
  local every = opts.every and math.max(SHORTEST, opts.every)
  return start(fn, due, every, opts.times or every and math.huge or 1, opts.catch)
end

return clock
