--- Rights to a promise: to settle it, taken from whoever else has the promise, and what is
--- said to who does not have it; to its value, which was lent.
local errors = require "cro.errors"
local receiver = require "cro.receiver"
local Promise = require "cro.promise"

local vow = {}

--- The sole right to settle a promise.
---@class cro.Vow
---@field private promise cro.Promise
local Vow = {}
Vow.__index = Vow

local OTHERS = "only the holder of its vow may settle it, and that of start, after, any_of, all_of, "
  .. "and_then and the like is with those who made it; make one of your own with Promise.new"

--- For cro.promise: this caller cannot settle the promise. Whoever settles what somebody
--- else has cancelled meanwhile did nothing wrong.
---@param promise cro.Promise
---@param verb string for the message
function vow.refuse(promise, verb)
  if promise.given_up and promise.state ~= "planned" and verb ~= "take the vow of" then return end
  local why = ("it is already %s; when several may settle it, look at its status() first"):format(promise.state)
  if promise.state == "planned" then
    why = promise.vowed == "by hand" and "only the holder of its vow may settle it" or OTHERS
  end
  errors.misuse(("cannot %s this promise: %s"):format(verb, why))
end
local refuse = vow.refuse

--- Keeps the promise. An error when it is settled already, unless it was cancelled.
---@param ... any the value, true by default; what follows it is ignored
function Vow:keep(...)
  local promise = self.promise
  if promise.state ~= "planned" then return refuse(promise, "keep") end
  local value = ...
  if value == nil and select("#", ...) == 0 then value = true end
  return Promise.settle_kept(promise, value)
end

--- Breaks the promise. A cause that is not a table becomes an error value. An error when
--- it is settled already, unless it was cancelled.
---@param cause any "Died" by default
function Vow:fail(cause)
  local promise = self.promise
  if promise.state ~= "planned" then return refuse(promise, "fail") end
  return Promise.settle_broken(promise, cause == nil and "Died" or cause)
end

--- Takes the vow: from now on only the returned object can settle the promise.
---@return cro.Vow
function Promise:vow()
  if self.vowed == "by hand" then
    errors.misuse "cannot take the vow of this promise: it was already taken; pass on the one there is"
  end
  if self.state ~= "planned" or self.vowed then refuse(self, "take the vow of") end
  self.vowed = "by hand"
  return setmetatable({ promise = self }, Vow)
end

--- For modules: one that is kept with a value which goes back to its lender when the fiber
--- that awaits it is interrupted.
---@param value any
---@param lender { lost: fun(self: table, promise: cro.Promise) }
---@return cro.Promise
function Promise.lent(value, lender)
  local promise = setmetatable({ state = "kept", value = false, lender = false }, Promise)
  promise.value, promise.lender = value, lender
  return promise
end

--- For modules: waits for a promise that nobody else knows of, which is cancelled when the
--- wait is given up.
---@async
---@param promise cro.Promise
---@return any
function Promise.await_own(promise)
  local ok, value = pcall(promise.await, promise)
  if ok then return value end
  promise:cancel()
  error(value, 0)
end

receiver.guard(Promise, "promise", { "vow" })
receiver.guard(Vow, "vow", { "keep", "fail" })
Vow["break"] = Vow.fail

return vow
