--- The mailbox of a block: a growing ring of (line, kind, value) in one flat table.
---
--- Values may be nil. The ring grows by doubling and never shrinks; a mailbox lives
--- as long as its block. Who fills it bounds it: see the limits in cro.turn.
local ring = {}

local FIRST = 8 -- entries

---@class cro.Ring
---@field count integer entries held
---@field head integer where the oldest is, in entries from 0
---@field size integer entries there is room for, a power of two

--- An empty ring.
---@return cro.Ring
function ring.new()
  local self = { count = 0, head = 0, size = FIRST }
  for i = 1, FIRST * 3 do
    self[i] = false
  end
  return self
end

local function grow(self)
  local size, head = self.size, self.head
  local old = {}
  for i = 1, size * 3 do
    old[i] = self[i]
  end
  for i = 0, size - 1 do
    local from = (head + i) % size * 3
    self[i * 3 + 1], self[i * 3 + 2], self[i * 3 + 3] = old[from + 1], old[from + 2], old[from + 3]
  end
  for i = size * 3 + 1, size * 6 do
    self[i] = false
  end
  self.head, self.size = 0, size * 2
end

--- Adds an entry behind the others.
---@param self cro.Ring
---@param line any
---@param kind integer see cro.turn
---@param value any
function ring.push(self, line, kind, value)
  local count, size = self.count, self.size
  if count == size then
    grow(self)
    size = self.size
  end
  local at = (self.head + count) % size * 3
  self[at + 1], self[at + 2], self[at + 3] = line, kind, value
  self.count = count + 1
end

--- The oldest entry. There must be one.
---@param self cro.Ring
---@return any line, integer kind, any value
function ring.take(self)
  local head = self.head
  local at = head * 3
  local line, kind, value = self[at + 1], self[at + 2], self[at + 3]
  self[at + 1], self[at + 3] = false, false
  self.head = (head + 1) % self.size
  self.count = self.count - 1
  return line, kind, value
end

return ring
