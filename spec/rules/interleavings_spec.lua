local cro = require "cro.reactive"
local fiber = require "cro.fiber"
local world = require "spec.support.world"
local property = require "spec.support.property"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

--- One chat client: a block with a body, some sources, and an end of its own kind.
local client = property.record {
  policy = property.one_of { "hears", "talks", "both" },
  pace = property.integer(0, 4),
  wait = property.integer(0, 4),
  ends = property.one_of { "never", "done", "error", "cancel", "last", "swallow" },
  at = property.integer(0, 25),
  nested = property.integer(0, 2),
}

local program = property.record {
  clients = property.list(client, 6),
  buffer = property.integer(1, 20),
  policy = property.one_of { "error", "drop_oldest", "drop_newest", "wait" },
  stop = property.integer(5, 40),
}

local function through(source, depth, opened, closed)
  for _ = 1, depth do
    local inner = source
    source = supply(function()
      opened()
      cro.closing(closed)
      whenever(inner, emit)
    end)
  end
  return source
end

local function run_client(one, chat, note)
  local busy, ended = 0, false
  local function handle(pause, act)
    return function(value)
      assert(not ended, "a handler began after the close callbacks")
      busy = busy + 1
      assert(busy == 1, "two handlers of a block at once")
      local ok, err = true, nil
      if pause > 0 then ok, err = pcall(sleep, pause / 10) end
      if ok and act then ok, err = pcall(act, value) end
      busy = busy - 1
      if not ok and not (one.ends == "swallow" and err.kind == "stop") then error(err, 0) end
    end
  end
  note.opened()
  react(function(b)
    cro.closing(function()
      note.closed()
      ended = true
    end)
    if one.policy ~= "talks" then
      whenever(through(chat:supply(), one.nested, note.opened, note.closed), handle(one.wait))
    end
    if one.policy ~= "hears" then
      local ticks = through(Supply.interval((one.pace + 1) / 10), one.nested, note.opened, note.closed)
      whenever(ticks, handle(0, function(v) cro.start(function() chat:emit(v) end) end))
    end
    whenever(Promise.after(one.at / 10), handle(one.wait, function()
      if one.ends == "done" or one.ends == "swallow" then b.done() end
      if one.ends == "error" then error { kind = "own" } end
      if one.ends == "last" then cro.last() end
    end))
  end)
end

local function run_program(p)
  local chat = Supplier.new { buffer = p.buffer, policy = p.policy }
  local opened, closed, jobs = 0, 0, {}
  local note = {
    opened = function() opened = opened + 1 end,
    closed = function() closed = closed + 1 end,
  }
  for i, one in ipairs(p.clients) do
    jobs[i] = cro.start(run_client, one, chat, note)
    if one.ends == "cancel" then
      fiber.timer(one.at / 10, function() jobs[i]:cancel() end)
    end
  end
  sleep(p.stop / 10)
  chat:done()
  for _, job in ipairs(jobs) do
    job:cancel()
  end
  for _, job in ipairs(jobs) do
    local _, err = cro.pawait(job)
    local expected = err == nil or err.kind == "own" or err.kind == "cancelled" or err.kind == "slow_consumer"
    assert(expected, tostring(err))
  end
  sleep(10) -- what ends by itself has ended; an interval that was left behind ticks on
  assert(opened == closed, ("%d blocks opened, %d closed"):format(opened, closed))
  assert(chat.count == chat.holes, "a tap was left behind")
  assert(world.timers() == 0, "a timer was left behind")
end

describe("any mix of blocks, sources and ends", function()
  it("keeps every rule of one at a time, of closing and of letting go", function()
    property.check(program, function(p)
      world.run(function() run_program(p) end)
      assert(#world.reports == 0, world.reports[1])
    end, 150)
  end)
end)
