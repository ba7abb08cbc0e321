--- Scopes: who owns what is open, and closes it.
---
--- Blocks, jobs (what `start` runs, a request) and the program own what their code opens:
--- handles, the jobs it starts, plain taps. An owner is any table with the fields `held`
--- (a weak table from each handle to the number of its opening), `jobs` and `taps` (lists,
--- the latest first), `gone` (its jobs were cancelled) and `sealed` (it has ended:
--- "closed", or "passed" when what it had is its `home`'s).
---
--- A handle is a table whose field `held` names its owner, its kind and what closes it.
--- An owner holds handles weakly: one that nobody uses any more may be collected, and
--- closed, before its owner ends, and one that has closed leaves nothing behind. A job
--- under way is held until it has ended.
---
--- This module decides who owns what and in which order it is closed; cro.cleanup runs
--- that, cro.turn and cro.fiber say when.
local S = require "cro.state"
local errors = require "cro.errors"

local scope = {}

local OUTSIDE = S.OUTSIDE
local WEAK = { __mode = "k" }

--- What belongs to nobody else, until the end of the program.
---@class cro.Owner
---@field held false|table<table, integer>
---@field jobs nil|false|cro.JobLink the latest of the jobs it started
---@field gone nil|boolean
---@field lent nil|boolean somebody has it as an owner
---@field taps false|table the latest of its taps and reacts
---@field sealed false|"closed"|"passed"
---@field home cro.Owner|nil who owns what it leaves open
local program = { held = false, jobs = false, taps = false, gone = false, sealed = false }
--- The program itself, as an owner.
scope.program = program
OUTSIDE.job = program

--- Owners that have had something, for the end of the program and for debugging.
local owners = setmetatable({}, WEAK)
--- They are its keys.
scope.owners = owners

local serial = 0

--- The place of something in the order of all openings.
---@return integer
function scope.stamp()
  serial = serial + 1
  return serial
end
local stamp = scope.stamp

local function new_job(rec)
  local job = { held = false, jobs = false, taps = false, gone = false, sealed = false, home = false, fiber = false }
  job.home, job.fiber = rec.link and rec.link.owner or program, rec
  rec.job, rec.used = job, true
  return job
end

--- Who owns what code in a block or tap opens: the innermost block or producer, for the
--- callbacks of a plain tap who owns the tap; else the job of the fiber.
---@param at table|false the block or tap
---@param rec cro.Fiber
---@return cro.Owner
function scope.of(at, rec)
  while at do
    if at.is_owner then
      at.lent = true
      return at
    end
    if at.plain then return at.list or program end
    at = at.under
  end
  return rec.job or new_job(rec)
end
local of = scope.of

--- Who owns what the running code opens.
---@return cro.Owner
function scope.here() return of(S.scope, S.current) end
local here = scope.here

--- Who owns what a source brings to this line: a block, or who owns the plain tap.
---@param line table
---@return cro.Owner
function scope.of_line(line)
  local owner = line.owner
  if owner.plain then return owner.list or program end
  return owner
end

--- Who gets what an ending block leaves: its consumer, or who runs its `react`.
---@param block cro.Block
---@return cro.Owner
function scope.beyond(block)
  if block.line then return scope.of_line(block.line) end
  return of(block.outer, block.waiter)
end

--- Who has what this owner had, if it has ended in order; else itself.
---@param owner cro.Owner
---@return cro.Owner
function scope.standing(owner)
  while owner.sealed == "passed" do
    owner = owner.home
  end
  return owner
end
local standing = scope.standing

local function hold(owner, thing)
  local held = owner.held
  if not held then
    held = setmetatable({}, WEAK)
    owner.held, owner.lent = held, true
    owners[owner] = true
  end
  held[thing] = stamp()
end

local function release(owner, thing)
  local held = owner.held
  if held then held[thing] = nil end
end

--- Handles -----------------------------------------------------------------------

local watch = require("cro.traceback").DEBUG and require "cro.watch"

--- Registers a handle that has just been opened with the innermost block, else with the
--- job of this fiber, else with the program. When its owner has ended meanwhile, the
--- handle is closed at once.
---@param handle table its field `held` is taken for this
---@param kind string a short noun such as "tcp connection"
---@param close fun(handle: table): any closes it, also one that has closed; a promise it returns is awaited
---@param owner cro.Owner|nil for what was opened earlier: what `scope.here()` was then
---@param place string|nil where that was
---@return boolean open false when it was closed
function scope.own(handle, kind, close, owner, place)
  owner = standing(owner or here())
  if owner.sealed then
    close(handle)
    return false
  end
  local node = { owner = false, kind = false, close = false }
  node.owner, node.kind, node.close = owner, kind, close
  handle.held = node
  hold(owner, handle)
  if watch then watch.opened(handle, node, place) end
  return true
end
local own = scope.own

--- Takes a handle that has closed out of its scope. Twice is harmless.
---@param handle table
function scope.disown(handle)
  local node = handle.held
  if not node then return end
  handle.held = false
  release(node.owner, handle)
  if watch then watch.closed(node) end
end
local disown = scope.disown

local function give_up(ticket) return ticket.cancel() end

--- Registers something that is being opened: `cancel()` gives it up when its owner ends
--- first. Keep what it returns where the result comes in: the scope does not.
---@param kind string
---@param cancel fun()
---@return table ticket for `opened`, or for `disown` when it has failed
function scope.opening(kind, cancel)
  local ticket = { held = false, cancel = false }
  ticket.cancel = cancel
  own(ticket, kind, give_up)
  return ticket
end

--- What was being opened is open: who owned the opening owns the handle.
---@param ticket table
---@param handle table
---@param kind string
---@param close fun(handle: table): any
---@return boolean open false when its owner has ended: it was closed
function scope.opened(ticket, handle, kind, close)
  local node = ticket.held
  if not node then
    close(handle)
    return false
  end
  disown(ticket)
  return own(handle, kind, close, node.owner, node.at)
end

--- Jobs ----------------------------------------------------------------------------

--- The place of a job in its owner's list. A fiber keeps it from job to job.
---@class cro.JobLink
---@field fiber cro.Fiber|false of a job that has begun; false for other work
---@field owner false|cro.Owner who started the job, and gets what it leaves open
---@field promise false|cro.Promise
---@field older false|cro.JobLink
---@field newer false|cro.JobLink

local REASON = "the block or job that started this has ended"

local function new_link(rec)
  local link = { fiber = false, owner = false, promise = false, older = false, newer = false }
  if rec then
    link.fiber, rec.link = rec, link
  end
  return link
end

local function join(link, promise, owner)
  local latest = owner.jobs or false
  link.owner, link.promise, link.older = owner, promise, latest
  if latest then latest.newer = link end
  owner.jobs, owner.lent = link, true
end

--- Who starts a job here, false for the program. What clean-up starts is the program's.
---@return cro.Owner|false
function scope.starter()
  local owner = here()
  return owner ~= program and not (owner.gone and S.current.shield) and owner
end

--- A started job begins on a fiber: notes who started it.
---@param rec cro.Fiber
---@param promise cro.Promise of the job
---@param owner cro.Owner who started it
---@return cro.Error|nil refused whoever started it was cancelled meanwhile
function scope.begin_job(rec, promise, owner)
  if owner.sealed then owner = standing(owner) end
  if owner == program then return nil end
  if owner.gone or owner.sealed then return errors.new("cancelled", REASON) end
  join(rec.link or new_link(rec), promise, owner)
end

--- Takes a job or other work out of its owner's list. Twice is harmless.
---@param link cro.JobLink
function scope.unlink(link)
  local older, newer, owner = link.older, link.newer, link.owner
  if not owner then return end
  if newer then newer.older = older else owner.jobs = older end
  if older then older.newer = newer end
  link.owner, link.promise, link.older, link.newer = false, false, false, false
end
local unlink = scope.unlink

--- The job of a fiber has ended, or is nobody's any more.
---@param rec cro.Fiber
function scope.end_job(rec)
  if rec.link then return unlink(rec.link) end
end

--- Registers a promise that `cancel` gives up with who owns what the running code opens.
---@param promise cro.Promise
---@return cro.JobLink|false link for `unlink`; false: it is the program's
function scope.link_work(promise)
  if not S.scope and S.current.job == program then return false end
  local owner = standing(here())
  if owner == program or owner.gone or owner.sealed then return false end
  local link = new_link(false)
  join(link, promise, owner)
  return link
end

--- Cancels what an owner has under way, the latest first; that it ends is another matter.
--- What it starts from now on is cancelled before it begins.
---@param owner cro.Owner
---@param reason string|nil
---@return cro.Promise[] jobs that have not ended
function scope.cancel_jobs(owner, reason)
  local list, link = {}, owner.jobs
  owner.gone = true
  while link do
    list[#list + 1] = link.promise
    link = link.older
  end
  for _, promise in ipairs(list) do
    promise:cancel(reason or REASON)
  end
  return list
end

--- Passing on and closing ----------------------------------------------------------------

local function move_job(link, to)
  local promise, rec = link.promise, link.fiber
  unlink(link)
  if to == program then return end
  if to.gone or to.sealed then return promise:cancel(REASON) end
  join(link, promise, to)
  if rec and rec.job and rec.job.fiber == rec then rec.job.home = to end
end

--- Gives an open handle to another owner; its place in the order stays.
---@param handle table
---@param to cro.Owner
function scope.move_handle(handle, to)
  local node = handle.held
  local from = node.owner
  local number = from.held[handle]
  from.held[handle] = nil
  node.owner = to
  hold(to, handle)
  to.held[handle] = number
end

--- The handles of an owner, the oldest first.
---@param owner cro.Owner
---@return table[]
function scope.handles(owner)
  local held, list = owner.held, {}
  if not held then return list end
  for handle in pairs(held) do
    list[#list + 1] = handle
  end
  table.sort(list, function(a, b) return held[a] < held[b] end)
  return list
end
local handles = scope.handles

--- Gives the jobs of an owner to another.
---@param owner cro.Owner
---@param to cro.Owner
function scope.pass_jobs(owner, to)
  to = standing(to)
  while owner.jobs do
    move_job(owner.jobs, to)
  end
end

--- Gives the handles of an owner to another; one that has ended closes them.
---@param owner cro.Owner
---@param to cro.Owner
function scope.pass_handles(owner, to)
  to = standing(to)
  for _, handle in ipairs(handles(owner)) do
    local node = handle.held
    if to.sealed then
      scope.disown(handle)
      node.close(handle)
    else
      scope.move_handle(handle, to)
    end
  end
end

--- Closes a handle and waits until it has closed.
---@async
---@param owner cro.Owner
---@param handle table skipped when it has closed, or is somebody else's by now
function scope.close_handle(owner, handle)
  local node = handle.held
  if not node or node.owner ~= owner then return end
  disown(handle)
  local closing = node.close(handle)
  if type(closing) == "table" and type(closing.await) == "function" then closing:await() end
end

--- A block has ended: what late callbacks of it still open is closed, or, after an
--- orderly end, somebody else's.
---@param block cro.Block
function scope.seal(block)
  local orderly = block.ended == "done" and not (block.line and block.line.closed)
  if orderly then
    block.home = scope.beyond(block)
    scope.pass_jobs(block, block.home)
  end
  block.sealed = orderly and "passed" or "closed"
end

return scope
