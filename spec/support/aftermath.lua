--- What is looked at while a random script of spec/support/scripted.lua runs, and when all has
--- been taken down.
local cro = require "cro.reactive"
local roots = require "cro.roots"
local feeders = require "spec.support.feeders"

local aftermath = {}

local sleep = cro.sleep

--- Kinds of errors that a script may rightly bring about.
local EXPECTED = { own = true, cancelled = true, stop = true, closed = true, slow_consumer = true }
local EXPECTED_TEXT = { "a stop left the block", "emit would wait for", "this fiber holds the lock" }

--- Is this an error that a script may bring about?
---@param err any
---@return boolean
function aftermath.is_expected(err)
  if type(err) == "table" and EXPECTED[err.kind] then return true end
  for _, text in ipairs(EXPECTED_TEXT) do
    if tostring(err):find(text, 1, true) then return true end
  end
  return false
end

local is_expected = aftermath.is_expected

--- Notes what is wrong.
function aftermath.check(stage, ok, text) return stage.check(ok, text) end
local check = aftermath.check

--- Notes that a value came out of a channel.
function aftermath.noted_receive(stage, value)
  check(stage, not stage.received[value], "a value was received twice")
  stage.received[value] = true
end

local noted_receive = aftermath.noted_receive

--- Code of a block that has ended is told so at once; not so that of a consumer it waits for.
local function check_code_leaves(stage)
  for _, state in ipairs(stage.states) do
    local holder = state.block.busy
    local held = state.block.ended and type(holder) == "table" and holder.scope == state.block
    state.late = held and state.late + 1 or 0
    check(stage, state.late < 5, "code of a block that has ended still waits")
  end
end

--- Nobody waits for what is there, and no code for a block that has ended.
function aftermath.check_nobody_forgotten(stage)
  check_code_leaves(stage)
  feeders.check_waiting(stage)
  for _, channel in ipairs(stage.channels) do
    check(stage, not channel.receivers.first or channel.held == channel.promised, "a receiver was forgotten")
    check(stage, not channel.senders.first or channel.held >= channel.limit, "a sender was forgotten")
  end
  check(stage, stage.lock:is_held() or not stage.lock.permit.queue.first, "a lock was forgotten")
  for _, supplier in ipairs(stage.suppliers) do
    local holes = 0
    for i = 1, supplier.count do
      if supplier.taps[i].closed or not supplier.taps[i].live then holes = holes + 1 end
    end
    check(stage, holes == supplier.holes, "a supplier does not know of a tap that has closed")
    local waits = supplier.gate and supplier.gate.first
    check(stage, not waits or not supplier:has_room(), "an emitter was forgotten")
  end
end

--- Ends all that is left, and looks at how the jobs ended.
function aftermath.take_down(stage)
  for _, tap in ipairs(stage.taps) do
    tap:close()
  end
  for i = 1, #stage.suppliers do
    stage.suppliers[i]:done()
    stage.channels[i]:close()
    stage.promises[i]:cancel()
  end
  for _, job in ipairs(stage.jobs) do
    job:cancel()
  end
  sleep(20) -- what ends by itself has ended; what was left behind ticks on
  for _, job in ipairs(stage.jobs) do
    check(stage, job:status() ~= "planned", "a job never ended")
    local _, err = cro.pawait(job:timeout(1))
    check(stage, err == nil or is_expected(err), tostring(err))
  end
end

local function check_channels(stage)
  for _, channel in ipairs(stage.channels) do
    while true do
      local value, found = channel:poll()
      if not found then break end
      noted_receive(stage, value)
    end
    check(stage, channel.promised == 0, "a value is promised to nobody")
    check(stage, not channel.receivers.first and not channel.senders.first, "somebody waits at a channel")
  end
  for value, sent in pairs(stage.sent) do
    check(stage, sent ~= "unknown", "a send never ended")
    check(stage, (stage.received[value] or false) == sent, sent and "a value was lost" or "what was not sent was received")
  end
end

--- Nothing is open, held or waiting any more.
function aftermath.check_nothing_left(stage)
  check_channels(stage)
  check(stage, stage.opened == stage.closed, ("%d blocks opened, %d closed"):format(stage.opened, stage.closed))
  check(stage, stage.running == 0, "code of a block still waits")
  check(stage, not stage.lock:is_held(), "the lock is held")
  for _, supplier in ipairs(stage.suppliers) do
    check(stage, supplier.count == supplier.holes, "a tap was left at a supplier")
  end
  roots.gather()
  check(stage, not roots.latest(), "a tap or react was left among the roots")
end

return aftermath
