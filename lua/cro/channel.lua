--- Channels: a bounded queue between fibers, each value for one receiver.
---
--- This is what fibers and promises do with one; how values are kept and who gets them is
--- cro.channel.store's, blocks and taps are cro.channel.taps'.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local later = require "cro.later"
local options = require "cro.options"
local receiver = require "cro.receiver"
local store = require "cro.channel.store"
local waiters = require "cro.waiters"
local Promise = require "cro.promise"

local put, take, has_value, serve = store.put, store.take, store.has_value, store.serve
local is_over, collect, give_up = store.is_over, store.collect, store.give_up

---@class cro.Channel: cro.ChannelStore
local Channel = {}
Channel.__index = Channel
Channel.__name = "cro.Channel"

local OPTIONS = { capacity = store.CAPACITY }

--- Makes a channel that holds up to `capacity` values (1024). With 0 each value goes from
--- the hand of a sender into that of a receiver.
---@param given { capacity: integer|nil }|nil
---@return cro.Channel
function Channel.new(given)
  local opts = options.check("Channel.new", given, OPTIONS)
  return setmetatable(store.new(opts.capacity), Channel)
end

--- Is this a channel?
---@param value any
---@return boolean
function Channel.is(value) return getmetatable(value) == Channel end

local function closed_error(verb)
  return errors.new("closed", ("cannot %s a message on a closed channel"):format(verb), { phase = verb })
end

local function end_error(self)
  if self.err ~= nil then return self.err end
  return closed_error "receive"
end

local function check_interrupted()
  local rec = S.current
  if S.scope or rec.guarded then fiber.check() end
end

local function wait_to_send(self, value)
  local rec = fiber.may_wait "send to a full channel (offer never waits)"
  local ticket, ok, err = waiters.wait(self.senders, rec, value)
  -- Once it is in, the value was sent: a cancellation that came since is for the next wait.
  if ticket.granted then return end
  if not ok then error(err, 0) end
  error(closed_error "send", 0)
end

--- Sends a value. Waits while the channel is full; raises an error of kind "closed" when
--- it is, or gets, closed. What was raised was not sent.
---@async
---@param value any
function Channel:send(value)
  if getmetatable(self) ~= Channel then receiver.refuse("channel", "send", self) end
  check_interrupted()
  if self.shut then error(closed_error "send", 0) end
  local waiting = self.receivers.first
  if not waiting and self.held >= self.limit then return wait_to_send(self, value) end
  put(self, value)
  if waiting then return serve(self) end
end

--- Sends a value if that needs no waiting. Raises an error of kind "closed" when the
--- channel is closed.
---@param value any
---@return boolean sent
function Channel:offer(value)
  if self.shut then error(closed_error "send", 0) end
  local waiting = self.receivers.first
  if not waiting and self.held >= self.limit then return false end
  put(self, value)
  if waiting then serve(self) end
  return true
end

--- Waits for a value: true and the value, or false when none will come.
local function wait_to_receive(self)
  if is_over(self) then return false end
  local rec = fiber.may_wait "receive"
  local ticket, ok, err = waiters.wait(self.receivers, rec, nil)
  if ticket.granted and ok then return true, collect(self, ticket) end
  if ticket.granted then give_up(self, ticket) end
  if not ok then error(err, 0) end
  return false
end

--- Waits for the oldest value. Raises an error of kind "closed" when the channel is closed
--- and empty, or what it failed with.
---@async
---@return any
function Channel:receive()
  if getmetatable(self) ~= Channel then receiver.refuse("channel", "receive", self) end
  check_interrupted()
  if self.held > self.promised then return take(self) end
  if has_value(self) then return take(self) end
  local found, value = wait_to_receive(self)
  if found then return value end
  if self.err ~= nil then error(errors.awaited(self.err), 0) end
  error(closed_error "receive", 0)
end

--- The same as `receive`: what `await(channel)` does.
Channel.await = Channel.receive

--- The oldest value and true, or nil and false when there is none. Never waits.
---@return any value, boolean found
function Channel:poll()
  if has_value(self) then return take(self), true end
  return nil, false
end

--- The values one by one for a `for` loop, which waits for each, until the channel is
--- closed and empty. Ends at a nil value; raises what the channel failed with.
---@async
---@return fun(): any
function Channel:each()
  return function()
    check_interrupted()
    if has_value(self) then return take(self) end
    local found, value = wait_to_receive(self)
    if found then return value end
    if self.err ~= nil then error(errors.awaited(self.err), 0) end
  end
end

--- Nothing more can be sent; what was sent can be received. Senders that wait raise an
--- error of kind "closed". Closing twice is harmless.
function Channel:close() store.shut(self, nil) end

--- Closes the channel, and raises an error in whoever receives after the last value.
--- Does nothing when it is closed already.
---@param err any "Died" by default; what is not a table becomes an error value
function Channel:fail(err) store.shut(self, errors.wrap(err == nil and "Died" or err)) end

--- A promise that is kept when the channel is closed and every value was received; broken
--- with what the channel failed with.
---@return cro.Promise
function Channel:closed()
  if not self.ending then
    self.ending = Promise.made()
    self.ending:observe() -- whoever receives is told of a failure
    if is_over(self) then store.finish(self) end
  end
  return self.ending
end

--- How many values it holds now.
---@return integer
function Channel:count() return self.held end

--- How many values it can hold.
---@return integer
function Channel:capacity() return self.limit end

--- A receiver that is a promise: takes its value in a turn of its own, as a fiber does.
local Taker = {}
Taker.__index = Taker

function Taker:release(granted)
  if granted then
    self.granted = true
    return fiber.push(self)
  end
  Promise.settle_broken(self.promise, end_error(self.channel))
end

function Taker.run(self)
  if not self.granted then return end
  return Promise.settle_kept(self.promise, collect(self.channel, self))
end

function Taker:cancel()
  waiters.remove(self)
  if self.granted then give_up(self.channel, self) end
end

--- For cro.promise: the only fiber that waited for the promise was interrupted, before or
--- after the value came.
---@param promise cro.Promise
function Channel:lost(promise)
  if promise:status() == "kept" then return store.put_back(self, promise.value) end
  promise:cancel()
end

--- A promise of the next value; broken with an error of kind "closed" when none comes, or
--- with what the channel failed with. Cancelling it gives up its place in the queue.
---@return cro.Promise
function Channel:promise()
  if has_value(self) then return Promise.lent(take(self), self) end
  if is_over(self) then return Promise.broken(end_error(self)) end
  local taker = setmetatable({
    channel = false,
    promise = false,
    granted = false,
    list = false,
    prev = false,
    next = false,
  }, Taker)
  taker.channel = self
  taker.promise = Promise.made(function() return taker:cancel() end)
  taker.promise.lender = self
  self.receivers:add(taker)
  return taker.promise
end

receiver.guard(Channel, "channel",
  { "offer", "poll", "each", "close", "fail", "closed", "count", "capacity", "promise" })
later.add(Channel, "cro.channel.taps", { "supply", "list" })
later.add(Channel, "cro.channel.select", { "select" })

function Channel:__tostring()
  return ("Channel (%d of %d%s)"):format(self.held, self.limit, self.shut and ", closed" or "")
end

return Channel
