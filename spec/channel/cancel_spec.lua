local cro = require "cro.reactive"
local world = require "spec.support.world"
local Channel = require "cro.channel"

local sleep = cro.sleep

describe("cancelling at a channel:", function()
  it("a receiver that waits gives up its place", world.inside(function()
    local ch = Channel.new()
    local first = cro.start(function() return ch:receive() end)
    local second = cro.start(function() return ch:receive() end)
    sleep(0)
    first:cancel()
    ch:send "x"
    assert.equal("x", cro.await(second))
    assert.equal("cancelled", first:cause().kind)
  end))

  it("a receiver that was promised a value leaves it, in its order", world.inside(function()
    local ch = Channel.new()
    local jobs = {}
    for i = 1, 2 do
      jobs[i] = cro.start(function() return ch:receive() end)
    end
    sleep(0)
    for i = 1, 3 do
      ch:send(i)
    end
    jobs[1]:cancel()
    jobs[2]:cancel()
    sleep(0)
    for i = 1, 3 do
      assert.equal(i, ch:receive())
    end
  end))

  it("a receiver that was promised a value passes the promise on", world.inside(function()
    local ch = Channel.new()
    local first = cro.start(function() return ch:receive() end)
    local second = cro.start(function() return ch:receive() end)
    sleep(0)
    ch:send "x"
    ch:close()
    first:cancel()
    assert.equal("x", cro.await(second))
  end))

  it("a sender that waits gives up its place and its value", world.inside(function()
    local ch = Channel.new { capacity = 1 }
    ch:send "held"
    local first = cro.start(function() ch:send "first" end)
    cro.start(function() ch:send "second" end)
    sleep(0)
    first:cancel()
    assert.equal("held", ch:receive())
    assert.equal("second", ch:receive())
    sleep(0)
    assert.equal("cancelled", first:cause().kind)
  end))

  it("a sender whose value is in already has sent it", world.inside(function()
    local ch = Channel.new { capacity = 0 }
    local sent = false
    local job = cro.start(function()
      ch:send "x"
      sent = true
      sleep(1)
    end)
    sleep(0)
    assert.equal("x", ch:receive())
    job:cancel()
    sleep(0)
    assert.is_true(sent)
    assert.equal("cancelled", job:cause().kind)
  end))

  it("makes the next send and receive raise though there would be no wait", world.inside(function()
    local ch, reached = Channel.new(), 0
    ch:send(1)
    local job
    job = cro.start(function()
      job:cancel()
      for _, verb in ipairs { "send", "receive" } do
        if not pcall(ch[verb], ch, 2) then reached = reached + 1 end
      end
      assert.is_true(ch:offer(3))
    end)
    cro.pawait(job)
    assert.equal(2, reached)
    assert.equal(2, ch:count())
  end))
end)
