--- The fibers on coroutines that C makes and keeps, one for each thing it has to tell.
---
--- C resumes an idle one, which asks C what to call, calls it and says that it is done.
--- No Lua runs then: nobody's place has to be put back.
--- Requiring this module adds its functions to `cro.fiber`.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"

local OUTSIDE = S.OUTSIDE
local running = coroutine.running

-- Not a tail call: the arguments stay on this stack, which anchors them while fn runs.
local function invoke(fn, ...) fn(...) end

--- The body for coroutines that C makes and keeps: each resume of an idle one runs
--- what `begin` returns, then calls `finish`. When the function raises, the
--- coroutine dies: C calls `fiber.dropped` if it resumed it, else `failed` is called.
---@param begin fun(): function, ... called inside the fiber
---@param finish fun() yields until there is more to do
---@param failed fun(co: thread, err: any, traceback: string, orderly: boolean)
---@return fun()
function fiber.entry(begin, finish, failed)
  return function()
    -- Every request runs through this loop: locals cost half of upvalues.
    local state, outside, start, stop, call = S, OUTSIDE, begin, finish, invoke
    local rec = fiber.record_of(running(), true)
    rec.failed = failed
    while true do
      state.current = rec
      call(start())
      if rec.used then fiber.end_job(rec) end
      state.current, state.scope = outside, false
      stop()
    end
  end
end

-- Nearly all they do is to call C: a trace would be left as soon as it is entered.
if jit then jit.off(fiber.entry, true) jit.off(invoke) end

--- For C, after a coroutine it resumed itself has raised.
---@param co thread
---@param err any
---@return boolean orderly it was unwound: nothing has failed
function fiber.dropped(co, err)
  local rec = fiber.record_of(co, false)
  if not rec then return false end
  local orderly = errors.is_unwinding(err, rec)
  S.current, S.scope = OUTSIDE, false
  if rec.used then fiber.end_job(rec, true) end
  return orderly
end

--- Cancels the fiber that runs on a coroutine and what it has under way.
---@param co thread
---@param reason string|nil
function fiber.cancel_thread(co, reason)
  local rec = fiber.record_of(co, false)
  if rec then fiber.cancel(rec, reason) end
end

return fiber
