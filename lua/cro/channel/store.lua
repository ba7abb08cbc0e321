--- The inside of a channel: its values, who waits for them, and who gets them.
---
--- The values are a ring that grows up to the capacity. Of the two lists of those who wait,
--- senders for room and receivers for a value, one is always empty. A receiver that is
--- served is promised a value, not given one: it takes the oldest when it runs. So one that
--- is cancelled first leaves its value where it was, in order, for the next.
---
--- Tickets in the lists have `release(granted)`: granted, a sender's value is in and a
--- receiver is promised one; else the channel is closed and nothing will come.
local waiters = require "cro.waiters"
local Promise = require "cro.promise"

local store = {}

local band = bit.band

--- Values that a channel holds when nobody says otherwise.
local DEFAULT_CAPACITY = 1024

--- The rule of the option `capacity`.
store.CAPACITY = { "integer", default = DEFAULT_CAPACITY, check = function(n) return n >= 0, "0 or more" end }

---@class cro.ChannelStore
---@field items any[] a ring
---@field head integer where the oldest is, from 0
---@field held integer how many there are
---@field mask integer the ring's size - 1, a power of two
---@field limit integer the capacity
---@field promised integer values that receivers on their way will take
---@field receivers cro.Waiters
---@field senders cro.Waiters
---@field shut boolean nothing more can be sent
---@field err any what it failed with
---@field ending cro.Promise|false kept or broken when it is closed and empty
---@field on_shut fun()|false
---@field own_supply cro.Supply|false

--- The fields of a channel.
---@param limit integer
---@return cro.ChannelStore
function store.new(limit)
  local self = {
    items = false,
    head = 0,
    held = 0,
    mask = 7,
    limit = 0,
    promised = 0,
    receivers = false,
    senders = false,
    shut = false,
    err = nil,
    ending = false,
    on_shut = false,
    own_supply = false,
  }
  self.limit, self.receivers, self.senders = limit, waiters.new(), waiters.new()
  self.items = { false, false, false, false, false, false, false, false }
  return self
end

local function grow(self)
  local old, mask, items = self.items, self.mask, {}
  for i = 0, mask do
    items[i + 1] = old[band(self.head + i, mask) + 1]
  end
  for i = mask + 2, mask * 2 + 2 do
    items[i] = false
  end
  self.items, self.head, self.mask = items, 0, mask * 2 + 1
end

--- Adds a value, however many there are.
---@param self cro.ChannelStore
---@param value any
function store.put(self, value)
  local held = self.held
  if held > self.mask then grow(self) end
  self.items[band(self.head + held, self.mask) + 1] = value
  self.held = held + 1
end
local put = store.put

--- Lets waiting senders in while there is room.
local function let_in(self, room)
  local senders = self.senders
  while self.held < room and senders.first do
    local ticket = senders:take()
    put(self, ticket.value)
    ticket:release(true)
  end
end

--- Closed and empty: tells all who wait that nothing will come.
---@param self cro.ChannelStore
function store.finish(self)
  local ending, receivers = self.ending, self.receivers
  if ending then
    if self.err == nil then Promise.settle_kept(ending, true) else Promise.settle_broken(ending, self.err) end
  end
  while receivers.first do
    receivers:take():release(false)
  end
end
local finish = store.finish

--- Takes the oldest value; there must be one.
---@param self cro.ChannelStore
---@return any
function store.take(self)
  local head, items = self.head, self.items
  local value = items[head + 1]
  items[head + 1] = false
  self.head = band(head + 1, self.mask)
  self.held = self.held - 1
  if self.senders.first then let_in(self, self.limit) end
  if self.shut and self.held == 0 then finish(self) end
  return value
end
local take = store.take

--- Is there a value that is promised to nobody? A sender that waits may have one.
---@param self cro.ChannelStore
---@return boolean
function store.has_value(self)
  if self.held > self.promised then return true end
  if not self.senders.first then return false end
  let_in(self, self.held + 1)
  return true
end
local has_value = store.has_value

--- Promises values to receivers that wait.
---@param self cro.ChannelStore
function store.serve(self)
  local receivers = self.receivers
  while receivers.first and has_value(self) do
    local ticket = receivers:take()
    self.promised = self.promised + 1
    ticket:release(true)
  end
end
local serve = store.serve

--- Takes what a receiver was promised.
---@param self cro.ChannelStore
---@param ticket table
---@return any
function store.collect(self, ticket)
  ticket.granted = false
  self.promised = self.promised - 1
  return take(self)
end

--- A receiver will not take what it was promised: the next one may.
---@param self cro.ChannelStore
---@param ticket table
function store.give_up(self, ticket)
  ticket.granted = false
  self.promised = self.promised - 1
  return serve(self)
end

--- Makes a value the oldest one again that was taken and reached nobody.
---@param self cro.ChannelStore
---@param value any
function store.put_back(self, value)
  if self.held > self.mask then grow(self) end
  local head = band(self.head - 1, self.mask)
  self.items[head + 1] = value
  self.head, self.held = head, self.held + 1
  return serve(self)
end

--- Closes: senders that wait are refused.
---@param self cro.ChannelStore
---@param err any nil, or what receivers are to be told after the last value
function store.shut(self, err)
  if self.shut then return end
  self.shut, self.err = true, err
  local senders = self.senders
  while senders.first do
    senders:take():release(false)
  end
  if self.held == 0 then finish(self) end
  if self.on_shut then self.on_shut() end
end

--- Will nothing come any more?
---@param self cro.ChannelStore
---@return boolean
function store.is_over(self) return self.shut and self.held == 0 end

return store
