local cro = require "cro.reactive"
local world = require "spec.support.world"
local Channel = require "cro.channel"

local Promise, sleep = cro.Promise, cro.sleep

local function failure_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

describe("cro.channel", function()
  it("gives values in the order they were sent, without a fiber while nothing waits", function()
    local ch = Channel.new()
    for i = 1, 20 do
      ch:send(i)
    end
    assert.equal(20, ch:count())
    for i = 1, 20 do
      assert.equal(i, ch:receive())
    end
    assert.equal(0, ch:count())
  end)

  it("carries nil and false, and poll tells them from nothing", function()
    local ch = Channel.new()
    ch:send(nil)
    ch:send(false)
    assert.same({ n = 2, [2] = true }, { n = 2, ch:poll() })
    local value, found = ch:poll()
    assert.is_false(value)
    assert.is_true(found)
    value, found = ch:poll()
    assert.is_nil(value)
    assert.is_false(found)
  end)

  it("holds 1024 values by default and shows how full it is", function()
    local ch = Channel.new()
    assert.equal(1024, ch:capacity())
    ch:send(1)
    assert.equal("Channel (1 of 1024)", tostring(ch))
    ch:close()
    assert.equal("Channel (1 of 1024, closed)", tostring(ch))
    assert.is_true(Channel.is(ch))
    assert.is_false(Channel.is {})
  end)

  it("refuses a capacity that is none", function()
    assert.matches('option "capacity": expected 0 or more, got the number %-1', failure_of(Channel.new, { capacity = -1 }))
    assert.matches('option "capacity": expected integer', failure_of(Channel.new, { capacity = math.huge }), 1, true)
    assert.matches('did you mean "capacity"', failure_of(Channel.new, { capacty = 1 }), 1, true)
  end)

  it("makes send wait while it is full", world.inside(function()
    local ch, log, note = Channel.new { capacity = 2 }, world.log()
    cro.start(function()
      for i = 1, 5 do
        ch:send(i)
        note("sent " .. i)
      end
    end)
    sleep(1)
    assert.same({ "sent 1", "sent 2" }, log)
    assert.equal(1, ch:receive())
    sleep(0)
    assert.same({ "sent 1", "sent 2", "sent 3" }, log)
    for i = 2, 5 do
      assert.equal(i, ch:receive())
    end
  end))

  it("offers without ever waiting", world.inside(function()
    local ch = Channel.new { capacity = 1 }
    assert.is_true(ch:offer "a")
    assert.is_false(ch:offer "b")
    assert.equal("a", ch:receive())
    assert.is_false(Channel.new({ capacity = 0 }):offer "c")
  end))

  it("with a capacity of 0 hands over from a sender to a receiver", world.inside(function()
    local ch, log, note = Channel.new { capacity = 0 }, world.log()
    cro.start(function()
      ch:send "a"
      note "sent a"
      ch:send "b"
      note "sent b"
    end)
    sleep(1)
    assert.same({}, log)
    assert.equal("a", ch:receive())
    assert.equal("b", ch:receive())
    sleep(0)
    assert.same({ "sent a", "sent b" }, log)
    local job = cro.start(function() return ch:receive() end)
    sleep(0)
    assert.is_true(ch:offer "c")
    assert.equal("c", cro.await(job))
  end))

  it("serves receivers and senders first come, first served", world.inside(function()
    local ch, log, note = Channel.new { capacity = 1 }, world.log()
    for i = 1, 3 do
      cro.start(function() note(i .. " got " .. ch:receive()) end)
    end
    sleep(0)
    for i = 1, 3 do
      ch:send("v" .. i)
    end
    sleep(0)
    assert.same({ "1 got v1", "2 got v2", "3 got v3" }, log)
    for i = 1, 4 do
      cro.start(function() ch:send("s" .. i) end)
    end
    sleep(0)
    for i = 1, 4 do
      assert.equal("s" .. i, ch:receive())
    end
  end))

  it("lets nobody by who comes after one that was promised the value", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    cro.start(function() note("waited: " .. ch:receive()) end)
    sleep(0)
    ch:send "first"
    assert.is_nil((ch:poll()))
    ch:send "second"
    assert.equal("first", (ch:poll()))
    sleep(0)
    assert.same({ "waited: second" }, log)
  end))

  describe("closed", function()
    it("receives what was sent before, then raises an error of kind closed", world.inside(function()
      local ch = Channel.new()
      ch:send(1)
      ch:close()
      ch:close()
      assert.equal(1, ch:receive())
      for _ = 1, 2 do
        local err = failure_of(ch.receive, ch)
        assert.equal("closed", err.kind)
        assert.equal("receive", err.phase)
        assert.equal("cannot receive a message on a closed channel", err.message)
      end
      assert.same({ nil, false }, { ch:poll() })
    end))

    it("refuses send and offer", world.inside(function()
      local ch = Channel.new()
      ch:close()
      for _, verb in ipairs { "send", "offer" } do
        local err = failure_of(ch[verb], ch, 1)
        assert.equal("closed", err.kind)
        assert.equal("cannot send a message on a closed channel", err.message)
      end
    end))

    it("raises in everyone who waits, senders and receivers", world.inside(function()
      local full, empty = Channel.new { capacity = 1 }, Channel.new()
      full:send "held"
      local jobs = {}
      for i = 1, 2 do
        jobs[i] = cro.start(function() full:send(i) end)
        jobs[i + 2] = cro.start(function() empty:receive() end)
      end
      sleep(0)
      full:close()
      empty:close()
      for _, job in ipairs(jobs) do
        local _, err = cro.pawait(job)
        assert.equal("closed", err.kind)
      end
      assert.equal("held", full:receive())
      assert.equal("closed", failure_of(full.receive, full).kind)
    end))

    it("tells by a promise, kept when the last value was received", world.inside(function()
      local ch, empty = Channel.new(), Channel.new()
      ch:send(42)
      ch:close()
      assert.equal("planned", ch:closed():status())
      ch:receive()
      assert.equal("kept", ch:closed():status())
      local closed = empty:closed()
      assert.equal("planned", closed:status())
      empty:close()
      assert.equal("kept", closed:status())
      assert.equal(closed, empty:closed())
    end))
  end)

  describe("failed", function()
    it("raises the error after the last value, in every receiver", world.inside(function()
      local ch, own = Channel.new(), { kind = "own" }
      ch:send(1)
      ch:fail(own)
      ch:fail "too late"
      ch:close()
      assert.equal("closed", failure_of(ch.send, ch, 2).kind)
      assert.equal("planned", ch:closed():status())
      assert.equal(1, ch:receive())
      assert.equal(own, failure_of(ch.receive, ch))
      assert.equal(own, failure_of(ch.receive, ch))
      assert.equal(own, ch:closed():cause())
    end))

    it("makes an error of a string, and Died of nothing", world.inside(function()
      local ch, other = Channel.new(), Channel.new()
      ch:fail "oh noes"
      other:fail()
      assert.equal("oh noes", failure_of(ch.receive, ch).message)
      assert.equal("Died", failure_of(other.receive, other).message)
    end))

    it("wakes whoever waits already", world.inside(function()
      local ch = Channel.new()
      local job = cro.start(function() return ch:receive() end)
      sleep(0)
      ch:fail "late"
      local _, err = cro.pawait(job)
      assert.equal("late", err.message)
    end))
  end)

  it("says where send and receive cannot wait, and what can be done", world.inside(function()
    local ch = Channel.new { capacity = 1 }
    ch:send(1)
    local supplier, said = cro.Supplier.new(), nil
    supplier:supply():tap(function(v) said = failure_of(ch.send, ch, v) end)
    supplier:emit(2)
    assert.matches("send to a full channel (offer never waits): a plain tap", said, 1, true)
    local co = coroutine.create(function() return failure_of(Channel.new().receive, Channel.new()) end)
    assert.matches("receive inside a coroutine that is not a fiber", select(2, coroutine.resume(co)), 1, true)
  end))

  it("says that nothing can wait outside of a fiber", function()
    local ch = Channel.new { capacity = 0 }
    assert.matches("send to a full channel %(offer never waits%) outside of a fiber: .*cro.run", failure_of(ch.send, ch, 1))
    assert.matches("receive outside of a fiber", failure_of(ch.receive, ch), 1, true)
  end)

  describe("await", function()
    it("is one receive", world.inside(function()
      local ch = Channel.new()
      cro.start(function()
        sleep(1)
        ch:send "a"
        ch:send "b"
        ch:send "c"
      end)
      assert.equal("a", cro.await(ch))
      assert.same({ "b", 7, "c" }, cro.await { ch, Promise.kept(7), ch })
      ch:close()
      local value, err = cro.pawait(ch)
      assert.is_nil(value)
      assert.equal("closed", err.kind)
    end))

    it("of a promise of one value takes its turn among the receivers", world.inside(function()
      local ch, log, note = Channel.new(), world.log()
      cro.start(function() note("fiber " .. ch:receive()) end)
      sleep(0)
      local p = ch:promise()
      ch:send(1)
      ch:send(2)
      assert.equal("planned", p:status())
      assert.equal(2, cro.await(p))
      assert.same({ "fiber 1" }, log)
      ch:send(3)
      assert.equal(3, ch:promise():result())
    end))

    it("of such a promise, cancelled, leaves the value for others", world.inside(function()
      local ch = Channel.new()
      local waiting, promised, other = ch:promise(), ch:promise(), ch:promise()
      waiting:cancel()
      ch:send(1)
      promised:cancel()
      assert.equal(1, cro.await(other))
      other = ch:promise()
      ch:fail "broken"
      assert.equal("broken", other:cause().message)
      assert.equal("broken", ch:promise():cause().message)
    end))
  end)

  it("gives its values to a for loop until it is closed", world.inside(function()
    local ch, seen = Channel.new { capacity = 1 }, {}
    cro.start(function()
      for i = 1, 4 do
        ch:send(i)
      end
      ch:close()
    end)
    for v in ch:each() do
      seen[#seen + 1] = v
    end
    assert.same({ 1, 2, 3, 4 }, seen)
    local failed = Channel.new()
    failed:fail "no more"
    assert.equal("no more", failure_of(failed:each()).message)
  end))

  it("shared by loops ends them all", world.inside(function()
    local ch, sum = Channel.new(), 0
    local workers = {}
    for i = 1, 3 do
      workers[i] = cro.start(function()
        for v in ch:each() do
          sum = sum + v
          sleep(0.1)
        end
      end)
    end
    for i = 1, 100 do
      ch:send(i)
    end
    ch:close()
    cro.await(workers)
    assert.equal(5050, sum)
  end))
end)
