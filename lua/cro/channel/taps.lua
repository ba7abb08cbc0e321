--- Channels as supplies, and supplies as channels.
---
--- Each tap or `whenever` of a channel is a receiver that asks for one value at a time: it
--- takes it when the turn of its owner has come, and asks again when the handler has
--- returned. So a block that is slow leaves the values to others, and one that ends has
--- none in its mailbox.
local options = require "cro.options"
local receiver = require "cro.receiver"
local store = require "cro.channel.store"
local turn = require "cro.turn"
local waiters = require "cro.waiters"
local Channel = require "cro.channel"
local Supply = require "cro.supply"

--- Values that a line handles in one go while nothing else wants its block.
local MAX_RUN = 64

local Mouth = {}
Mouth.__index = Mouth

local function ask(self)
  local channel = self.channel
  if store.is_over(channel) then return self:release(false) end
  channel.receivers:add(self)
  return store.serve(channel)
end

function Mouth:release(granted)
  local line = self.line
  if granted then
    self.granted = true
    return turn.post(line.owner, line, turn.TAKE, self)
  end
  local err = self.channel.err
  return turn.finish_line(line, err == nil and turn.DONE or turn.QUIT, err)
end

--- For cro.turn: the turn of the line's owner has come.
function Mouth:give(owner, handle_value)
  local line, channel, left = self.line, self.channel, MAX_RUN
  local value = store.collect(channel, self)
  while true do
    handle_value(owner, line, value)
    if line.closed then return end
    left = left - 1
    if left == 0 or owner.box.count > 0 or not store.has_value(channel) then break end
    value = store.take(channel)
  end
  return ask(self)
end

local function close_mouth(line)
  local self = line.upstream
  waiters.remove(self)
  if self.granted then store.give_up(self.channel, self) end
  return turn.finish_line(line, turn.DONE)
end

local function open_mouth(source, line)
  local self = setmetatable({
    channel = false,
    line = false,
    granted = false,
    list = false,
    prev = false,
    next = false,
  }, Mouth)
  self.channel, self.line = source.channel, line
  -- With a limit the end of the source, too, goes through the owner's mailbox.
  line.upstream, line.closer, line.limit = self, close_mouth, 1
  return ask(self)
end

--- A supply of what the channel receives. Those who tap it compete: each value goes to
--- one of them, when its handler can begin. It is done when the channel is closed and
--- empty.
---@return cro.Supply
function Channel:supply()
  local supply = self.own_supply
  if not supply then
    supply = Supply.of_source { open = open_mouth, channel = self }
    self.own_supply = supply
  end
  return supply
end

--- A promise of all values in a table, `n` of them, when the channel is closed and empty.
---@return cro.Promise
function Channel:list() return self:supply():list() end

local OPTIONS = { capacity = store.CAPACITY }

--- A channel of the values. It is closed when the supply is done and fails when that
--- quits. A full channel holds the source; a live one queues as much again and then quits.
--- Closing the channel closes the tap, and so does the end of the block that made it.
---@param given { capacity: integer|nil }|nil
---@return cro.Channel
function Supply:channel(given)
  local opts = options.check("channel", given, OPTIONS)
  local channel = Channel.new(opts)
  local tap
  -- Closed by whoever owns it, it brings neither done nor quit.
  local source = self:on_close(function()
    if tap.closed then channel:close() end
  end)
  source:tap {
    value = function(value) return channel:send(value) end,
    done = function() channel:close() end,
    quit = function(err) channel:fail(err) end,
    tap = function(own)
      tap = own
      channel.on_shut = function() own:close() end
    end,
    buffer = self:live() and math.max(1, opts.capacity) or nil,
  }
  return channel
end

receiver.guard(Channel, "channel", { "supply", "list" })
receiver.guard(Supply, "supply", { "channel" })

return Channel
