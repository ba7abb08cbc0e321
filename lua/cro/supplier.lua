--- A live source of values: what is emitted reaches whoever is tapping now.
---
--- A supplier owns its list of taps, and what was emitted while it was emitting. It
--- starts no fiber. Plain taps are called inside `emit`; what belongs to a block goes
--- to that block's mailbox. No tap's failure, wait or end reaches the emitter. Only
--- with the policy "wait" does `emit` wait, for room in every tap, before it delivers.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local receiver = require "cro.receiver"
local turn = require "cro.turn"
local waiters = require "cro.waiters"

local VALUE, DONE, QUIT = turn.VALUE, turn.DONE, turn.QUIT
local DEFAULT_BUFFER = 1024
--- Values that may be emitted from inside the taps of one value: more go round in a circle.
local MAX_LATER = 1048576
--- Closed taps are swept when there are this many and they are half of all.
local SWEEP_FROM = 8

---@class cro.Supplier
---@field live true
---@field limit integer values that may queue in one tap
---@field policy string what happens when one is full
local Supplier = {}
Supplier.__index = Supplier
Supplier.__name = "cro.Supplier"

local OPTIONS = {
  buffer = { "integer", default = DEFAULT_BUFFER, check = function(n) return n >= 1, "1 or more" end },
  policy = { "string", default = "error", one_of = { "error", "wait", "drop_oldest", "drop_newest" } },
}

local function make(given, kept)
  local opts = given and options.check("Supplier.new", given, OPTIONS)
  return setmetatable({
    live = true,
    limit = opts and opts.buffer or DEFAULT_BUFFER,
    policy = opts and opts.policy or "error",
    taps = {},
    count = 0, -- taps in the list, closed ones included
    holes = 0, -- closed ones
    emitting = false,
    emitter = false, -- the fiber whose emit is being delivered
    later = false, -- what was emitted from inside
    plainly = not kept and not (opts and opts.policy == "wait"),
    kept = kept, -- what nobody has heard yet, of a preserving supplier
    forgoes = false, -- the policy "wait" is for taps, not for want of one
    gate = false, -- emitters that wait for room, first come first served
    chosen = false, -- the one of them that was woken
  }, Supplier)
end

--- Makes a supplier. `buffer` (1024) is how many values may queue for a block that taps
--- it; `policy` says what happens then: "error" (quit with `slow_consumer`),
--- "wait" (`emit` waits), "drop_oldest" or "drop_newest".
---@param given { buffer: integer|nil, policy: "error"|"wait"|"drop_oldest"|"drop_newest"|nil }|nil
---@return cro.Supplier
function Supplier.new(given) return make(given, false) end

--- A supplier that keeps what is emitted while nobody taps, for the next one who does: up
--- to `buffer` values, then its policy says what happens.
---@param given table|nil as for `new`
---@return cro.Supplier
function Supplier.preserving(given) return make(given, { values = 0, lost = false }) end

local function sweep(self)
  local taps, count, kept = self.taps, self.count, 0
  for i = 1, count do
    local line = taps[i]
    if line.live and not line.closed then
      kept = kept + 1
      taps[kept] = line
    end
  end
  for i = kept + 1, count do
    taps[i] = nil
  end
  self.count, self.holes = kept, 0
end

local function maybe_sweep(self)
  if self.holes >= SWEEP_FROM and self.holes * 2 > self.count then sweep(self) end
end

local function close_tap(line)
  local self = line.upstream
  self.holes = self.holes + 1
  if not self.emitting then maybe_sweep(self) end
  return turn.finish_line(line, DONE)
end

-- Loops that call handlers are `while` loops: see docs/decisions/reactive-core.md.

local function finish(self, kind, err)
  local taps, count, i = self.taps, self.count, 1
  self.taps, self.count, self.holes = {}, 0, 0
  while i <= count do
    if not taps[i].closed then turn.finish_line(taps[i], kind, err) end
    i = i + 1
  end
end

local function deliver(self, kind, value)
  if kind ~= VALUE then return finish(self, kind, value) end
  local taps, count, i = self.taps, self.count, 1
  while i <= count do
    local line = taps[i]
    if not line.closed then line.enter(line, value) end
    i = i + 1
  end
end

local function deliver_later(self)
  local later, i = self.later, 1
  while i <= later.n do
    local kind, value = later[i], later[i + 1]
    later[i + 1] = false
    deliver(self, kind, value)
    i = i + 2
  end
  self.later = false
end

local function postpone(self, kind, value)
  local later = self.later
  if not later then
    later = { n = 0 }
    self.later = later
  end
  if later.n >= 2 * MAX_LATER then
    errors.misuse(("emit: %d values were emitted from inside the taps of one; does a tap emit to its own supplier "
      .. "again and again? A block's whenever may, in turns"):format(MAX_LATER))
  end
  later[later.n + 1], later[later.n + 2] = kind, value
  later.n = later.n + 2
end

local function deliver_all(self, kind, value)
  deliver(self, kind, value)
  if self.later then deliver_later(self) end
end

local function deliver_guarded(self, kind, value)
  self.emitting, self.emitter = true, S.current
  local ok, err = pcall(deliver_all, self, kind, value)
  self.emitting, self.emitter, self.later = false, false, false
  if self.holes > 0 then maybe_sweep(self) end
  if not ok then error(err, 0) end
end

--- Wakes the next emitter that waits, when there is room everywhere.
---@private
function Supplier:room()
  local gate = self.gate
  if not gate or self.chosen or self.emitting then return end
  if not gate.first or not self:has_room() then return end
  self.chosen = gate:take()
  self.chosen:release(true)
end

--- Is no tap full? Full ones will call `room`.
---@private
---@return boolean
function Supplier:has_room()
  local taps, room, kept = self.taps, true, self.kept
  if kept and self.count == self.holes then return self.forgoes or kept.values < self.limit end
  for i = 1, self.count do
    local line = taps[i]
    if not line.closed and line.limit and line.queued >= line.limit then
      line.waiters = self
      room = false
    end
  end
  return room
end

local function refuse_own_turn(self)
  for i = 1, self.count do
    local line = self.taps[i]
    local full = not line.closed and line.limit and line.queued >= line.limit
    if full and S.is_beneath(line.owner) then
      errors.misuse("emit would wait for room in the block it is called from; "
        .. "give the supplier a larger buffer or another policy")
    end
  end
end

local function has_taps(self) return self.count > self.holes end

local function wait_for_room(self)
  local gate = self.gate
  local busy = self.emitting or self.chosen or (gate and gate.first)
  if not busy and self:has_room() then return end
  refuse_own_turn(self)
  local rec = fiber.may_wait "emit to a full tap"
  local again = false
  self.gate = gate or waiters.new()
  repeat
    local ticket, ok, err = waiters.wait(self.gate, rec, nil, again)
    if self.chosen == ticket then self.chosen = false end
    if not ok then
      self:room()
      error(err, 0)
    end
    again = true -- somebody took the room meanwhile: it is still the first in the queue
  until self:has_room() and not self.emitting
end

local function keep_value(self, kept, value)
  if kept.values >= self.limit then
    if self.policy == "drop_newest" then return end
    if self.policy == "error" or self.forgoes then
      kept[#kept + 1] = { QUIT, errors.new("slow_consumer",
        ("slow consumer: %d values were kept and nobody tapped; tap sooner, "
          .. "or give the supplier a larger buffer or another policy"):format(self.limit)) }
      kept.lost = true
      return
    end
    repeat
      local oldest = table.remove(kept, 1)
    until oldest[1] == VALUE
    kept.values = kept.values - 1
  end
  kept.values = kept.values + 1
  kept[#kept + 1] = { VALUE, value }
end

--- Nobody taps: keeps it for who will. One end after another says nothing more.
local function keep(self, kind, value)
  local kept = self.kept
  if kept.lost then return end
  if kind == VALUE then return keep_value(self, kept, value) end
  local latest = kept[#kept]
  if not latest or latest[1] == VALUE then kept[#kept + 1] = { kind, value } end
end

local function slow_emit(self, kind, value)
  if self.emitting and (self.policy ~= "wait" or self.emitter == S.current or kind ~= VALUE) then
    return postpone(self, kind, value)
  end
  if self.policy == "wait" and kind == VALUE then wait_for_room(self) end
  if self.kept and not has_taps(self) then return keep(self, kind, value) end
  deliver_guarded(self, kind, value)
  self:room()
end

--- What was kept has had its wait for room.
local function replay(self, kind, value)
  if self.emitting then return postpone(self, kind, value) end
  if not has_taps(self) then return keep(self, kind, value) end
  return deliver_guarded(self, kind, value)
end

--- Gives a value to every tap there is, in the order they were opened. From inside
--- a tap of this supplier it is delivered after the value being delivered.
---@param value any
function Supplier:emit(value)
  if getmetatable(self) ~= Supplier then receiver.refuse("supplier", "emit", self) end
  if self.emitting or not self.plainly then return slow_emit(self, VALUE, value) end
  self.emitting = true
  local taps, count, i = self.taps, self.count, 1
  while i <= count do
    local line = taps[i]
    if not line.closed then line.enter(line, value) end
    i = i + 1
  end
  if self.later then deliver_later(self) end
  self.emitting = false
  if self.holes > 0 then maybe_sweep(self) end
end

--- Ends every tap there is. Taps opened afterwards start a life of their own.
function Supplier:done() slow_emit(self, DONE, nil) end

--- Ends every tap there is with an error.
---@param err any a string becomes an error value
function Supplier:quit(err)
  return slow_emit(self, QUIT, errors.wrap(err == nil and "Died" or err))
end

--- For cro.line: a tap is opened.
---@private
---@param line table
function Supplier:open(line)
  line.upstream, line.closer = self, close_tap
  local count = self.count + 1
  self.taps[count], self.count = line, count
  local kept = self.kept
  if not kept or not kept[1] then return end
  self.kept = { values = 0, lost = false }
  for _, entry in ipairs(kept) do
    replay(self, entry[1], entry[2])
  end
  self:room()
end

receiver.guard(Supplier, "supplier", { "done", "quit" })

return Supplier
