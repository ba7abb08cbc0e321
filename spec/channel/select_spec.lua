local cro = require "cro.reactive"
local world = require "spec.support.world"
local Channel = require "cro.channel"

local sleep = cro.sleep

local function failure_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

local function pair() return Channel.new { capacity = 2 }, Channel.new { capacity = 0 } end

local function assert_free(...)
  for _, channel in ipairs { ... } do
    assert.is_false(channel.receivers.first)
    assert.equal(0, channel.promised)
  end
end

describe("selecting among channels", function()
  it("takes from the first of the list that has a value, without waiting", function()
    local a, b = Channel.new(), Channel.new()
    a:send "a"
    b:send "b"
    assert.same({ b, "b" }, { Channel.select { b, a } })
    assert.same({ a, "a" }, { Channel.select { b, a } })
  end)

  it("waits for whichever comes first, and leaves the others alone", world.inside(function()
    for first = 1, 2 do
      local both = { pair() }
      cro.start(function()
        sleep(1)
        both[first]:send "value"
      end)
      assert.same({ both[first], "value" }, { Channel.select(both) })
      assert_free(both[1], both[2])
    end
  end))

  it("takes from a sender that waits", world.inside(function()
    local _, b = pair()
    cro.start(function() b:send(nil) end)
    sleep(0)
    assert.equal(b, (Channel.select { b }))
  end))

  it("takes one value when two come at once", world.inside(function()
    local a, b = Channel.new(), Channel.new()
    local job = cro.start(function() return { Channel.select { a, b } } end)
    sleep(0)
    b:send(2)
    a:send(1)
    assert.same({ b, 2 }, cro.await(job))
    assert.equal(1, a:receive())
    assert_free(a, b)
  end))

  it("leaves out what is closed and empty, and ends with nil when all are", world.inside(function()
    local a, b = pair()
    a:send "held"
    a:close()
    local job = cro.start(function()
      local seen = {}
      while true do
        local from, value = Channel.select { a, b }
        if not from then return seen end
        seen[#seen + 1] = value
      end
    end)
    sleep(1)
    b:send "later"
    b:close()
    assert.same({ "held", "later" }, cro.await(job))
    local waiting = cro.start(function() return Channel.select { Channel.new(), b } end)
    sleep(0)
    assert.equal("planned", waiting:status())
    waiting:cancel()
  end))

  it("raises what one of them failed with, before and while it waits", world.inside(function()
    local a, b = pair()
    local job = cro.start(function() return Channel.select { a, b } end)
    sleep(0)
    b:fail "broken"
    local _, err = cro.pawait(job)
    assert.equal("broken", err.message)
    assert_free(a)
    assert.equal("broken", failure_of(Channel.select, { a, b }).message)
  end))

  it("gives up its places when it is cancelled or takes too long", world.inside(function()
    local a, b = pair()
    local job = cro.start(function() return Channel.select { a, b } end)
    sleep(0)
    job:cancel()
    sleep(0)
    assert_free(a, b)
    local err = failure_of(Channel.select, { a, b }, { timeout = 2 })
    assert.equal("timeout", err.kind)
    assert.equal("timed out after 2 s", err.message)
    assert.equal(2, cro.now())
    assert_free(a, b)
    assert.equal(0, world.timers())
  end))

  it("cancelled when it was promised a value leaves that to the next", world.inside(function()
    local a, b = Channel.new(), Channel.new()
    local job = cro.start(function() return Channel.select { a, b } end)
    local other = cro.start(function() return a:receive() end)
    sleep(0)
    a:send "x"
    job:cancel()
    assert.equal("x", cro.await(other))
    assert_free(a, b)
  end))

  it("takes the same channel twice and loses nothing", world.inside(function()
    local a = Channel.new()
    local job = cro.start(function() return (select(2, Channel.select { a, a })) end)
    sleep(0)
    a:send(1)
    a:send(2)
    assert.equal(1, cro.await(job))
    assert.equal(2, a:receive())
    assert_free(a)
    job = cro.start(function() return Channel.select { a, a } end)
    sleep(0)
    a:close()
    assert.is_nil(cro.await(job))
  end))

  it("refuses what is no list of channels", function()
    assert.matches("Channel.select: expected a list of channels, got an empty one", failure_of(Channel.select, {}), 1, true)
    assert.matches("got nothing", failure_of(Channel.select), 1, true)
    assert.matches("element 2: expected a channel, got the number 5", failure_of(Channel.select, { Channel.new(), 5 }), 1, true)
    assert.matches('option "timeout": expected seconds, 0 or more',
      failure_of(Channel.select, { Channel.new() }, { timeout = -1 }), 1, true)
    assert.matches("select outside of a fiber", failure_of(Channel.select, { Channel.new() }), 1, true)
  end)
end)
