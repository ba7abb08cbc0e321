local cro = require "cro.reactive"
local world = require "spec.support.world"
local Channel = require "cro.channel"

local react, whenever, sleep = cro.react, cro.whenever, cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

describe("a channel as a supply", function()
  it("brings its values to a block and is done when closed and empty", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    ch:send(1)
    ch:send(2)
    cro.start(function()
      sleep(1)
      ch:send(3)
      ch:close()
    end)
    react(function()
      whenever(ch, note):last(function() note "last" end)
      note "body"
    end)
    assert.same({ "body", "1", "2", "3", "last" }, log)
  end))

  it("quits with what the channel failed with, after its values", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    ch:send(1)
    ch:fail "broken"
    react(function()
      whenever(ch, note):quit(function(err) note(err.message) end)
    end)
    assert.same({ "1", "broken" }, log)
    local ok, err = pcall(react, function() whenever(ch, note) end)
    assert.is_false(ok)
    assert.equal("broken", err.message)
  end))

  it("ends at once when there is nothing left", world.inside(function()
    local ch = Channel.new()
    ch:close()
    local last = 0
    react(function() whenever(ch, error):last(function() last = last + 1 end) end)
    assert.equal(1, last)
    assert.same({ n = 0 }, cro.await(ch:list()))
  end))

  it("never runs a handler inside send or close", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    cro.start(function()
      react(function() whenever(ch, note):last(function() note "last" end) end)
    end)
    sleep(0)
    ch:send "value"
    note "sent"
    sleep(0)
    ch:close()
    note "closed"
    sleep(0)
    assert.same({ "sent", "value", "closed", "last" }, log)
  end))

  it("leaves its values where they are while a handler waits", world.inside(function()
    local ch, log, note = Channel.new { capacity = 2 }, world.log()
    cro.start(function()
      react(function()
        whenever(ch, function(v)
          sleep(1)
          note(v)
        end)
      end)
    end)
    sleep(0)
    for i = 1, 3 do
      ch:send(i)
      sleep(0)
    end
    assert.is_false(ch:offer(4))
    assert.equal(2, ch:count())
    assert.equal(2, ch:receive())
    sleep(5)
    assert.same({ "1", "3" }, log)
  end))

  it("gives each value to one of those who tap it", world.inside(function()
    local ch, seen, by = Channel.new(), {}, { 0, 0, 0 }
    local workers = {}
    for w = 1, 3 do
      workers[w] = cro.start(function()
        react(function()
          whenever(ch, function(v)
            by[w] = by[w] + 1
            assert.is_nil(seen[v])
            seen[v] = true
            sleep(0.1)
          end)
        end)
      end)
    end
    for v = 1, 30 do
      ch:send(v)
    end
    ch:close()
    cro.await(workers)
    assert.equal(30, #seen)
    assert.same({ 10, 10, 10 }, by)
  end))

  it("loses nothing to a block that ends", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    local job = cro.start(function()
      react(function()
        whenever(Supply.interval(10), function() sleep(5) end)
        whenever(ch, note)
      end)
    end)
    sleep(0.5)
    ch:send(1)
    ch:send(2)
    sleep(1)
    job:cancel()
    cro.pawait(job)
    assert.same({}, log)
    assert.equal(1, ch:receive())
    assert.equal(2, ch:receive())
    assert.is_false(ch.receivers.first)
    assert.equal(0, ch.promised)
  end))

  it("passes a promised value on when its source is closed", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    react(function()
      local first = whenever(ch, function(v) note("first " .. v) end)
      whenever(ch, function(v) note("second " .. v) end)
      ch:send "x"
      first:close()
      ch:close()
    end)
    assert.same({ "second x" }, log)
  end))

  it("has a handler that ends its source leave the rest", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    for i = 1, 4 do
      ch:send(i)
    end
    react(function()
      whenever(ch, function(v)
        note(v)
        if v == 2 then cro.last() end
      end):last(function() note "last" end)
    end)
    assert.same({ "1", "2", "last" }, log)
    assert.equal(3, ch:receive())
    react(function()
      whenever(ch, function() cro.done() end)
    end)
    assert.equal(0, ch:count())
  end))

  it("takes no more than an operator wants", world.inside(function()
    local ch = Channel.new()
    for i = 1, 5 do
      ch:send(i)
    end
    local seen = cro.await(ch:supply():map(function(v) return v * 10 end):head(2):list())
    assert.same({ 10, 20, n = 2 }, seen)
    assert.equal(3, ch:receive())
  end))

  it("reports what a plain tap raises and leaves the rest", world.inside(function()
    local ch = Channel.new()
    ch:send(1)
    ch:send(2)
    local heard
    ch:supply():tap { value = function() error { kind = "own" } end, quit = function(err) heard = err end }
    sleep(0)
    assert.equal("own", heard.kind)
    assert.equal(2, ch:receive())
  end))

  it("lets a plain tap wait", world.inside(function()
    local ch, at = Channel.new(), {}
    ch:supply():tap(function()
      sleep(1)
      at[#at + 1] = cro.now()
    end)
    ch:send(1)
    ch:send(2)
    sleep(5)
    assert.same({ 1, 2 }, at)
  end))

  it("lets other sources of a block have their turn", world.inside(function()
    local ch, log, note = Channel.new(), world.log()
    for _ = 1, 500 do
      ch:send "c"
    end
    ch:close()
    react(function()
      whenever(ch, note)
      whenever(Supply.from_list { "other" }, note)
    end)
    local at
    for i, what in ipairs(log) do
      if what == "other" then at = i end
    end
    assert.is_true(at < 100)
    assert.equal(501, #log)
  end))

  it("lists all its values", world.inside(function()
    local ch = Channel.new()
    ch:send(nil)
    ch:send(2)
    ch:close()
    assert.same({ n = 2, [2] = 2 }, cro.await(ch:list()))
  end))

  it("counts as not live", function() assert.is_false(Channel.new():supply():live()) end)
end)

describe("a supply as a channel", function()
  it("has its values and is closed when the supply is done", world.inside(function()
    local ch = Supply.from_list({ 1, 2, 3, 4, 5 }):channel { capacity = 2 }
    assert.equal(2, ch:count())
    assert.same({ 1, 2, 3, 4, 5, n = 5 }, cro.await(ch:list()))
    assert.equal("kept", ch:closed():status())
  end))

  it("fails when the supply quits", world.inside(function()
    local ch = cro.supply(function()
      cro.emit(1)
      error { kind = "own" }
    end):channel()
    assert.equal(1, ch:receive())
    local _, err = cro.pawait(ch)
    assert.equal("own", err.kind)
  end))

  it("closes its tap when it is closed", world.inside(function()
    local closed = 0
    local ticks = Supply.interval(1):on_close(function() closed = closed + 1 end)
    local ch = ticks:channel { capacity = 2 }
    sleep(10)
    assert.equal(2, ch:count())
    ch:close()
    sleep(0)
    assert.equal(1, closed)
    assert.equal(0, world.timers())
    assert.equal(0, ch:receive())
  end))

  it("is closed with its tap by the block that made it", world.inside(function()
    local ch
    cro.react(function()
      ch = Supply.interval(1):channel { capacity = 3 }
      whenever(cro.Promise.after(1.5), function() cro.done() end)
    end)
    assert.equal(0, world.timers())
    assert.equal(0, ch:receive())
    assert.equal(1, ch:receive())
    local _, err = cro.pawait(ch)
    assert.equal("closed", err.kind)
  end))

  it("holds what a live source sends, in a fiber of its own", world.inside(function()
    local supplier = Supplier.new()
    local ch = supplier:supply():channel { capacity = 2 }
    for i = 1, 8 do
      supplier:emit(i)
    end
    for i = 1, 5 do
      assert.equal(i, ch:receive())
    end
    local _, err = cro.pawait(ch)
    assert.equal("slow_consumer", err.kind)
  end))
end)
