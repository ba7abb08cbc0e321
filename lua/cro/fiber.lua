--- Fibers: coroutines that may wait, the queue of what can run, and the pool.
---
--- This module owns the ready queue, the pool of coroutines and the runner that
--- works off tasks. It knows no sockets and no clock: `install` hands them in.
--- A queue entry is a coroutine or a task, any table whose `run` is a function; tasks are
--- run one after the other on one pooled fiber, which is replaced only when a task waits.
---
--- A fiber says itself that it runs (`S.current`, `S.scope`) when it goes on after a wait,
--- and that nobody does before it yields: whoever resumes it has nothing to put back.
---
--- A coroutine that was made here or by C has one record for all its jobs. A
--- coroutine that raised is never used again.
---
--- Few fields are always there; what few fibers need is added later.
local S = require "cro.state"
local errors = require "cro.errors"
local misplaced = require "cro.misplaced"
local plain = require "cro.switch"

local fiber = {}

local OUTSIDE = S.OUTSIDE
local resume, yield, running = coroutine.resume, coroutine.yield, coroutine.running
local is_misplaced, pause, resume_all = plain.is_misplaced, plain.pause, plain.resume_all
local traceback, type = debug.traceback, type

--- Deeper, a delivery goes to the ready queue: LuaJIT's own limit is the C stack.
local MAX_DEPTH = 100
--- A coroutine keeps the stack it once needed; more than this are not kept.
local MAX_POOL = 1024
--- Seconds that clean-up may take; `fiber.cleanup_seconds` changes it.
fiber.cleanup_seconds = 5

local host
-- Of the coroutines that C made. Weak on both sides: a record names its coroutine, which
-- the collector would not see through. While a coroutine lives its stack holds the record.
local by_thread = setmetatable({}, { __mode = "kv" })
local pool, pooled = {}, 0
local ready, ready_count = {}, 0
local batch, batch_at, batch_count = {}, 0, 0
local in_turn, runner = false, false
local settle_job, cancel_job -- set by cro.cleanup: what becomes of what a job opened

--- Hands in the outside world (see cro.runtime). What was queued before stays queued.
---@param outside cro.Host
function fiber.install(outside)
  host, fiber.host = outside, outside
  is_misplaced = outside.is_misplaced or is_misplaced
  pause = outside.pause or pause
  resume_all = outside.resume_all or resume_all
end

local function the_host()
  if not host then require("cro.fake").install() end
  return host
end

--- Monotonic seconds.
---@return number
function fiber.now() return (host or the_host()).now() end

--- Calls a function once, on a fiber of its own, after so many seconds; never after
--- `math.huge`.
---@param seconds number 0 or more
---@param fn fun()
---@return { close: fun(self) } timer closing it twice, or after it fired, is harmless
function fiber.timer(seconds, fn) return (host or the_host()).timer(seconds, fn) end

--- Reports an error that no code is left to receive.
---@param what string whose error it is
---@param err any
function fiber.report(what, err)
  (host or the_host()).report(what .. ": " .. errors.describe(err))
end

--- Queues a fiber or a task for the next turn.
---@param entry thread|{ run: fun(task: table) } of a fiber whose `waiting` is cleared, or a task
function fiber.push(entry)
  local count = ready_count + 1
  ready_count = count
  ready[count] = entry
  if count == 1 and not in_turn then (host or the_host()).notify() end
end
local push = fiber.push

--- What a record has not of its own.
local Record = {}
Record.__index = { cancelled = false, shield = false, job = false, link = false }

local function new_record(co)
  -- Constants only: these keys are in the table's template, others would grow it.
  local rec = {
    co = false,
    waiting = false,
    value = false,
    scope = false,
    guarded = false,
    used = false,
    run = false,
  }
  rec.co = co
  return setmetatable(rec, Record)
end

local function lost(rec, err)
  -- Out of memory, even this raises, and nobody would hear of the fiber's end.
  local ok, trace = pcall(traceback, rec.co, "")
  if not ok then trace = "" end
  local orderly = errors.is_unwinding(err, rec)
  if rec.used then settle_job(rec, true) end
  if rec.failed then return rec.failed(rec.co, err, trace, orderly) end
  if orderly then return end
  if type(err) ~= "table" then err = errors.wrap(err, trace) end
  fiber.report("error in a fiber", err)
end

--- Lets a fiber run until it ends or waits: a pooled one this function, one that waited
--- what comes next. `waiting` must be cleared before.
local function continue(rec, fn, a, b)
  local current, scope = S.current, S.scope
  S.current, S.scope = rec, rec.scope
  S.depth = S.depth + 1
  local ok, err = resume(rec.co, fn, a, b)
  S.depth = S.depth - 1
  S.current, S.scope = current, scope
  if not ok then lost(rec, err) end
end

local function pool_body(rec)
  while true do
    local fn, a, b = yield()
    if not fn then -- it waited for its turn
      fn, rec.value = rec.value, false
      S.current = rec
    end
    fn(a, b)
    if rec.used then settle_job(rec) end
    rec.scope = false
    S.current, S.scope = OUTSIDE, false
    if pooled >= MAX_POOL then return end
    pooled = pooled + 1
    pool[pooled] = rec
  end
end

local function take_pooled()
  if pooled > 0 then
    local rec = pool[pooled]
    pool[pooled] = nil
    pooled = pooled - 1
    return rec
  end
  local co = coroutine.create(pool_body)
  local rec = new_record(co)
  resume(co, rec)
  return rec
end

--- Runs a function on a pooled fiber at once, until it ends or first waits. When
--- too many fibers are nested it is queued instead.
---@param fn fun(a: any, b: any)
---@param a any
---@param b any
function fiber.run_now(fn, a, b)
  local rec = take_pooled()
  if S.depth < MAX_DEPTH then return continue(rec, fn, a, b) end
  rec.value = function() return fn(a, b) end
  return push(rec.co)
end

--- Starts a function on a fiber of its own in the next turn.
---@param fn function
---@param ... any its arguments
---@return cro.Fiber
function fiber.start(fn, ...)
  local rec, n, args = take_pooled(), select("#", ...), { ... }
  rec.value = n == 0 and fn or function() return fn(unpack(args, 1, n)) end
  push(rec.co)
  return rec
end

--- The running fiber's record, nil outside of any.
---@return cro.Fiber|nil
function fiber.current()
  local rec = S.current
  return rec ~= OUTSIDE and rec or nil
end

--- Raises when the running code was cancelled or its block has ended; what every wait
--- does before and after. For code that does not wait but is a place where it might.
function fiber.check()
  local rec = S.current
  local shield, scope = rec.shield, S.scope
  if shield then
    if shield.expired then error(shield.expired, 0) end
    return
  end
  if rec.cancelled then error(rec.cancelled, 0) end
  if scope and scope.ended then error(errors.STOP, 0) end
end
local check = fiber.check

--- Raises when this code may not wait here, or may not wait any more. Call it before
--- registering a fiber with what it is going to wait for.
---@param what string the verb, for the message
---@return cro.Fiber
function fiber.may_wait(what)
  local rec, scope = S.current, S.scope
  if rec == OUTSIDE then misplaced.outside(what) end
  if scope and scope.nowait then misplaced.plain_tap(what) end
  if is_misplaced(rec.co) then
    if running() ~= rec.co then misplaced.coroutine(what) end
    misplaced.within_c(what)
  end
  if scope or rec.guarded then check() end
  return rec
end
local may_wait = fiber.may_wait

--- Parks the fiber that `may_wait` returned. See `park`.
---@async
---@param rec cro.Fiber
---@param waiting_on any
---@return any
function fiber.suspend(rec, waiting_on)
  local shield, scope = rec.shield, S.scope
  if shield and shield.seconds and not shield.timer then fiber.arm_shield(shield) end
  rec.waiting, rec.scope = waiting_on, scope
  S.current, S.scope = OUTSIDE, false
  yield()
  S.current, S.scope = rec, scope
  if scope then rec.scope = false end
  local value = rec.value
  if value then rec.value = false end
  if scope or rec.guarded then check() end
  return value
end

--- Parks the running fiber where nothing is special about it: `guarded` and `S.scope` are
--- false. What most waits of a server are; they do without `may_wait` and `suspend`.
---@async
---@param rec cro.Fiber
---@param waiting_on any registered already
---@return boolean|nil refused true: it may not wait here, which `may_wait` explains
function fiber.pause(rec, waiting_on)
  rec.waiting = waiting_on
  S.current = OUTSIDE
  if pause(rec.co) then
    S.current, rec.waiting = rec, false
    return true
  end
  S.current = rec
  if rec.guarded then check() end
end

--- Waits until somebody wakes this fiber. `waiting_on` says what for: a wake for
--- anything else is ignored, and its `forget(waiting_on, record)`, if it has one,
--- is called when the wait is given up. Returns the value given to `wake`, else false.
---@async
---@param waiting_on any
---@param what string|nil the verb, for messages
---@return any
function fiber.park(waiting_on, what)
  return fiber.suspend(may_wait(what or "wait"), waiting_on)
end

--- Puts a fiber behind a shield, or (false) takes it out of the last one.
---@param rec cro.Fiber
---@param shield table|false
function fiber.set_shield(rec, shield)
  rec.shield = shield
  rec.guarded = (shield or rec.cancelled) and true
end

--- Makes a parked fiber runnable. Waking one that is not parked does nothing.
---@param rec cro.Fiber
---@param value any what its `park` returns; nil and false are one
---@param waiting_on any when given, the wake counts only if it waits for that
function fiber.wake(rec, value, waiting_on)
  local waiting = rec.waiting
  if not waiting or (waiting_on and waiting ~= waiting_on) then return end
  rec.waiting = false
  if value then rec.value = value end
  return push(rec.co)
end

--- Ends the current wait of a parked fiber: its `park` finds out why and raises.
---@param rec cro.Fiber
function fiber.interrupt(rec)
  local waiting = rec.waiting
  if not waiting or (rec.shield and not rec.shield.expired) then return end
  rec.waiting = false
  if type(waiting) == "table" and waiting.forget then waiting:forget(rec) end
  push(rec.co)
end

--- Cancels a fiber: its current wait and every later one raise `cancelled`.
---@param rec cro.Fiber
---@param reason string|nil
function fiber.cancel(rec, reason)
  if rec.cancelled then return end
  rec.used, rec.guarded = true, true
  rec.cancelled = errors.new("cancelled", reason or "the fiber was cancelled")
  cancel_job(rec)
  fiber.interrupt(rec)
end

local function run_tasks()
  local rec = S.current
  runner = rec
  repeat
    local task = batch[batch_at]
    batch[batch_at] = nil
    task.run(task)
    if rec.used then settle_job(rec) end
    if runner ~= rec then return end
    local following = batch_at < batch_count and batch[batch_at + 1]
    if type(following) == "table" then
      batch_at = batch_at + 1
    else
      runner = false
    end
  until not runner
end

-- Those of the batch up to the next task.
local function resume_fibers()
  local from = batch_at
  local at, co, err = resume_all(batch, from, batch_count)
  batch_at = at
  for i = from, at - 1 do
    batch[i] = nil
  end
  if not co then return end
  local rec = S.current
  if rec.co ~= co then rec = by_thread[co] end
  S.current, S.scope = OUTSIDE, false
  if rec then return lost(rec, err) end
  fiber.report("error in a fiber", errors.wrap(err))
end

--- Runs everything that was runnable when it began.
--- It raises only when memory is out; the next one goes on.
---@return boolean more something became runnable meanwhile: call again after looking at I/O
function fiber.turn()
  if in_turn then
    if S.current ~= OUTSIDE then return ready_count > 0 end
    -- The turn before raised, out of memory: what it left of its batch comes first.
    S.depth, runner = 0, false
    while batch_at <= batch_count and not batch[batch_at] do
      batch_at = batch_at + 1
    end
  else
    in_turn = true
    batch, ready = ready, batch
    batch_at, batch_count, ready_count = 1, ready_count, 0
  end
  S.depth = S.depth + 1
  while batch_at <= batch_count do
    if type(batch[batch_at]) == "table" then
      continue(take_pooled(), run_tasks)
      runner = false
      batch_at = batch_at + 1
    else
      resume_fibers()
    end
  end
  S.depth = S.depth - 1
  in_turn = false
  return ready_count > 0
end

--- The record of the fiber that runs on a coroutine which C made, or of the running
--- one. For `cro.entry`, which has it made when it is missing.
---@package
---@param co thread
---@param make boolean
---@return cro.Fiber|nil
function fiber.record_of(co, make)
  local rec = by_thread[co]
  if rec then return rec end
  if not make then return S.current.co == co and S.current or nil end
  rec = new_record(co)
  by_thread[co] = rec
  return rec
end

--- Names the functions that put a record back in order after a job, and that cancel
--- what a job has under way.
---@param on_end fun(rec: cro.Fiber, failed: boolean|nil)
---@param on_cancel fun(rec: cro.Fiber)
function fiber.on_job_end(on_end, on_cancel)
  settle_job, cancel_job = on_end, on_cancel
  fiber.end_job = on_end
end

if require("cro.traceback").DEBUG then require("cro.watch").install(fiber) end

return fiber
