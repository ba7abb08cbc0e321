--- Jobs: functions that run on a fiber of their own, each with the promise of what it
--- returns.
---
--- A job owns what its code opens and starts, see cro.scope; whoever started it owns the job.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local scope = require "cro.scope"
local Promise = require "cro.promise"

local trace = errors.trace
local program, starter, begin_job, end_job = scope.program, scope.starter, scope.begin_job, scope.end_job
local new_task, settle, break_raised = Promise._job.new_task, Promise._job.settle, Promise._job.break_raised
local DEBUG = require("cro.traceback").DEBUG

local function run_started(self)
  local fn, rec, argument = self.fn, S.current, self.argument
  if self.state ~= "planned" then return end
  local owner = self.from
  local refused = owner and begin_job(rec, self, owner)
  if refused then return settle(self, "broken", refused) end
  self.from = rec
  local ok, value
  if argument == nil then ok, value = xpcall(fn, trace) else ok, value = xpcall(fn, trace, argument) end
  local unwound = not ok and errors.is_unwinding(value) -- ending the job forgets what cancelled it
  if rec.used then fiber.end_job(rec, not ok) end
  if owner then end_job(rec) end
  if ok then return settle(self, "kept", value) end
  if DEBUG then errors.passed(value, "started at " .. self.origin) end
  return break_raised(self, value, unwound)
end

--- Runs a function on a fiber of its own from the next turn on; a promise of what it
--- returns, broken by what it raises.
---@param fn function
---@param ... any its arguments
---@return cro.Promise
function Promise.start(fn, ...)
  if type(fn) ~= "function" then
    errors.misuse("start: expected a function, got " .. options.show(fn))
  end
  local n, body = select("#", ...), fn
  if n > 1 then
    local args = { ... }
    body = function() return fn(unpack(args, 1, n)) end
  end
  local promise = new_task(run_started, body, false, true)
  if n == 1 then promise.argument = ... end
  if S.scope or S.current.job ~= program then promise.from = starter() end
  fiber.push(promise)
  return promise
end

return Promise
