local cro = require "cro.reactive"
local fiber = require "cro.fiber"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Promise = cro.Supply, cro.Promise

describe("R16: promises", function()
  it("only mark and queue when kept: nothing runs inside keep", world.inside(function()
    local log, note = world.log()
    local p = Promise.new()
    p:and_then(note)
    p:keep "callback"
    note "kept"
    sleep(0)
    assert.same({ "kept", "callback" }, log)
  end))

  it("release waiters and callbacks in the order they were registered", world.inside(function()
    local log, note = world.log()
    local p = Promise.new()
    p:and_then(function() note "callback 1" end)
    for i = 1, 2 do
      cro.start(function()
        cro.await(p)
        note("fiber " .. i)
      end)
    end
    sleep(0)
    p:and_then(function() note "callback 2" end)
    p:keep()
    sleep(0)
    assert.same({ "callback 1", "fiber 1", "fiber 2", "callback 2" }, log)
  end))

  it("do not switch when a settled one is awaited", world.inside(function()
    local log, note = world.log()
    fiber.start(note, "other fiber")
    assert.equal(1, cro.await(Promise.kept(1)))
    note "awaited"
    sleep(0)
    assert.same({ "awaited", "other fiber" }, log)
  end))

  it("are forgotten by an any_of that another one has decided", world.inside(function()
    local slow = Promise.new()
    cro.await(Promise.any_of { slow, Promise.after(1) })
    assert.is_false(slow:is_awaited())
  end))
end)

describe("R17: sources that pause", function()
  it("makes an interval wait for its handler: no ticks pile up", world.inside(function()
    local at = {}
    react(function()
      whenever(Supply.interval(1):head(4), function()
        at[#at + 1] = cro.now()
        if #at == 2 then sleep(3.5) end
      end)
    end)
    assert.same({ 0, 1, 5.5, 6.5 }, at)
  end))

  it("makes lists and generators wait in emit", world.inside(function()
    local taken = 0
    local source = Supply.from_iterator(function()
      return function()
        taken = taken + 1
        return taken <= 5 and taken or nil
      end
    end)
    source:tap(function() sleep(1) end)
    assert.equal(1, taken)
    sleep(1.5)
    assert.equal(2, taken)
    sleep(10)
    assert.equal(6, taken)
  end))

  it("holds the fiber that brings an event from outside until it is handled", world.inside(function()
    local sink
    local source = Supply.from_source { open = function(own) sink = own end }
    local log, note = world.log()
    source:tap(function(v)
      sleep(1)
      note("handled " .. v)
    end)
    cro.start(function()
      assert(sink:value(1))
      note "resumed"
    end)
    sleep(2)
    assert.same({ "handled 1", "resumed" }, log)
  end))

  it("tells an outside source when nobody listens any more", world.inside(function()
    local sink
    local source = Supply.from_source { open = function(own) sink = own end }
    local tap = source:tap()
    assert.is_true(sink:value(1))
    tap:close()
    assert.is_false(sink:value(2))
  end))

  it("frees a fiber whose event waits in the queue of a block that ends", world.inside(function()
    local sinks, freed = {}, false
    local function source() return Supply.from_source { open = function(own) sinks[#sinks + 1] = own end } end
    local job = cro.start(function()
      react(function()
        whenever(source(), function() sleep(5) end)
        whenever(source(), function() end)
      end)
    end)
    sleep(0)
    fiber.start(function() sinks[1]:value(1) end)
    fiber.start(function()
      assert.is_false(sinks[2]:value(2))
      freed = true
    end)
    sleep(1)
    job:cancel()
    sleep(1)
    assert.is_true(freed)
    assert.same({}, world.reports)
  end))

  it("gives a source that cannot pause a buffer and a policy", world.inside(function()
    local sink
    local seen = {}
    local source = Supply.from_source {
      pausable = false, buffer = 2, policy = "drop_oldest",
      open = function(own) sink = own end,
    }
    local job = cro.start(function()
      react(function()
        whenever(source, function(v)
          seen[#seen + 1] = v
          sleep(1)
        end)
      end)
    end)
    sleep(0)
    sink:value(0)
    sleep(0)
    for i = 1, 5 do
      sink:value(i)
    end
    assert.equal(0, cro.now())
    sink:done()
    cro.await(job)
    assert.same({ 0, 4, 5 }, seen)
  end))

  it("never makes a promise wait for a busy block", world.inside(function()
    local seen = {}
    react(function()
      whenever(supply(function() emit(0) end), function() sleep(2) end)
      for i = 1, 2 do
        whenever(Promise.after(i / 2), function() seen[#seen + 1] = cro.now() end)
      end
    end)
    assert.same({ 2, 2 }, seen)
  end))
end)
