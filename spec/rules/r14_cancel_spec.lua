local cro = require "cro.reactive"
local fiber = require "cro.entry"
local enter = require "spec.support.enter"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Promise = cro.Supply, cro.Promise

describe("R14: cancelling", function()
  it("raises cancelled in the current wait and in every later one", world.inside(function()
    local kinds = {}
    local job = cro.start(function()
      for _ = 1, 3 do
        local _, err = pcall(sleep, 100)
        kinds[#kinds + 1] = err.kind
      end
      local _, err = pcall(cro.await, Promise.kept(1))
      kinds[#kinds + 1] = err.kind
      return "swallowed"
    end)
    sleep(1)
    job:cancel "enough"
    assert.equal("swallowed", cro.await(job))
    assert.same({ "cancelled", "cancelled", "cancelled", "cancelled" }, kinds)
    assert.equal(1, cro.now())
    assert.equal(0, world.timers())
  end))

  it("breaks the promise of the fiber with the cancellation and its reason", world.inside(function()
    local job = cro.start(sleep, 100)
    sleep(1)
    job:cancel "enough"
    sleep(0)
    assert.equal("broken", job:status())
    assert.equal("cancelled", job:cause().kind)
    assert.equal("enough", job:cause().message)
  end))

  it("breaks a start that has not begun, without running it", world.inside(function()
    local ran = false
    local job = cro.start(function() ran = true end)
    job:cancel()
    sleep(1)
    assert.equal("broken", job:status())
    assert.is_false(ran)
  end))

  it("removes the waiter from what it waited for", world.inside(function()
    local promise = Promise.new()
    local job = cro.start(function() cro.await(promise) end)
    sleep(0)
    job:cancel()
    sleep(0)
    assert.is_false(promise:is_awaited())
    promise:keep(1)
    sleep(0)
    assert.equal("broken", job:status())
  end))

  it("makes a queued emit give up its place", world.inside(function()
    local emitter
    local seen = {}
    local source = Supply.on_demand(function(own) emitter = own end)
    local jobs = {}
    source:tap(function(v)
      seen[#seen + 1] = v
      sleep(1)
    end)
    for i = 1, 3 do
      jobs[i] = cro.start(function() emitter:emit(i) end)
    end
    sleep(0.5)
    jobs[2]:cancel()
    sleep(5)
    assert.same({ 1, 3 }, seen)
    assert.equal("cancelled", jobs[2]:cause().kind)
  end))

  it("closes the block of a react, waits for its end, and then raises", world.inside(function()
    local log, note = world.log()
    local job = cro.start(function()
      local ok, err = pcall(react, function()
        cro.closing(function()
          sleep(2)
          note("closed at " .. cro.now())
        end)
        whenever(Supply.interval(1), function() end)
      end)
      note(tostring(ok) .. " " .. err.kind .. " at " .. cro.now())
      error(err, 0)
    end)
    sleep(1.5)
    job:cancel()
    cro.await(job:settled(function() end))
    assert.same({ "closed at 3.5", "false cancelled at 3.5" }, log)
    assert.equal(0, world.timers())
  end))

  it("stops the handlers of that react, on whatever fiber they wait", world.inside(function()
    local kind
    local job = cro.start(function()
      react(function()
        whenever(supply(function()
          sleep(1)
          emit(1)
        end), function()
          local _, err = pcall(sleep, 1000)
          kind = err.kind
          error(err, 0)
        end)
      end)
    end)
    sleep(2)
    job:cancel()
    sleep(0)
    assert.equal("stop", kind)
    assert.equal("cancelled", job:cause().kind)
  end))

  it("does nothing to a fiber that has ended, nor to the next job on its coroutine", world.inside(function()
    local first = cro.start(function() return 1 end)
    cro.await(first)
    first:cancel()
    local second = cro.start(function()
      sleep(1)
      return 2
    end)
    first:cancel()
    assert.equal(2, cro.await(second))
  end))

  it("is never returned by pawait or cro.pcall", world.inside(function()
    local returned = 0
    for _, wait in ipairs {
      function() cro.pawait(Promise.new()) end,
      function() cro.pcall(sleep, 100) end,
    } do
      local job = cro.start(function()
        wait()
        returned = returned + 1
      end)
      sleep(1)
      job:cancel()
      sleep(1)
    end
    assert.equal(0, returned)
  end))

  it("of an awaited promise is that promise's cause, not a cancellation of the waiter", world.inside(function()
    local job = cro.start(sleep, 100)
    sleep(1)
    job:cancel()
    local value, err = cro.pawait(job)
    assert.is_nil(value)
    assert.equal("cancelled", err.kind)
    sleep(1)
  end))
end)

describe("a fiber that C made", function()
  local function entry(fn, ...)
    local args, log = { ... }, {}
    local body = fiber.entry(function() return fn, unpack(args) end,
      function()
        log[#log + 1] = "finished"
        coroutine.yield()
      end,
      function(_, err, trace) log[#log + 1] = { err = err, trace = trace } end)
    return coroutine.create(body), log
  end

  it("runs what begin returns, each time it is resumed, and says when it is idle", world.inside(function()
    local sum = 0
    local co, log = entry(function(a, b) sum = sum + a + b end, 1, 2)
    enter(co)
    enter(co)
    assert.equal(6, sum)
    assert.same({ "finished", "finished" }, log)
  end))

  it("may wait, and is idle only when its function has ended", world.inside(function()
    local at
    local co, log = entry(function()
      sleep(2)
      at = cro.now()
    end)
    enter(co)
    assert.same({}, log)
    sleep(3)
    assert.equal(2, at)
    assert.same({ "finished" }, log)
  end))

  it("gives the running fiber back to whoever resumed it", world.inside(function()
    local own = fiber.current()
    local co = entry(function() sleep(1) end)
    enter(co)
    assert.equal(own, fiber.current())
    sleep(2)
    local done = entry(function() end)
    enter(done)
    assert.equal(own, fiber.current())
  end))

  it("dies with an error that its resumer sees; dropped puts things right", world.inside(function()
    local deferred = false
    local co = entry(function()
      cro.defer(function() deferred = true end)
      error { kind = "own" }
    end)
    local ok, err = enter(co, function(err)
      assert.is_table(fiber.current())
      fiber.dropped(co, err)
      assert.is_nil(fiber.current())
    end)
    assert.is_false(ok)
    assert.equal("own", err.kind)
    assert.is_true(deferred)
  end))

  it("reports through failed when it raised after a wait", world.inside(function()
    local co, log = entry(function()
      sleep(1)
      error "after the wait"
    end)
    enter(co)
    sleep(2)
    assert.matches("after the wait", tostring(log[1].err), 1, true)
    assert.matches("stack traceback", log[1].trace, 1, true)
  end))

  it("is cancelled by its coroutine: the wait raises, defers run, its taps are closed", world.inside(function()
    local log, note = world.log()
    local co = entry(function()
      cro.defer(function() note "deferred" end)
      Supply.interval(1):on_close(function() note "tap closed" end):tap()
      local _, err = pcall(sleep, 100)
      note(err.kind)
      local _, again = pcall(sleep, 1)
      note(again.kind)
    end)
    enter(co)
    sleep(0.5)
    fiber.cancel_thread(co, "the client is gone")
    sleep(1)
    assert.same({ "tap closed", "cancelled", "cancelled", "deferred" }, log)
    assert.equal(0, world.timers())
  end))

  it("is not cancelled any more in its next job", world.inside(function()
    local kinds = {}
    local co = entry(function()
      local ok = pcall(sleep, 1)
      kinds[#kinds + 1] = ok
    end)
    enter(co)
    fiber.cancel_thread(co)
    sleep(1)
    enter(co)
    sleep(2)
    assert.same({ false, true }, kinds)
  end))

  it("leaves a tap open when its job ends normally", world.inside(function()
    local seen, tap = 0, nil
    local co = entry(function()
      tap = Supply.interval(1):tap(function() seen = seen + 1 end)
    end)
    enter(co)
    sleep(2.5)
    assert.equal(3, seen)
    tap:close()
  end))
end)
