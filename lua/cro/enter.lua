--- The ways a value enters a line: the hot path of every supply.
---
--- Each is a shared function over the line and its owner, so that a loop over it
--- compiles to a few loads and stores. `cro.line` picks one when the source is tapped.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local misplaced = require "cro.misplaced"
local ring = require "cro.ring"
local tickets = require "cro.ticket"
local turn = require "cro.turn"

local enter = {}

local trace = errors.trace
local push_ring, take_ring = ring.push, ring.take
local VALUE, QUIT, EMIT, OLDEST = turn.VALUE, turn.QUIT, turn.EMIT, turn.OLDEST
local SCHEDULED, post, leave = turn.SCHEDULED, turn.post, turn.leave

local function ignore() end

--- The turn is taken: queue the value and wait until it was handled.
local function wait_turn(line, value)
  local owner = line.owner
  if S.is_beneath(owner) then misplaced.own_handler() end
  local rec = fiber.may_wait("emit to a busy block")
  local ticket = tickets.new(line, rec, S.scope, value)
  post(owner, line, EMIT, ticket)
  fiber.park(ticket, "emit")
  if ticket.stopped then error(errors.UNHEARD, 0) end
end

--- A value along an on-demand chain: handled now when the turn is free, else the emitter
--- waits for it. Raises a stop when the emitter is to end.
---@async
---@param line table
---@param value any
function enter.direct(line, value)
  local owner = line.owner
  if owner.busy then return wait_turn(line, value) end
  local outer = S.scope
  owner.busy, owner.under = S.current, outer
  S.scope = owner
  local ok, err = xpcall(line.head, trace, value)
  S.scope = outer
  if ok and not owner.attention then
    owner.busy = false
    return
  end
  return leave(owner, line, ok, err)
end

--- A value from a promise: it never waits and never holds its bringer back.
---@param line table
---@param value any
function enter.settled(line, value)
  local owner = line.owner
  if not owner.busy then return enter.direct(line, value) end
  line.queued = line.queued + 1
  post(owner, line, VALUE, value)
end

--- Values that may queue because they were emitted from inside the handler before them.
local MAX_RECURSION = 1024

--- As `direct`, for a producer that may emit from inside its own consumer: that value is
--- queued, never waited on.
---@async
---@param line table
---@param value any
function enter.recursive(line, value)
  local owner = line.owner
  if not owner.busy or not S.is_beneath(owner) then return enter.direct(line, value) end
  if line.queued >= MAX_RECURSION then
    errors.misuse(("more than %d values were emitted from inside the handler of one"):format(MAX_RECURSION))
  end
  line.queued = line.queued + 1
  post(owner, line, VALUE, value)
end

--- A line that was too slow sees what is queued and then the reason.
local function overflow(line, value)
  local owner, on_drop = line.owner, line.on_drop
  if on_drop and line.policy ~= "error" then on_drop() end
  if line.policy == "drop_newest" then return end
  -- Emitted from inside a tap of the same supplier: its emitter cannot wait.
  if line.policy == "wait" then
    line.queued = line.queued + 1
    return post(owner, line, VALUE, value)
  end
  if line.policy == "drop_oldest" then
    take_ring(line.own)
    return push_ring(line.own, false, VALUE, value)
  end
  line.enter = ignore
  line.live = false
  line.closer(line)
  post(owner, line, QUIT, errors.new("slow_consumer",
    ("slow consumer: %d values were queued and not handled; handle them faster, "
      .. "or give the source a larger buffer or another policy"):format(line.limit)))
end

--- A value that crosses into another owner's mailbox, at most `line.limit` of them; then
--- the line's policy decides. Never waits.
---@param line table
---@param value any
function enter.cross(line, value)
  local owner = line.owner
  if line.queued >= line.limit then
    if owner.busy == SCHEDULED then fiber.run_now(turn.drain, owner) end
    if line.closed then return end
    if line.queued >= line.limit then return overflow(line, value) end
  end
  line.queued = line.queued + 1
  local own = line.own
  if own then
    push_ring(own, false, VALUE, value)
    return post(owner, line, OLDEST, nil)
  end
  local box = owner.box
  if box and owner.attention and owner.busy then return push_ring(box, line, VALUE, value) end
  return post(owner, line, VALUE, value)
end

return enter
