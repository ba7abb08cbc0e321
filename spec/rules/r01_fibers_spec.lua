local cro = require "cro.reactive"
local fiber = require "cro.fiber"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

describe("R1: which fiber runs what", function()
  it("runs the body of a react on its caller's fiber", world.inside(function()
    local own, inside = fiber.current(), nil
    react(function() inside = fiber.current() end)
    assert.equal(own, inside)
  end))

  it("runs a producer on another fiber, at once, until it ends or first waits", world.inside(function()
    local own, producer = fiber.current(), nil
    local log, note = world.log()
    local s = supply(function()
      producer = fiber.current()
      note "begun"
      sleep(1)
      note "slept"
    end)
    s:tap()
    note "tap returned"
    assert.not_equal(own, producer)
    sleep(2)
    assert.same({ "begun", "tap returned", "slept" }, log)
  end))

  it("returns from tap only after a producer that never waits has ended", world.inside(function()
    local seen = {}
    Supply.from_list({ 1, 2, 3 }):tap(function(v) seen[#seen + 1] = v end)
    assert.same({ 1, 2, 3 }, seen)
  end))

  it("runs a handler on the fiber that brings its value", world.inside(function()
    local producer, handler
    local s = supply(function()
      producer = fiber.current()
      sleep(1)
      emit(1)
    end)
    react(function()
      whenever(s, function() handler = fiber.current() end)
    end)
    assert.equal(producer, handler)
  end))

  it("runs mailbox entries and promise callbacks on a pooled runner", world.inside(function()
    local own, from_mailbox, from_promise = fiber.current(), nil, nil
    local supplier, promise = Supplier.new(), Promise.new()
    promise:and_then(function() from_promise = fiber.current() end)
    promise:keep()
    react(function()
      whenever(supplier, function()
        from_mailbox = fiber.current()
        cro.done()
      end)
      supplier:emit(1)
    end)
    assert.not_equal(own, from_mailbox)
    assert.equal(from_mailbox, from_promise)
  end))

  it("replaces the runner while one of its tasks waits", world.inside(function()
    local log, note = world.log()
    local promise = Promise.new()
    promise:and_then(function()
      note "first waits"
      sleep(1)
      note "first goes on"
    end)
    promise:and_then(function() note "second" end)
    promise:keep()
    sleep(2)
    assert.same({ "first waits", "second", "first goes on" }, log)
  end))
end)

describe("R18: turns", function()
  it("runs in a turn what was runnable when it began", world.inside(function()
    local log, note = world.log()
    fiber.start(function()
      note "a"
      fiber.start(note, "made by a")
    end)
    fiber.start(note, "b")
    sleep(0)
    assert.same({ "a", "b", "made by a" }, log)
  end))

  it("refuses a wait inside a coroutine that is not a fiber, and says what to do", world.inside(function()
    local ok, err = coroutine.resume(coroutine.create(function() cro.await(Promise.new()) end))
    assert.is_false(ok)
    assert.matches("await inside a coroutine that is not a fiber", err, 1, true)
    assert.matches("cro.start", err, 1, true)
  end))

  it("refuses a wait outside of any fiber, and says what to do", function()
    local ok, err = pcall(cro.await, Promise.new())
    assert.is_false(ok)
    assert.matches("await outside of a fiber", err, 1, true)
    assert.matches("cro.run", err, 1, true)
  end)

  it("goes on after a refused wait as if nothing had happened", world.inside(function()
    local promise = Promise.new()
    coroutine.wrap(function() pcall(cro.await, promise) end)()
    cro.start(function() promise:keep(7) end)
    assert.equal(7, cro.await(promise))
  end))

  it("refuses a wait in a function that C calls back, and goes on as if nothing had happened", world.inside(function()
    local promise = Promise.new()
    local function waits() cro.await(promise) end
    for _, call in ipairs {
      function() table.sort({ 2, 1, 3 }, waits) end,
      function() return (("x"):gsub("x", waits)) end,
    } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.matches("r01_fibers_spec.lua:%d+: await in a function that C calls back", err)
      assert.matches("wait before or after it", err, 1, true)
    end
    cro.start(function() promise:keep(7) end)
    assert.equal(7, cro.await(promise))
  end))

  it("asks for a turn when something becomes runnable outside of one", function()
    local asked = 0
    fiber.install {
      notify = function() asked = asked + 1 end,
      now = function() return 0 end,
      timer = error,
      report = error,
    }
    fiber.start(function() end)
    fiber.start(function() end)
    assert.equal(1, asked)
    assert.is_false(fiber.turn())
    fiber.start(function() fiber.start(function() end) end)
    assert.equal(2, asked)
    assert.is_true(fiber.turn())
    assert.equal(2, asked)
    assert.is_false(fiber.turn())
  end)
end)
