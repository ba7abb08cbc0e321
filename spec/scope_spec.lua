local cro = require "cro.reactive"
local scope = require "cro.scope"
local support = require "spec.support.opener"
local world = require "spec.support.world"
local garbage = require "spec.support.garbage"

local react, whenever, supply, emit, done, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.done, cro.sleep
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

local opener, settled = support.new, support.settled

describe("what a block opens", function()
  for how, finish in pairs {
    ["returns"] = function() end,
    ["is done"] = function() done() end,
    ["fails"] = function() error("broken", 0) end,
  } do
    it("is closed when the block " .. how .. ", the last first", world.inside(function()
      local open, log = opener()
      pcall(react, function()
        open "first"
        open "second"
        whenever(Promise.after(1), function()
          open "third"
          finish()
        end)
      end)
      assert.same({ "third", "second", "first" }, log)
    end))
  end

  it("is closed among its close callbacks, in the reverse of the order they came in", world.inside(function()
    local open, log, note = opener()
    react(function()
      cro.closing(function() note "callback 1" end)
      open "handle 1"
      cro.defer(function() note "callback 2" end)
      open "handle 2"
    end)
    assert.same({ "handle 2", "callback 2", "handle 1", "callback 1" }, log)
  end))

  it("is closed after its sources and after its running handler has left", world.inside(function()
    local open, log, note = opener()
    react(function()
      open "handle"
      whenever(Supply.interval(1):on_close(function() note "source" end), function() end)
      whenever(Promise.after(2), function()
        cro.start(function() done() end)
        cro.defer(function() note "callback" end)
        pcall(sleep, 0)
        cro.shield(sleep, 1)
        note "handler"
        done()
      end)
    end)
    assert.same({ "handler", "source", "callback", "handle" }, log)
  end))

  it("is closed once, and not again when it has closed itself", world.inside(function()
    local open, log = opener()
    react(function()
      local handle = open "closed before"
      scope.disown(handle)
      scope.disown(handle)
      open "left open"
    end)
    assert.same({ "left open" }, log)
  end))

  it("is closed although closing something else fails, which is reported", world.inside(function()
    local open, log = opener()
    react(function()
      open "first"
      scope.own({ held = false }, "thing", function() error "stuck" end)
      open "last"
    end)
    assert.same({ "last", "first" }, log)
    assert.equal(1, #world.reports)
    assert.matches("error while closing a thing: .*stuck", world.reports[1])
  end))

  it("holds the block's end up while closing waits, five seconds at most", world.inside(function()
    react(function()
      scope.own({ held = false }, "thing", function() return Promise.after(2) end)
    end)
    assert.equal(2, cro.now())
    react(function()
      scope.own({ held = false }, "thing", function() return Promise.new() end)
    end)
    assert.equal(7, cro.now())
    assert.matches("error while closing a thing: clean%-up took longer than 5 s", world.reports[1])
  end))

  it("goes with a supply block that its consumer closes, or that fails", world.inside(function()
    local open, log = opener()
    local source = supply(function()
      open "handle"
      whenever(Supply.interval(1), emit)
    end)
    source:head(2):list():await()
    assert.same({ "handle" }, log)
    local broken = supply(function()
      open "another"
      error "no"
    end)
    cro.pawait(broken:promise())
    assert.same({ "handle", "another" }, log)
  end))

  it("is its consumer's when a supply block is done: what it emitted stays usable", world.inside(function()
    local open, log, note = opener()
    local dial = supply(function() emit(open "connection") end)
    react(function()
      whenever(dial, function(connection)
        sleep(1)
        note("using " .. connection.name)
      end):last(function() note "source done" end)
      whenever(Promise.after(3), function() note "the end" end)
    end)
    assert.same({ "using connection", "source done", "the end", "connection" }, log)
  end))

  it("that is opened in the clean-up of an ended block is closed too", world.inside(function()
    local open, log = opener()
    react(function()
      whenever(Promise.after(1), done)
      whenever(Promise.kept(1), function()
        pcall(sleep, 10)
        open "late"
      end)
    end)
    assert.same({ "late" }, log)
  end))

  it("includes plain taps", world.inside(function()
    local log, note = world.log()
    react(function()
      Supply.interval(1):on_close(function() note "tap closed" end):tap()
      whenever(Promise.after(2.5), done)
    end)
    assert.same({ "tap closed" }, log)
    assert.equal(0, world.timers())
  end))

  it("includes a tap in each()", world.inside(function()
    local seen = 0
    local tap = supply(function()
      for _ in Supply.interval(1):each() do
        seen = seen + 1
      end
    end):tap()
    sleep(2.5)
    tap:close()
    assert.equal(0, world.timers())
    assert.equal(3, seen)
  end))

  it("leaves a promise of a supply under way when it is done, and cancels it when it fails", world.inside(function()
    local promise
    react(function() promise = Supply.interval(1):head(3):promise() end)
    assert.equal(2, promise:await())
    pcall(react, function()
      promise = Supply.interval(1):head(3):promise()
      error "no"
    end)
    assert.equal("broken", promise:status())
    assert.equal("cancelled", promise:cause().kind)
    assert.equal(0, world.timers())
  end))
end)

describe("what an on-demand producer opens", function()
  it("is closed when the tap is closed", world.inside(function()
    local open, log = opener()
    local source = Supply.on_demand(function(emitter)
      open "handle"
      for i = 1, 100 do
        emitter:emit(i)
        sleep(1)
      end
    end)
    assert.same({ 1, 2, n = 2 }, source:head(2):list():await())
    assert.same({ "handle" }, log)
  end))

  it("is its consumer's when it is done", world.inside(function()
    local open, log, note = opener()
    react(function()
      whenever(Supply.on_demand(function(emitter)
        open "handle"
        emitter:done()
      end), error):last(function() note "done" end)
    end)
    assert.same({ "done", "handle" }, log)
  end))
end)

describe("a handle", function()
  it("that was detached outlives its block and its job", world.inside(function()
    local open, log = opener()
    react(function() assert.equal("handle", cro.detach(open "handle").name) end)
    pcall(cro.await, cro.start(function()
      cro.detach(open "another")
      error "no"
    end))
    assert.same({}, log)
  end))

  it("whose opening is under way is given up when its owner ends", world.inside(function()
    local given_up, log, ticket = 0, {}, nil
    pcall(react, function()
      ticket = scope.opening("opening", function() given_up = given_up + 1 end)
      whenever(Promise.after(1), done)
    end)
    assert.equal(1, given_up)
    local late = { name = "late", held = false }
    assert.is_false(scope.opened(ticket, late, "thing", function() log[#log + 1] = "closed" end))
    assert.same({ "closed" }, log)
  end))

  it("that was being opened belongs to who opened it", world.inside(function()
    local _, log, note = opener()
    react(function()
      local ticket = scope.opening("opening", error)
      Promise.after(1):and_then(function()
        assert.is_true(scope.opened(ticket, { held = false }, "thing", function() note "closed" end))
      end)
      whenever(Promise.after(2), done)
    end)
    assert.same({ "closed" }, log)
  end))

  it("that nobody uses any more is not kept by its block, and a closed one leaves nothing", world.inside(function()
    react(function(block)
      local function close() end
      for _ = 1, 10000 do
        scope.own({ held = false }, "thing", close)
        scope.disown(select(2, { held = false }, { held = false }))
      end
      local kept = { held = false }
      scope.own(kept, "thing", close)
      garbage.collect()
      local count = 0
      for handle in pairs(block.held) do
        assert.equal(kept, handle)
        count = count + 1
      end
      assert.equal(1, count)
      scope.disown(kept)
      assert.is_nil(next(block.held))
    end)
  end))
end)

describe("cro.detach", function()
  it("says what it takes", function()
    local place = "spec/scope_spec.lua:" .. (debug.getinfo(1, "l").currentline + 1)
    local _, err = pcall(function() cro.detach(1) end)
    assert.equal(place .. ": cro.detach: expected a handle, a promise of cro.start or a tap, got the number 1", err)
    assert.error_matches(function() cro.detach {} end, "got a table that has no owner")
  end)

  it("keeps a plain tap open", world.inside(function()
    local seen, tap = 0, nil
    react(function() tap = cro.detach(Supply.interval(1):tap(function() seen = seen + 1 end)) end)
    sleep(1.5)
    assert.equal(2, seen)
    tap:close()
  end))

  it("does nothing to a promise that nobody started", world.inside(function()
    local promise = Promise.new()
    assert.equal(promise, cro.detach(promise))
  end))
end)

describe("a plain tap's handler", function()
  it("opens for who opened the tap, whoever emits", world.inside(function()
    local open, log = opener()
    local supplier = Supplier.new()
    local job = cro.start(function()
      supplier:supply():tap(open)
      sleep(100)
    end)
    sleep(0)
    cro.start(function() supplier:emit "handle" end)
    sleep(1)
    assert.same({}, log)
    job:cancel()
    settled(job)
    assert.same({ "handle" }, log)
  end))
end)
