--- What has no rule of its own but is promised all the same, row by row.
local cro = require "cro.reactive"
local world = require "spec.support.world"
local Channel = require "cro.channel"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Promise, Supplier, Supply = cro.Promise, cro.Supplier, cro.Supply

describe("a chain on a promise that is settled already", function()
  for name, make in pairs { kept = function() return Promise.kept(1) end, broken = function() return Promise.broken "b" end } do
    it("runs in a turn of its own when that is " .. name .. ", never inside the call", world.inside(function()
      local log, note = world.log()
      local promise = make()
      local verb = name == "kept" and "and_then" or "or_else"
      local first = promise[verb](promise, function() note "step" end)
      promise:settled(function() note "settled" end)
      note "after the call"
      cro.await(first)
      sleep(0)
      assert.same({ "after the call", "step", "settled" }, log)
    end))
  end
end)

describe("a tap", function()
  it("without callbacks discards values and hears no end", world.inside(function()
    local tap = Supply.from_list({ 1, 2 }):tap()
    tap:close()
    local supplier = Supplier.new()
    supplier:supply():tap()
    supplier:emit(1)
    supplier:done()
    assert.equal(0, supplier.count)
    assert.same({}, world.reports)
  end))

  it("gets text that a supplier quits with as an error, and Died for nothing", world.inside(function()
    local supplier, seen = Supplier.new(), {}
    for _, given in ipairs { "the text", false } do
      supplier:supply():tap { quit = function(err) seen[#seen + 1] = err.kind .. " " .. tostring(err) end }
      supplier:quit(given or nil)
    end
    assert.same({ "error the text", "error Died" }, seen)
  end))
end)

describe("a supply block", function()
  it("runs its body for each tap, with state of its own", world.inside(function()
    local bodies = 0
    local counting = supply(function()
      local count = 0
      bodies = bodies + 1
      whenever(Supply.from_list { "a", "b" }, function()
        count = count + 1
        emit(count)
      end)
    end)
    assert.equal(0, bodies)
    assert.same({ n = 2, 1, 2 }, cro.await(counting:list()))
    assert.same({ n = 2, 1, 2 }, cro.await(counting:list()))
    assert.equal(2, bodies)
  end))

  it("runs last for a source without values, which may emit and end the block", world.inside(function()
    local log, note = world.log()
    supply(function()
      whenever(Promise.new(), note)
      whenever(Supply.from_list {}, note):last(function()
        emit "from last"
        cro.done()
      end)
    end):tap { value = note, done = function() note "done" end }
    sleep(0)
    assert.same({ "from last", "done" }, log)
  end))

  it("is done when its last source quits and that is handled", world.inside(function()
    local log, note = world.log()
    supply(function()
      whenever(Promise.broken "b", note):quit(function(err) emit("handled " .. tostring(err)) end)
    end):tap { value = note, done = function() note "done" end, quit = note }
    sleep(0)
    assert.same({ "handled b", "done" }, log)
  end))

  it("may end in its quit callback", world.inside(function()
    local log, note = world.log()
    supply(function()
      whenever(Promise.new(), note)
      whenever(Promise.broken "b", note):quit(cro.done)
    end):tap { value = note, done = function() note "done" end, quit = note }
    sleep(0)
    assert.same({ "done" }, log)
  end))

  for how, act in pairs {
    done = function() cro.done() end,
    quit = function() error { kind = "own" } end,
    close = function(tap) tap:close() end,
  } do
    it("runs its close callbacks once, the last first, after " .. how, world.inside(function()
      local log, note = world.log()
      local source, tap = Supplier.new(), nil
      tap = supply(function()
        cro.closing(function() note "first" end)
        cro.closing(function() note "second" end)
        whenever(source, function() act(tap) end)
      end):tap { quit = function() end }
      source:emit(1)
      sleep(0)
      tap:close()
      sleep(0)
      assert.same({ "second", "first" }, log)
    end))
  end
end)

describe("whenever", function()
  it("takes a supply, a supplier, a promise, a channel, and what has a supply", world.inside(function()
    local supplier, channel, seen = Supplier.new(), Channel.new(), {}
    channel:send "channel"
    channel:close()
    react(function()
      for _, source in ipairs {
        Supply.from_list { "supply" }, supplier, Promise.kept "promise", channel,
        { supply = function() return Supply.from_list { "thing" } end },
      } do
        whenever(source, function(value) seen[value] = true end)
      end
      supplier:emit "supplier"
      supplier:done()
    end)
    assert.same({ supply = true, supplier = true, promise = true, channel = true, thing = true }, seen)
  end))

  it("calls the handler once for a kept promise, with nil too, then last; for a broken one quit", world.inside(function()
    local log, note = world.log()
    react(function()
      whenever(Promise.kept(nil), note):last(function() note "last" end)
      whenever(Promise.broken "b", note):last(note):quit(function(err) note(err.message) end)
    end)
    table.sort(log)
    assert.same({ "b", "last", "nil" }, log)
  end))

  it("releases everything it opened when the outer tap is closed", world.inside(function()
    local source = Supplier.new()
    local inner = supply(function()
      whenever(source, emit)
      whenever(Supply.interval(1), emit)
    end)
    local tap = supply(function() whenever(inner, function(value) whenever(Promise.kept(value), emit) end) end):tap()
    sleep(2.5)
    tap:close()
    sleep(0)
    assert.equal(source.count, source.holes)
    assert.equal(0, world.timers())
  end))
end)

describe("react", function()
  it("raises the very value that a source quit with, and returns nothing else", world.inside(function()
    local own = { kind = "own" }
    local ok, err = pcall(react, function() whenever(Promise.broken(own), print) end)
    assert.is_false(ok)
    assert.equal(own, err)
    assert.equal(0, select("#", react(function() return 1 end)))
  end))
end)
