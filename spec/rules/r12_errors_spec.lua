local cro = require "cro.reactive"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

local own = { kind = "own" }

describe("R12: errors", function()
  it("break the react whose handler raised, on whatever fiber it ran", world.inside(function()
    local sources = {
      Supply.from_list { 1 },
      Supply.interval(1),
      Promise.kept(1),
      supply(function() emit(1) end),
    }
    for _, source in ipairs(sources) do
      local ok, err = pcall(react, function() whenever(source, function() error(own) end) end)
      assert.is_false(ok)
      assert.equal(own, err)
    end
  end))

  it("quit downstream when a supply block fails, after its sources were closed", world.inside(function()
    local log, note = world.log()
    local s = supply(function()
      whenever(Supply.interval(1):on_close(function() note "source closed" end), function(v)
        emit(v)
        if v == 1 then error(own) end
      end)
    end)
    s:tap { value = note, quit = function(err) note("quit " .. err.kind) end }
    sleep(5)
    assert.same({ "0", "1", "source closed", "quit own" }, log)
  end))

  it("show upstream a stop, never the error", world.inside(function()
    local kind
    local upstream = supply(function()
      local ok, err = pcall(function()
        emit(1)
        emit(2)
      end)
      kind = not ok and err.kind
      error(err, 0)
    end)
    pcall(react, function() whenever(upstream, function() error(own) end) end)
    assert.equal("stop", kind)
  end))

  it("are handled by a quit callback that returns", world.inside(function()
    local log, note = world.log()
    react(function()
      whenever(Promise.broken(own), note):quit(function(err) note("handled " .. err.kind) end)
      whenever(Promise.after(1), function() note "still open" end)
    end)
    assert.same({ "handled own", "still open" }, log)
  end))

  it("in last and quit callbacks are handler errors", world.inside(function()
    local ok, err = pcall(react, function()
      whenever(Supply.from_list {}, print):last(function() error(own) end)
    end)
    assert.is_false(ok)
    assert.equal(own, err)
    ok, err = pcall(react, function()
      whenever(Promise.broken "first", print):quit(function() error(own) end)
    end)
    assert.is_false(ok)
    assert.equal(own, err)
  end))

  it("break the block when nobody handles a source's quit", world.inside(function()
    local ok, err = pcall(react, function() whenever(Promise.broken(own), print) end)
    assert.is_false(ok)
    assert.equal(own, err)
  end))

  it("of a plain tap go to its own quit, else to stderr", world.inside(function()
    local caught
    Supply.from_list({ 1 }):tap { value = function() error(own) end, quit = function(err) caught = err end }
    assert.equal(own, caught)
    Supply.from_list({ 1 }):tap(function() error "to stderr" end)
    assert.equal(1, #world.reports)
    assert.matches("to stderr", world.reports[1], 1, true)
    assert.matches("stack traceback", world.reports[1], 1, true)
  end))

  it("in a plain tap close its source, which sees a stop", world.inside(function()
    local emitted = 0
    supply(function()
      for i = 1, 10 do
        emit(i)
        emitted = emitted + 1
      end
    end):tap { value = function() error(own) end, quit = function() end }
    assert.equal(1, emitted)
  end))

  it("of a source without a quit callback are reported", world.inside(function()
    supply(function() error "unheard" end):tap(print)
    assert.matches("unheard", world.reports[1], 1, true)
  end))

  it("in a close callback are reported and change nothing", world.inside(function()
    local log, note = world.log()
    react(function()
      cro.closing(function() note "first registered" end)
      cro.closing(function() error "in closing" end)
    end)
    assert.same({ "first registered" }, log)
    assert.matches("in closing", world.reports[1], 1, true)
  end))

  it("that come when the block is already ending are reported", world.inside(function()
    react(function()
      whenever(Supply.from_list { 1 }, function()
        pcall(cro.done)
        error "too late"
      end)
    end)
    assert.matches("too late", world.reports[1], 1, true)
  end))

  it("do not touch the other consumers of a shared Supplier", world.inside(function()
    local supplier, seen = Supplier.new(), 0
    local healthy = cro.start(function()
      react(function() whenever(supplier, function() seen = seen + 1 end) end)
    end)
    local failing = cro.start(function()
      react(function() whenever(supplier, function() error(own) end) end)
    end)
    sleep(0)
    for i = 1, 3 do
      supplier:emit(i)
      sleep(0.1)
    end
    supplier:done()
    cro.await(healthy)
    assert.equal(3, seen)
    local _, err = cro.pawait(failing)
    assert.equal(own, err)
  end))

  it("raised as strings become error values with message and traceback", world.inside(function()
    local ok, err = pcall(react, function()
      whenever(Supply.from_list { 1 }, function() error "plain string" end)
    end)
    assert.is_false(ok)
    assert.equal("error", err.kind)
    assert.matches("r12_errors_spec.lua:%d+: plain string$", tostring(err))
    assert.matches("stack traceback", err.traceback, 1, true)
  end))
end)
