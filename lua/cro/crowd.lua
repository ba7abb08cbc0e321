--- Those who wait for one promise behind the first of them: many, now and then, who leave in
--- any order.
---
--- A list with holes. Where each stands is noted once somebody leaves a crowd that is larger
--- than a glance; a list that is mostly holes is made anew.
local crowd = {}

local GLANCE = 16

---@class cro.Crowd
---@field head integer the first place that counts
---@field last integer
---@field held integer how many there are
---@field at false|table<table, integer> where each stands
---@field [integer] table|false

--- A crowd of one.
---@param waiter table
---@return cro.Crowd
function crowd.new(waiter)
  local self = { false, head = 1, last = 1, held = 1, at = false }
  self[1] = waiter
  return self
end

--- Adds one, who is not there yet, behind the others.
---@param self cro.Crowd
---@param waiter table
function crowd.add(self, waiter)
  local last = self.last + 1
  self[last], self.last, self.held = waiter, last, self.held + 1
  if self.at then self.at[waiter] = last end
end

local function close_up(self)
  local at, last = self.at and {}, 0
  for i = self.head, self.last do
    local waiter = self[i]
    if waiter then
      last = last + 1
      self[last] = waiter
      if at then at[waiter] = last end
    end
  end
  for i = last + 1, self.last do
    self[i] = nil
  end
  self.head, self.last, self.at = 1, last, at
end

local function place_of(self, waiter)
  if not self.at and self.held > GLANCE then
    self.at = {}
    close_up(self)
  end
  if self.at then return self.at[waiter] end
  for i = self.head, self.last do
    if self[i] == waiter then return i end
  end
end

local function leave(self, place)
  if self.at then self.at[self[place]] = nil end
  self[place], self.held = false, self.held - 1
  if self.last - self.head > 2 * self.held + GLANCE then close_up(self) end
end

--- Takes one out; one who is not there is ignored.
---@param self cro.Crowd
---@param waiter table
function crowd.remove(self, waiter)
  local place = place_of(self, waiter)
  if place then return leave(self, place) end
end

--- Takes the first out; false when nobody is there.
---@param self cro.Crowd
---@return table|false
function crowd.take(self)
  for i = self.head, self.last do
    local waiter = self[i]
    if waiter then
      self.head = i
      leave(self, i)
      return waiter
    end
  end
  return false
end

return crowd
