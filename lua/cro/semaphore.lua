--- Semaphores: so many may go on at a time, the others wait in the order they came.
---
--- A semaphore owns its count and the list of those who wait, fibers and promises. A permit
--- that is released goes straight to the first of them: nobody passes. Whoever gives up
--- gives up its place, and a permit that it was given meanwhile goes to the next.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local receiver = require "cro.receiver"
local waiters = require "cro.waiters"
local Promise = require "cro.promise"

---@class cro.Semaphore
---@field private free integer permits that nobody has
---@field private max integer|false how many there may be
---@field private queue cro.Waiters
local Semaphore = {}
Semaphore.__index = Semaphore
Semaphore.__name = "cro.Semaphore"

local OPTIONS = { max = { "integer", check = function(n) return n >= 1, "1 or more" end } }

local function is_count(n) return type(n) == "number" and n >= 0 and n % 1 == 0 end

--- Makes a semaphore with so many permits. Permits may also be released by who acquired
--- none, up to `max` when that is given.
---@param permits integer 0 or more
---@param given { max: integer|nil }|nil
---@return cro.Semaphore
function Semaphore.new(permits, given)
  if not is_count(permits) then
    errors.misuse("Semaphore.new: argument 1: expected a number of permits, 0 or more, got " .. options.show(permits))
  end
  local opts = options.check("Semaphore.new", given, OPTIONS)
  local self = setmetatable({ free = 0, max = false, queue = waiters.new() }, Semaphore)
  self.free, self.max = permits, opts.max or false
  if self.max and permits > self.max then
    errors.misuse(("Semaphore.new: %d permits are more than max, which is %d"):format(permits, self.max))
  end
  return self
end

--- Gives a permit to the first who waits, or keeps it.
local function hand_on(self)
  local ticket = self.queue:take()
  if ticket then return ticket:release(true) end
  self.free = self.free + 1
end

local function check_interrupted()
  local rec = S.current
  if S.scope or rec.guarded then fiber.check() end
end

--- For modules: acquires a permit for the running fiber, which waits.
---@async
---@param what string the verb, for messages
function Semaphore:take(what)
  check_interrupted()
  if self.free > 0 then
    self.free = self.free - 1
    return
  end
  local ticket, ok, err = waiters.wait(self.queue, fiber.may_wait(what), nil)
  if ok then return end
  if ticket.granted then hand_on(self) end
  error(err, 0)
end
local take = Semaphore.take

--- A place in the queue that is a promise's.
local Place = {}
Place.__index = Place

function Place:release() return Promise.settle_kept(self.promise, true) end

--- For cro.promise: the only fiber that waited was interrupted, before or after the permit
--- came.
---@param promise cro.Promise
function Semaphore:lost(promise)
  if promise:status() == "kept" then return hand_on(self) end
  promise:cancel()
end

--- A promise of a permit; kept with true. Cancelling it gives up the place in the queue, and
--- so does cancelling the fiber that waits for it.
---@return cro.Promise
function Semaphore:acquire()
  if self.free > 0 then
    self.free = self.free - 1
    return Promise.lent(true, self)
  end
  local place = setmetatable({ promise = false, list = false, prev = false, next = false }, Place)
  local promise = Promise.made(function() waiters.remove(place) end)
  promise.lender, place.promise = self, promise
  self.queue:add(place)
  return promise
end

--- Acquires a permit if there is one.
---@return boolean acquired
function Semaphore:try_acquire()
  if self.free == 0 then return false end
  self.free = self.free - 1
  return true
end

--- Gives a permit back.
function Semaphore:release()
  if self.max and self.free >= self.max then
    errors.misuse(("release: all %d permits are there already; "
      .. "each release needs an acquire before it, or use with(fn), which releases by itself"):format(self.max))
  end
  hand_on(self)
end

local function give_back(self, ok, ...)
  hand_on(self)
  if not ok then error((...), 0) end
  return ...
end

--- Runs a function with a permit, which is given back however the function ends. Returns
--- what it returns.
---@async
---@param fn function
---@param ... any its arguments
---@return any ...
function Semaphore:with(fn, ...)
  if type(fn) ~= "function" then options.argument("with", 1, fn, "callable") end
  take(self, "with")
  return give_back(self, xpcall(fn, errors.trace, ...))
end

--- How many permits nobody has.
---@return integer
function Semaphore:available() return self.free end

receiver.guard(Semaphore, "semaphore", { "acquire", "try_acquire", "release", "with", "available" })

function Semaphore:__tostring() return ("Semaphore (%d free)"):format(self.free) end

return Semaphore
