--- Emitters that wait until a block has its turn for their value.
---
--- A ticket is in the mailbox of the block and in the list of the line it came by
--- (`line.tickets`, the latest first): when the line closes, who waits is told at once and
--- not when the mailbox comes to it. A ticket that was handled, told or given up has no line.
local fiber = require "cro.fiber"

---@class cro.EmitTicket
---@field fiber cro.Fiber that waits
---@field scope any whose code emitted
---@field value any
---@field stopped boolean nobody has the value
---@field line table|false
---@field older cro.EmitTicket|false
---@field newer cro.EmitTicket|false
local Ticket = {}
Ticket.__index = Ticket

local ticket = {}

--- A ticket of a fiber that is going to wait.
---@param line table
---@param rec cro.Fiber
---@param scope any
---@param value any
---@return cro.EmitTicket
function ticket.new(line, rec, scope, value)
  -- Constants only: these keys are in the table's template, others would grow it.
  local self = setmetatable({
    fiber = false,
    scope = false,
    value = false,
    stopped = false,
    line = false,
    older = false,
    newer = false,
  }, Ticket)
  local latest = line.tickets
  self.fiber, self.scope, self.value = rec, scope, value
  self.line, self.older = line, latest
  if latest then latest.newer = self end
  line.tickets = self
  return self
end

--- Takes it out of the list of its line; false when it is not there any more.
---@return boolean
function Ticket:take()
  local line, older, newer = self.line, self.older, self.newer
  if not line then return false end
  if newer then newer.older = older else line.tickets = older end
  if older then older.newer = newer end
  self.line, self.older, self.newer = false, false, false
  return true
end

--- The wait was given up.
function Ticket:forget() self:take() end

--- Nobody will have the value: its emitter is told.
function Ticket:stop()
  if not self:take() then return end
  self.stopped = true
  return fiber.wake(self.fiber, nil, self)
end

--- The line has closed: in the order in which they came.
---@param line table
function ticket.stop_all(line)
  local first = line.tickets
  while first and first.older do
    first = first.older
  end
  while first do
    local following = first.newer
    first:stop()
    first = following
  end
end

return ticket
