--- Clean-up: functions that must run whatever happened, and the shield they run in.
---
--- Inside a shield neither a cancellation nor the end of a block interrupts a wait.
--- A shield made for clean-up functions has a time limit, after which their waits
--- raise, so that a hanging clean-up delays the end by that much and no more.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local roots = require "cro.roots"
local scope = require "cro.scope"

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
  local shield, within = rec.shield, S.scope
  rec.waiting, rec.scope = waiting_on, within
  fiber.set_shield(rec, { through = true })
  S.current, S.scope = S.OUTSIDE, false
  yield()
  S.current, S.scope = rec, within
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
  options.argument("shield", 1, fn, "callable")
  if S.current == S.OUTSIDE or S.current.shield then return fn(...) end
  local results = with_shield({ seconds = false, expired = false, timer = false }, fn, ...)
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, table.maxn(results))
end

--- What is to be closed, among functions to run.
local Closing = {}
Closing.__call = function(self) return scope.close_handle(self.owner, self.handle) end

--- A cancelled job that is to end, among functions to run.
local Ending = {}
Ending.__call = function(self)
  local promise = self.promise
  local ok, err = pcall(promise.await, promise)
  if not ok and promise:status() == "planned" then error(err, 0) end
end

local function name_of(entry, what)
  if type(entry) == "function" then return "error in " .. what end
  if entry.promise then return "waiting for a cancelled job" end
  local node = entry.handle.held
  return "error while closing a " .. (node and node.kind or "handle")
end

local function run_each(list, what)
  while #list > 0 do
    local entry = table.remove(list)
    local name = name_of(entry, what)
    local ok, err = xpcall(entry, errors.trace)
    if not ok then fiber.report(name, err) end
  end
end

--- Runs the functions of a list, the last one first. Each error is reported and the
--- next one runs. All of them together have `fiber.cleanup_seconds`. The caller's
--- fiber waits; the functions belong to no block.
---@async
---@param list fun()[] emptied
---@param what string for reports, e.g. "a close callback"
function cleanup.run(list, what)
  local outer = S.scope
  S.scope = false
  local shield = { seconds = fiber.cleanup_seconds, expired = false, timer = false }
  with_shield(shield, run_each, list, what)
  S.scope = outer
end

--- Adds a function to a list whose functions and an owner's things are undone together.
---@param list { at: integer[] }|false|nil
---@param fn fun()
---@return table list
function cleanup.add(list, fn)
  list = list or { at = {} }
  local n = #list + 1
  list[n], list.at[n] = fn, scope.stamp()
  return list
end

--- The functions and handles, in the order in which they came.
local function woven(list, owner)
  local all = {}
  for i, fn in ipairs(list or {}) do
    all[i] = { at = list.at[i], run = fn }
  end
  for _, handle in ipairs(scope.handles(owner)) do
    local closing = setmetatable({ handle = handle, owner = owner }, Closing)
    all[#all + 1] = { at = owner.held[handle], run = closing }
  end
  table.sort(all, function(a, b) return a.at < b.at end)
  for i, entry in ipairs(all) do
    all[i] = entry.run
  end
  return all
end

--- Waits for cancelled jobs, then runs functions and closes handles, the last first.
---@async
---@param list table|false|nil from `add`
---@param owner cro.Owner
---@param jobs cro.Promise[]|nil
---@param what string
local undo
undo = function(list, owner, jobs, what)
  local all = owner.held and woven(list, owner) or list or {}
  for i = jobs and #jobs or 0, 1, -1 do
    all[#all + 1] = setmetatable({ promise = jobs[i] }, Ending)
  end
  if #all > 0 then cleanup.run(all, what) end
  -- What a job has handed over meanwhile.
  if owner.held and next(owner.held) then return undo(nil, owner, nil, what) end
end

local function stays_open(tap) return not tap.with_fiber end

--- What a job opened is closed when it has failed or was cancelled; else who started it
--- gets it.
local function undo_job(job, defers, failed)
  if not failed then
    if defers then cleanup.run(defers, "a deferred function") end
    defers, failed = nil, job.fiber.cancelled -- meanwhile
  end
  if failed then
    if job.taps then roots.close_taps(job) end
    undo(defers, job, scope.cancel_jobs(job), "a deferred function")
    if job.taps then roots.close_taps(job) end -- of jobs that have just ended
    job.sealed = "closed"
  else
    if job.taps then roots.close_taps(job, stays_open, job.home) end
    scope.pass_handles(job, job.home)
    scope.pass_jobs(job, job.home)
    job.sealed = "passed"
  end
  scope.owners[job] = nil
end

local function own_job(rec)
  local job = rec.job
  return job and job.fiber == rec and job or false
end

--- Deferred functions may defer and open more. A producer's fiber has been lent by it.
local function end_job(rec, failed)
  repeat
    local defers, job = rec.defers, own_job(rec)
    rec.defers = nil
    deferring[rec] = nil
    if job then
      rec.job = false
      undo_job(job, defers, failed)
    elseif defers then
      cleanup.run(defers, "a deferred function")
    end
  until not rec.defers and not own_job(rec)
  rec.job = false
end

--- Close callbacks may open more as well: it is dealt with as what their block or source
--- has opened.
local function end_clean_up(orderly, to)
  local rec = S.current
  local job = own_job(rec)
  if job then job.home = to end
  if job or rec.defers then end_job(rec, not orderly) end
end

local function is_pending(tap) return tap.pending end

local function close_taps(block, orderly)
  if block.taps then roots.close_taps(block, orderly and is_pending, orderly and scope.beyond(block)) end
end

--- A block begins to end: closes the plain taps its code opened and, unless it is done
--- in an orderly way, cancels its jobs.
---@param block cro.Block
function cleanup.begin_end(block)
  local orderly = block.ended == "done"
  close_taps(block, orderly)
  if not orderly and block.lent then scope.cancel_jobs(block) end
end

--- A block has come to its end, nothing of its code runs any more: runs its close
--- callbacks and closes its handles, the last first. Jobs that an orderly end leaves
--- under way, and what a supply block that is done leaves open, are its consumer's.
---@async
---@param block cro.Block
function cleanup.end_block(block)
  local orderly, list = block.ended == "done", block.closers
  block.closers = false
  close_taps(block, orderly) -- of a handler that went on
  if not orderly then
    undo(list, block, scope.cancel_jobs(block), "a close callback")
  elseif block.line then
    if list then cleanup.run(list, "a close callback") end
    orderly = not block.line.closed -- the consumer may have gone meanwhile
    if not orderly then
      undo(nil, block, scope.cancel_jobs(block), "")
    elseif block.held then
      scope.pass_handles(block, scope.beyond(block))
    end
  else
    undo(list, block, nil, "a close callback")
  end
  close_taps(block, orderly) -- of jobs that have ended meanwhile
  end_clean_up(orderly, scope.beyond(block))
  scope.owners[block] = nil
end

--- The very end of a block, see cro.scope.
cleanup.seal = scope.seal

local function end_producer(producer, line, orderly)
  local to = scope.of_line(line)
  if producer.taps then roots.close_taps(producer, orderly and is_pending, to) end
  if orderly then
    scope.pass_handles(producer, to)
    scope.pass_jobs(producer, to)
  else
    undo(nil, producer, scope.cancel_jobs(producer), "")
  end
  producer.home, producer.sealed = to, orderly and "passed" or "closed"
  scope.owners[producer] = nil
end

--- Is there something for `end_line` to do? What a producer opens from now on is closed.
---@param line table
---@return any
function cleanup.has_end(line)
  local source = line.upstream
  if not source or not source.is_producer or source.sealed then return line.closers end
  if source.lent then return true end
  source.sealed = "closed"
  return line.closers
end

--- A line is over: runs its close callbacks and closes what its producer had opened,
--- or, after an orderly end, gives it to the consumer.
---@async
---@param line table
---@param list function[]|nil
---@param source table|false
---@param orderly boolean
function cleanup.end_line(line, list, source, orderly)
  if list then cleanup.run(list, "a close callback") end
  orderly = orderly and not line.closed
  if source and source.is_producer then end_producer(source, line, orderly) end
  end_clean_up(orderly, scope.of_line(line))
end

--- Registers a function to run when the code of this fiber has ended, whether it
--- returned, failed or was cancelled; inside a block, when that block ends.
---@param fn fun()
function cleanup.defer(fn)
  if type(fn) ~= "function" then
    errors.misuse("defer: expected a function, got " .. options.show(fn))
  end
  local at, rec = S.scope, S.current
  if at and at.closing_with then return at:closing_with(fn) end
  if rec == S.OUTSIDE then errors.misuse("defer outside of a fiber") end
  if not rec.defers then
    rec.used = true
    deferring[rec] = true
    if at and at.is_owner then rec.job = at end -- a producer: it owns what this will open
  end
  rec.defers = cleanup.add(rec.defers, fn)
end

fiber.on_job_end(function(rec, failed)
  failed = failed or rec.cancelled ~= false
  if S.current == rec then
    end_job(rec, failed)
  else -- its own coroutine is dead
    if rec.link then scope.end_job(rec) end
    if rec.defers or own_job(rec) then fiber.run_now(end_job, rec, failed) end
  end
  rec.used = false
  if not rec.guarded then return end
  rec.guarded, rec.cancelled, rec.shield = false, false, false
end, function(rec)
  local job = own_job(rec)
  if not job or rec.shield then return end -- what is behind a shield may need them
  if job.taps then roots.close_taps(job) end
  scope.cancel_jobs(job, rec.cancelled.message)
end)

--- Closes every handle there is, the latest first; for the end of the program.
---@async
function cleanup.close_all()
  local all = {}
  for owner in pairs(scope.owners) do
    for _, handle in ipairs(scope.handles(owner)) do
      all[#all + 1] = { at = owner.held[handle], run = setmetatable({ handle = handle, owner = owner }, Closing) }
    end
  end
  table.sort(all, function(a, b) return a.at < b.at end)
  for i, entry in ipairs(all) do
    all[i] = entry.run
  end
  cleanup.run(all, "")
end

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
end

return cleanup
