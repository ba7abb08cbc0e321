--- Turns: who may run the code of a block or tap, and what queues meanwhile.
---
--- An owner (a block, or a plain tap, which owns itself) has one turn. Whoever holds
--- it runs the owner's code, waits included; everything else queues in the owner's
--- mailbox and is worked off by the runner. This module owns the life of a line (the
--- connection of one source to one owner) and of a block's end. It never opens a
--- source and never decides what a handler does.
---
--- How a value comes in is cro.enter's.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local cleanup = require "cro.cleanup"
local ring = require "cro.ring"
local roots = require "cro.roots"
local tickets = require "cro.ticket"

local turn = {}

local trace, STOP, LAST = errors.trace, errors.STOP, errors.LAST
local push_ring, take_ring, push_ready = ring.push, ring.take, fiber.push

local VALUE, DONE, QUIT, EMIT, OLDEST, TAKE = 1, 2, 3, 4, 5, 6
--- Kinds of mailbox entries: a value, the end, a failure, a value whose emitter waits, the
--- oldest value of the line's own ring, values to be fetched from whoever posted this.
turn.VALUE, turn.DONE, turn.QUIT, turn.EMIT, turn.OLDEST, turn.TAKE = VALUE, DONE, QUIT, EMIT, OLDEST, TAKE

--- Holds the turn of an owner that waits in the ready queue for its mailbox.
local SCHEDULED = { waiting = false }
--- What `owner.busy` is meanwhile.
turn.SCHEDULED = SCHEDULED

local function enter_closed() error(errors.UNHEARD, 0) end

local function ignore() end
--- Stands for the consumer of a block that has ended.
turn.DEAD = { enter = enter_closed }

local function schedule(owner)
  owner.attention = true
  if owner.busy then return end
  owner.busy = SCHEDULED
  push_ready(owner)
end

--- Queues an entry in the owner's mailbox and has it worked off.
---@param owner table
---@param line table whose source brings it
---@param kind integer VALUE, DONE, QUIT, EMIT or OLDEST
---@param value any
function turn.post(owner, line, kind, value)
  local box = owner.box
  if not box then
    box = ring.new()
    owner.box = box
  end
  push_ring(box, line, kind, value)
  schedule(owner)
end

local post = turn.post
local function conclude(block)
  block.body = false -- which may name what is to be collected now
  if block.lent then cleanup.seal(block) end
  if block.line then
    return turn.finish_line(block.line, block.ended == "quit" and QUIT or DONE, block.err)
  end
  block.concluded = true
  roots.remove(block)
  fiber.wake(block.waiter, nil, block)
end

local function run_closers(block)
  cleanup.end_block(block)
  return conclude(block)
end

local function try_finish(owner)
  if not owner.ended or owner.busy or owner.ending > 0 or owner.finishing then return end
  owner.finishing = true
  if owner.closers or owner.lent then return fiber.run_now(run_closers, owner) end
  return conclude(owner)
end

--- Gives up the turn: what queued is for the runner, an ended block may finish.
local function release(owner)
  if owner.ended then
    owner.busy = false
    return try_finish(owner)
  end
  local box = owner.box
  if box and box.count > 0 then
    owner.busy = SCHEDULED
    return push_ready(owner)
  end
  owner.attention, owner.busy = false, false
end

local function unlink(line)
  local older, newer = line.prev, line.next
  if older then older.next = newer end
  if newer then newer.prev = older else line.owner.lines = older end
  line.prev, line.next = false, false
end

local function drop_queue(owner)
  local box = owner.box
  while box and box.count > 0 do
    local _, kind, value = take_ring(box)
    if kind == EMIT then value:stop() end
  end
end

local function detach(line)
  line.closed, line.enter = true, enter_closed
  local owner = line.owner
  if owner == line then roots.remove(line) else unlink(line) end
  if line.waiters then line.waiters:room() end
  if line.tickets then tickets.stop_all(line) end
end

--- Closes the source of a line; the operators may still flush what they hold. The
--- owner's end waits for the source.
---@param line table
function turn.close_source(line)
  if line.closed then return end
  detach(line)
  if line.owner == line then drop_queue(line) end
  if not line.live then return end
  line.owner.ending = line.owner.ending + 1
  line.closer(line)
end
local close_source = turn.close_source

--- Stops delivery to a line and closes its source.
---@param line table
function turn.close_line(line)
  line.over = true
  return close_source(line)
end
local close_line = turn.close_line

--- A stopped handler may sit under the body of a react of its own, which ends first.
local function interrupt_holder(block)
  local rec = block.busy
  if not rec.waiting or (rec.shield and not rec.shield.expired) then return end
  local scope = rec.scope
  while scope and scope ~= block and scope.under ~= block do
    scope = scope.under
  end
  if rec.scope == block then return fiber.interrupt(rec) end
  if scope and scope.waiter == rec and scope.busy == rec then
    turn.end_block(scope, "quit", STOP)
  end
end

--- Begins the end of a block; whoever leaves last finishes it.
---@param block table
---@param how "done"|"quit"|"closed"
---@param err any the error, for "quit"
function turn.end_block(block, how, err)
  if block.ended then return end
  block.ended, block.err, block.attention = how, err, true
  if block.down then block.down = turn.DEAD end
  if block.busy == SCHEDULED then block.busy = false end
  block.ending = block.ending + 1 -- held, so that the first source to end does not finish it
  drop_queue(block)
  while block.lines do
    close_line(block.lines)
  end
  if block.lent then cleanup.begin_end(block) end
  block.ending = block.ending - 1
  if block.busy then interrupt_holder(block) end
  try_finish(block)
end
local end_block = turn.end_block

--- One source less; a block without any is done.
---@param owner table
function turn.uncount(owner)
  if owner.plain then return end
  local open = owner.open - 1
  owner.open = open
  if open == 0 then end_block(owner, "done") end
end
local uncount = turn.uncount

--- The end of the chain of operators: the line's own `last`, then it is over.
---@param line table
function turn.on_finish(line)
  if line.over then return end
  line.over, line.handling = true, true
  if not line.closed then detach(line) end
  if line.on_last then line.on_last() end
  uncount(line.owner)
end
local on_finish = turn.on_finish

local function flush_operators(line)
  local tail = line.tail
  if not tail then return on_finish(line) end
  line.tail = false
  return tail()
end

local function fail_plain(line, err)
  close_line(line)
  local on_quit = line.on_quit
  line.on_quit = false
  if not on_quit then
    if not errors.is_unwinding(err) then fiber.report("error in a tap", err) end
    return
  end
  local ok, raised = xpcall(on_quit, trace, err)
  if not ok and not errors.is_unwinding(raised) then
    fiber.report("error in the quit callback of a tap", raised)
  end
end

local function fail(owner, err)
  if owner.plain then return fail_plain(owner, err) end
  if not owner.ended then return end_block(owner, "quit", errors.through(err, owner)) end
  -- A cancellation is most likely that of a job of this very block.
  if errors.is_unwinding(err) or errors.is_cancellation(err) then return end
  fiber.report("error in a block that was ending", err)
end

local failed

local function deliver_quit(owner, line, err)
  line.handling = true
  if owner.plain or not line.on_quit then return fail(owner, err) end
  if not line.closed then detach(line) end
  local ok, raised = xpcall(line.on_quit, trace, err)
  if ok or raised == LAST then return uncount(owner) end
  return failed(owner, line, raised)
end

--- A stop came to the edge of an owner that had not ended: it unwinds to a block
--- further out, or it was raised by hand.
local function stray_stop(owner, err)
  if owner.ended or (owner.plain and owner.closed) then return end
  -- A react does not outlive the block whose code waits for it.
  if S.ended_beneath(owner.under) and not (owner.waiter and S.ended_beneath(owner.outer)) then return end
  if owner.waiter then return end_block(owner, "quit", err) end
  return fail(owner, errors.new("error", "a stop left the block it was meant for: " .. err.message, { cause = err }))
end

local function run_last(line)
  if line.closed then return end
  close_source(line)
  local ok, err = xpcall(on_finish, trace, line)
  if not ok then return failed(line.owner, line, err) end
end

--- Code of the owner raised, in its turn: `line` is whose value it handled.
failed = function(owner, line, err)
  if err == LAST then return run_last(line) end
  if errors.is_stop(err) then return stray_stop(owner, err) end
  if line.origin then errors.passed(err, "in the whenever at " .. line.origin) end
  if line.handling or owner.ended then return fail(owner, err) end
  close_line(line)
  return deliver_quit(owner, line, err)
end

--- The code of `line` returned or raised: deal with it and give up the turn.
---@param owner table whose turn it was
---@param line table
---@param ok boolean
---@param err any
function turn.leave(owner, line, ok, err)
  if not ok then
    local scope = S.scope
    S.scope = owner
    failed(owner, line, err)
    line.handling = line.bare
    S.scope = scope
  end
  return release(owner)
end

--- The body of a block has returned or raised: it counted as one source.
---@param block table
---@param ok boolean
---@param err any
function turn.leave_body(block, ok, err)
  local scope = S.scope
  S.scope = block
  if not ok and errors.is_stop(err) and err ~= LAST then
    stray_stop(block, err)
  elseif not ok then
    if err == LAST then err = errors.new("error", "last() outside of a whenever handler; done() ends a block") end
    fail(block, err)
  end
  uncount(block)
  S.scope = scope
  return release(block)
end

local function handle_value(owner, line, value)
  if line.closed then return end
  local ok, err = xpcall(line.head, trace, value)
  if ok then return end
  failed(owner, line, err)
  line.handling = line.bare
end

--- The emitter is parked until this is handled, so its code counts as beneath.
local function handle_emit(owner, line, ticket)
  if not ticket:take() then return end
  local under = owner.under
  owner.under = ticket.scope
  handle_value(owner, line, ticket.value)
  owner.under = under
  fiber.wake(ticket.fiber, nil, ticket)
end

local function handle_queued(owner, line, kind, value)
  line.queued = line.queued - 1
  if kind == OLDEST then value = select(3, take_ring(line.own)) end
  if line.waiters then line.waiters:room() end
  return handle_value(owner, line, value)
end

local function handle(owner, line, kind, value)
  if kind == VALUE or kind == OLDEST then return handle_queued(owner, line, kind, value) end
  if kind == EMIT then return handle_emit(owner, line, value) end
  if line.closed then return end
  if kind == TAKE then return value:give(owner, handle_value) end
  if kind == QUIT then return deliver_quit(owner, line, value) end
  local ok, err = xpcall(flush_operators, trace, line)
  if ok then return end
  failed(owner, line, err)
end

--- Works off what had queued when it began. What comes meanwhile is for a later turn.
---@param owner table
function turn.drain(owner)
  if owner.busy ~= SCHEDULED then return end
  local outer, box = S.scope, owner.box
  owner.busy, owner.under = S.current, outer
  S.scope = owner
  local left = box.count
  while left > 0 and box.count > 0 do
    left = left - 1
    local line, kind, value = take_ring(box)
    if kind == VALUE then
      line.queued = line.queued - 1
      if line.waiters then line.waiters:room() end
      if not line.closed then
        local ok, err = xpcall(line.head, trace, value)
        if not ok then
          failed(owner, line, err)
          line.handling = line.bare
        end
      end
    else
      handle(owner, line, kind, value)
    end
  end
  S.scope = outer
  return release(owner)
end

--- The line's own close callbacks, and the end of what its producer had opened, come
--- between its source's end and the owner.
local function run_line_closers(line, outcome)
  cleanup.end_line(line, outcome.list, outcome.source, outcome.kind == DONE and not line.closed)
  return turn.finish_line(line, outcome.kind, outcome.err)
end

--- The source of a line is over. Called once by the source, on any fiber.
---@param line table
---@param kind integer DONE or QUIT
---@param err any
function turn.finish_line(line, kind, err)
  if not line.live then return end
  if cleanup.has_end(line) then
    local outcome = { list = line.closers, source = line.upstream, kind = kind, err = err }
    line.closers, line.closer, line.upstream = nil, ignore, false
    return fiber.run_now(run_line_closers, line, outcome)
  end
  line.live = false
  local owner = line.owner
  if line.closed then
    owner.ending = owner.ending - 1
    return try_finish(owner)
  end
  if owner.busy or line.limit then return post(owner, line, kind, err) end
  local outer = S.scope
  owner.busy, owner.under = S.current, outer
  S.scope = owner
  handle(owner, line, kind, err)
  S.scope = outer
  return release(owner)
end

return turn
