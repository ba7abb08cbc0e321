--- Clean-up: functions that must run whatever happened, and the shield they run in.
---
--- Inside a shield neither a cancellation nor the end of a block interrupts a wait.
--- A shield made for clean-up functions has a time limit, after which their waits
--- raise, so that a hanging clean-up delays the end by that much and no more.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local roots = require "cro.roots"

local cleanup = {}

local yield = coroutine.yield -- the one that fibers use: scripts get another

--- Fibers that have registered functions and still run, for the end of the program.
local deferring = {}

--- For `suspend`: the first wait behind a shield that has a time limit starts its clock.
---@param shield table
function fiber.arm_shield(shield)
  shield.timer = fiber.timer(shield.seconds, function()
    shield.expired = errors.new("timeout",
      ("clean-up took longer than %g s"):format(shield.seconds))
    local rec = shield.fiber
    if rec.waiting then fiber.interrupt(rec) end
  end)
end

--- Like `park`, for a wait that must come to its end whatever happens: nothing
--- interrupts it. Only for waits that are sure to be short or are bounded.
---@async
---@param waiting_on any
---@return any value what it was woken with
function fiber.park_through(waiting_on)
  local rec = S.current
  rec.waiting, rec.scope = waiting_on, S.scope
  local shield = rec.shield
  fiber.set_shield(rec, { through = true })
  S.current, S.scope = rec.outer, rec.outer_scope
  rec.outer, rec.outer_scope = S.OUTSIDE, false
  yield()
  rec.scope = false
  fiber.set_shield(rec, shield)
  local value = rec.value
  rec.value = false
  return value
end

local function with_shield(shield, fn, ...)
  local rec = S.current
  local outer = rec.shield
  shield.fiber = rec
  fiber.set_shield(rec, shield)
  local results = { xpcall(fn, errors.trace, ...) }
  fiber.set_shield(rec, outer)
  if shield.timer then shield.timer:close() end
  return results
end

--- Runs a function in which nothing interrupts a wait; returns what it returns.
---@async
---@param fn function
---@param ... any its arguments
---@return any ...
function cleanup.shield(fn, ...)
  if S.current == S.OUTSIDE or S.current.shield then return fn(...) end
  local results = with_shield({ seconds = false, expired = false, timer = false }, fn, ...)
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, table.maxn(results))
end

local function run_each(list, what)
  while #list > 0 do
    local fn = table.remove(list)
    local ok, err = xpcall(fn, errors.trace)
    if not ok then fiber.report("error in " .. what, err) end
  end
end

--- Runs the functions of a list, the last one first. Each error is reported and the
--- next one runs. All of them together have `fiber.cleanup_seconds`. The caller's
--- fiber waits; the functions belong to no block.
---@async
---@param list fun()[] emptied
---@param what string for reports, e.g. "a close callback"
function cleanup.run(list, what)
  local scope = S.scope
  S.scope = false
  local shield = { seconds = fiber.cleanup_seconds, expired = false, timer = false }
  with_shield(shield, run_each, list, what)
  S.scope = scope
end

--- Registers a function to run when the code of this fiber has ended, whether it
--- returned, failed or was cancelled; inside a block, when that block ends.
---@param fn fun()
function cleanup.defer(fn)
  if type(fn) ~= "function" then
    errors.misuse("defer: expected a function, got a " .. type(fn))
  end
  local scope, rec = S.scope, S.current
  if scope and scope.closing_with then return scope:closing_with(fn) end
  if rec == S.OUTSIDE then errors.misuse("defer outside of a fiber") end
  local defers = rec.defers
  if not defers then
    defers = {}
    rec.defers = defers
    rec.used = true
    deferring[rec] = true
  end
  defers[#defers + 1] = fn
end

--- Puts a fiber's record back in order after its job.
fiber.on_job_end(function(rec)
  local defers = rec.defers
  rec.defers = nil
  deferring[rec] = nil
  if defers and S.current == rec then
    cleanup.run(defers, "a deferred function")
  elseif defers then
    fiber.run_now(cleanup.run, defers, "a deferred function")
  end
  if rec.taps then roots.release(rec) end
  rec.used = false
  if not rec.guarded then return end
  rec.guarded, rec.cancelled, rec.shield = false, false, false
end)

--- What modules want done at the end of the program, whatever the script has deferred.
local at_end = {}

--- Registers a function of a module to run at the end of the program, after those that
--- scripts have deferred. It may wait, as they may.
---@param fn fun()
function cleanup.at_end(fn) table.insert(at_end, 1, fn) end

--- Runs what every living fiber has deferred; for the end of the program.
---@async
function cleanup.run_all()
  local list = {}
  for rec in pairs(deferring) do
    list[#list + 1] = rec
  end
  for _, rec in ipairs(list) do
    local defers = rec.defers
    rec.defers = nil
    deferring[rec] = nil
    if defers then cleanup.run(defers, "a deferred function") end
  end
  cleanup.run(at_end, "the end of a module")
end

return cleanup
