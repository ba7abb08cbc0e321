--- Waiting for several channels at once.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local store = require "cro.channel.store"
local waiters = require "cro.waiters"
local Channel = require "cro.channel"

--- What a fiber waits on: one case in the list of each channel.
local Choice = {}
Choice.__index = Choice

function Choice:forget()
  for _, case in ipairs(self.cases) do
    waiters.remove(case)
  end
end

local function wake(choice)
  choice:forget()
  return fiber.wake(choice.fiber, nil, choice)
end

local Case = {}
Case.__index = Case

function Case:release(granted)
  local choice = self.choice
  if granted then
    self.granted, choice.chosen = true, self
    return wake(choice)
  end
  choice.open = choice.open - 1
  choice.err = self.channel.err
  if choice.open == 0 or choice.err ~= nil then return wake(choice) end
end

local function check_channels(list)
  local fits = type(list) == "table" and getmetatable(list) == nil and #list > 0
  if not fits then
    errors.misuse("Channel.select: expected a list of channels, got "
      .. (type(list) == "table" and next(list) == nil and "an empty one" or options.show(list)))
  end
  for i = 1, #list do
    if not Channel.is(list[i]) then
      errors.misuse(("Channel.select: element %d: expected a channel, got %s"):format(i, options.show(list[i])))
    end
  end
end

--- The first of the list that has a value, else how many may get one.
local function look_at(list)
  local open = 0
  for _, channel in ipairs(list) do
    if store.has_value(channel) then return channel, open end
    if not store.is_over(channel) then
      open = open + 1
    elseif channel.err ~= nil then
      error(errors.awaited(channel.err), 0)
    end
  end
  return nil, open
end

local function queue_up(list, rec, open)
  local choice = setmetatable({ fiber = rec, cases = {}, open = open, chosen = false, err = nil }, Choice)
  for _, channel in ipairs(list) do
    if not store.is_over(channel) then
      local case = setmetatable({
        choice = false, channel = false, granted = false, list = false, prev = false, next = false,
      }, Case)
      case.choice, case.channel = choice, channel
      choice.cases[#choice.cases + 1] = case
      channel.receivers:add(case)
    end
  end
  return choice
end

local function with_limit(choice, seconds)
  if not seconds or seconds == math.huge then return nil end
  return fiber.timer(seconds, function()
    if choice.chosen then return end
    choice.err = errors.new("timeout", ("timed out after %g s"):format(seconds), { seconds = seconds })
    wake(choice)
  end)
end

local OPTIONS = {
  timeout = { "number", check = function(n) return n >= 0, "seconds, 0 or more" end },
}

--- Waits for a value of any of the channels: returns the channel and the value. When
--- several have one, the first in the list gives it. Channels that are closed and empty are
--- left out; nil when all are. Raises what one failed with, and an error of kind "timeout"
--- after so many seconds.
---@async
---@param list cro.Channel[]
---@param given { timeout: number|nil }|nil
---@return cro.Channel|nil channel, any value
function Channel.select(list, given)
  check_channels(list)
  local seconds = options.check("Channel.select", given, OPTIONS).timeout
  if S.scope or S.current.guarded then fiber.check() end
  local ready, open = look_at(list)
  if ready then return ready, store.take(ready) end
  if open == 0 then return nil end
  local rec = fiber.may_wait "select"
  local choice = queue_up(list, rec, open)
  local timer = with_limit(choice, seconds)
  local ok, err = pcall(fiber.suspend, rec, choice)
  if timer then timer:close() end
  local chosen = choice.chosen
  if chosen and ok then return chosen.channel, store.collect(chosen.channel, chosen) end
  if chosen then store.give_up(chosen.channel, chosen) end
  if not ok then error(err, 0) end
  if choice.err ~= nil then error(errors.awaited(choice.err), 0) end
  return nil
end

return Channel
