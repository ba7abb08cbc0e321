--- Promises of time: `Promise.after`, `Promise.at`.
---
--- The timer of such a promise is set while somebody could notice. When the last one who
--- waited has been forgotten (its block has ended, its wait was cancelled, another promise
--- of `any_of` was first), the timer is taken back and set again for whoever comes later.
--- While it is set, the promise belongs to the block or job that asked for it, or that
--- waits for it again, as a job of theirs does: it is cancelled with them.
local fiber = require "cro.fiber"
local options = require "cro.options"
local scope = require "cro.scope"
local Promise = require "cro.promise"

--- Stands for the first waiter while the timer is taken back.
local ASLEEP = { run = function() end }

---@class cro.After
---@field due number on the clock of `cro.now`
---@field timer { close: fun(self) }|false
---@field link cro.JobLink|false
local After = {}
After.__index = After

local function disarm(self)
  self.timer:close()
  self.timer = false
  if self.link then scope.unlink(self.link) end
  self.link = false
end

local function arm(self, promise)
  self.timer = fiber.timer(math.max(0, self.due - fiber.now()), function()
    if self.link then scope.unlink(self.link) end
    return Promise.settle_kept(promise, true)
  end)
  self.link = scope.link_work(promise)
end

--- Nobody waits any more.
---@param promise cro.Promise
function After:rest(promise)
  disarm(self)
  promise.value = ASLEEP
end

--- Somebody is going to wait, or another one does.
---@param promise cro.Promise
function After:rouse(promise)
  if promise.value ~= ASLEEP then return end
  promise.value = false
  arm(self, promise)
end

--- Somebody asks: the time may have come while nobody waited.
---@param promise cro.Promise
function After:look(promise)
  if promise.value == ASLEEP and fiber.now() >= self.due then Promise.settle_kept(promise, true) end
end

local function after(seconds)
  if seconds == math.huge then return Promise.made() end
  local self = setmetatable({ due = fiber.now() + seconds, timer = false, link = false }, After)
  local promise = Promise.made(function()
    if self.timer then disarm(self) end
  end)
  promise.alarm = self
  arm(self, promise)
  return promise
end

--- Kept with true after so many seconds; a negative number means at once, infinity never.
---@param seconds number
---@return cro.Promise
function Promise.after(seconds)
  options.seconds("Promise.after", 1, seconds)
  return after(seconds)
end

--- Kept with true when the clock of `cro.now` shows this time; a past one means at once.
---@param when number seconds
---@return cro.Promise
function Promise.at(when)
  options.seconds("Promise.at", 1, when)
  return after(when - fiber.now())
end

return Promise
