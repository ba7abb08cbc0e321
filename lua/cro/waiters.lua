--- Who waits for its turn at something that several want: first come, first served.
---
--- A list of tickets, linked, so that a ticket in the middle is taken out at once. A ticket
--- is any table with the fields `list`, `prev` and `next`; it is in one list at most. The
--- list knows nothing of fibers: what a ticket stands for is its owner's business.
local fiber = require "cro.fiber"

local waiters = {}

---@class cro.Waiters
---@field first table|false the ticket that has waited longest
---@field last table|false
local List = {}
List.__index = List

--- An empty list.
---@return cro.Waiters
function waiters.new() return setmetatable({ first = false, last = false }, List) end

--- Adds a ticket behind the others.
---@param ticket table
function List:add(ticket)
  local last = self.last
  ticket.list, ticket.prev, ticket.next = self, last, false
  if last then last.next = ticket else self.first = ticket end
  self.last = ticket
end

--- Adds a ticket before the others.
---@param ticket table
function List:add_first(ticket)
  local first = self.first
  ticket.list, ticket.prev, ticket.next = self, false, first
  if first then first.prev = ticket else self.last = ticket end
  self.first = ticket
end

--- Takes a ticket out. One that is in no list is left alone.
---@param ticket table
function waiters.remove(ticket)
  local list, older, newer = ticket.list, ticket.prev, ticket.next
  if not list then return end
  if older then older.next = newer else list.first = newer end
  if newer then newer.prev = older else list.last = older end
  ticket.list, ticket.prev, ticket.next = false, false, false
end
local remove = waiters.remove

--- Takes the first ticket out; false when there is none.
---@return table|false
function List:take()
  local ticket = self.first
  if ticket then remove(ticket) end
  return ticket
end

--- The ticket of a fiber that waits.
---@class cro.Ticket
---@field fiber cro.Fiber
---@field granted boolean what was waited for is this ticket's
---@field value any what its owner wants to remember
local Ticket = {}
Ticket.__index = Ticket

--- For cro.fiber: the wait is given up.
function Ticket:forget() remove(self) end

--- Wakes the fiber, with or without what it waited for.
---@param granted boolean
function Ticket:release(granted)
  self.granted = granted
  return fiber.wake(self.fiber, nil, self)
end

--- Parks a fiber until its ticket is released. Nothing is raised: look at `granted` of the
--- ticket first, then deal with the error.
---@async
---@param list cro.Waiters
---@param rec cro.Fiber from fiber.may_wait
---@param value any for the ticket
---@param first boolean|nil it comes before the others
---@return cro.Ticket ticket, boolean ok, any err
function waiters.wait(list, rec, value, first)
  local ticket = setmetatable({
    fiber = false,
    list = false,
    prev = false,
    next = false,
    granted = false,
    value = false,
  }, Ticket)
  ticket.fiber, ticket.value = rec, value
  if first then list:add_first(ticket) else list:add(ticket) end
  local ok, err = pcall(fiber.suspend, rec, ticket)
  return ticket, ok, err
end

return waiters
