--- Locks: one at a time, held across waits if need be.
---
--- A lock is a semaphore of one permit that knows whose `protect` holds it. It belongs to
--- no fiber: whoever was given it by `lock` may have another one unlock it.
local S = require "cro.state"
local errors = require "cro.errors"
local options = require "cro.options"
local receiver = require "cro.receiver"
local Promise = require "cro.promise"
local Semaphore = require "cro.semaphore"

local OUTSIDE = S.OUTSIDE

---@class cro.Lock
---@field private permit cro.Semaphore
---@field private holder cro.Fiber|false the fiber in `protect`
local Lock = {}
Lock.__index = Lock
Lock.__name = "cro.Lock"

local RECURSION = "this fiber holds the lock already and would wait for itself; a Lock cannot be taken twice: "
  .. "call what is inside directly, or use protect_or_queue_on_recursion"

--- Makes a lock that nobody holds.
---@return cro.Lock
function Lock.new() return setmetatable({ permit = Semaphore.new(1), holder = false }, Lock) end

--- Is it held?
---@return boolean
function Lock:is_held() return self.permit:available() == 0 end

--- For cro.promise: a fiber is going to wait for what `lock` gave.
function Lock:waits()
  if self.holder == S.current then errors.misuse("await of lock(): " .. RECURSION) end
end

--- For cro.promise: see Semaphore.
---@param promise cro.Promise
function Lock:lost(promise) self.permit:lost(promise) end

--- A promise that is kept with true when the lock is held, for whoever waits for it; first
--- come, first served. `unlock` ends that. Cancelling the promise, or the fiber that waits
--- for it, gives up the place in the queue.
---@return cro.Promise
function Lock:lock()
  local promise = self.permit:acquire()
  promise.lender = self
  return promise
end

--- Locks if nobody holds it.
---@return boolean locked
function Lock:try_lock() return self.permit:try_acquire() end

--- Unlocks; the next in the queue holds it.
function Lock:unlock()
  if self.holder then
    errors.misuse "unlock: protect holds the lock and unlocks it when its function has ended"
  end
  if not self:is_held() then
    errors.misuse "unlock: the lock is not held; each unlock needs a lock() that was kept, or use protect(fn)"
  end
  self.permit:release()
end

local function leave(self, ok, ...)
  self.holder = false
  self.permit:release()
  if not ok then error((...), 0) end
  return ...
end

local function run(self, fn, ...)
  self.holder = S.current
  return leave(self, xpcall(fn, errors.trace, ...))
end

local function run_later(self, place, fn, ...)
  place:await()
  return run(self, fn, ...)
end

--- Runs a function while holding the lock, which is given up however the function ends.
--- Returns what it returns. Inside of itself, on the same fiber, it is an error.
---@async
---@param fn function
---@param ... any its arguments
---@return any ...
function Lock:protect(fn, ...)
  if type(fn) ~= "function" then options.argument("protect", 1, fn, "callable") end
  if self.holder and self.holder == S.current then errors.misuse("protect: " .. RECURSION) end
  self.permit:take "protect"
  return run(self, fn, ...)
end

--- Like `protect`, but inside of itself the function is queued: it runs when the lock is
--- free again, and a promise of its result is returned at once. Otherwise waits, and
--- returns nil.
---@async
---@param fn function
---@param ... any its arguments
---@return cro.Promise|nil
function Lock:protect_or_queue_on_recursion(fn, ...)
  if type(fn) ~= "function" then options.argument("protect_or_queue_on_recursion", 1, fn, "callable") end
  if not self.holder or self.holder ~= S.current or S.current == OUTSIDE then
    self:protect(fn, ...)
    return nil
  end
  local place = self:lock()
  local job = Promise.start(run_later, self, place, fn, ...)
  job.on_cancel = function() self:lost(place) end
  return job
end

receiver.guard(Lock, "lock", { "is_held", "lock", "try_lock", "unlock", "protect", "protect_or_queue_on_recursion" })

function Lock:__tostring() return self:is_held() and "Lock (held)" or "Lock (free)" end

return Lock
