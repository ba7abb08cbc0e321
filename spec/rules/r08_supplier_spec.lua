local cro = require "cro.reactive"
local world = require "spec.support.world"

local react, whenever, sleep = cro.react, cro.whenever, cro.sleep
local Supplier = cro.Supplier

describe("R8: a Supplier", function()
  it("delivers to the taps there were when emit began", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap(function(v)
      note("old " .. v)
      if v == 1 then supplier:supply():tap(function(w) note("new " .. w) end) end
    end)
    supplier:emit(1)
    supplier:emit(2)
    assert.same({ "old 1", "old 2", "new 2" }, log)
  end))

  it("skips a tap that was closed since", world.inside(function()
    local log, note = world.log()
    local supplier, second = Supplier.new(), nil
    supplier:supply():tap(function() second:close() end)
    second = supplier:supply():tap(note)
    supplier:emit(1)
    assert.same({}, log)
  end))

  it("delivers what is emitted from inside after the outer value", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap(function(v)
      note("a" .. v)
      if v < 3 then supplier:emit(v + 1) end
    end)
    supplier:supply():tap(function(v) note("b" .. v) end)
    supplier:emit(1)
    assert.same({ "a1", "b1", "a2", "b2", "a3", "b3" }, log)
  end))

  it("refuses what its taps emit to it in a circle, which would never end", world.inside(function()
    local source, failure = Supplier.new(), nil
    source:supply():tap {
      value = function(v) source:emit(v + 1) end,
      quit = function(err) failure = tostring(err) end,
    }
    source:emit(1)
    assert.matches("emit: 1048576 values were emitted from inside the taps of one", failure, 1, true)
    local seen
    source:supply():tap(function(v) seen = v end)
    source:emit "after"
    assert.equal("after", seen)
  end))

  it("delivers a done from inside after the outer value", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap { value = function() supplier:done() end, done = function() note "a done" end }
    supplier:supply():tap { value = note, done = function() note "b done" end }
    supplier:emit(1)
    assert.same({ "1", "a done", "b done" }, log)
  end))

  it("keeps a tap's error from the emitter and from the other taps", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap { value = function() error "broken" end, quit = function() note "quit" end }
    supplier:supply():tap(note)
    supplier:emit(1)
    supplier:emit(2)
    assert.same({ "quit", "1", "2" }, log)
  end))

  it("keeps a block's error and wait from the emitter", world.inside(function()
    local supplier = Supplier.new()
    local failing = cro.start(function()
      react(function() whenever(supplier, function() error { kind = "own" } end) end)
    end)
    local slow = cro.start(function()
      react(function() whenever(supplier, function() sleep(100) end) end)
    end)
    sleep(0)
    supplier:emit(1)
    supplier:emit(2)
    assert.equal(0, cro.now())
    local _, err = cro.pawait(failing)
    assert.equal("own", err.kind)
    supplier:done()
    cro.await(slow)
  end))

  it("lets taps that are opened after done start a life of their own", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap { done = function() note "first done" end }
    supplier:done()
    supplier:done()
    supplier:supply():tap(note)
    supplier:emit "again"
    assert.same({ "first done", "again" }, log)
  end))

  it("does not keep closed taps", world.inside(function()
    local supplier = Supplier.new()
    for _ = 1, 1000 do
      supplier:supply():tap():close()
    end
    assert.is_true(supplier.count < 20)
  end))

  it("delivers in order to each of many taps that come and go", world.inside(function()
    local supplier, taps, wrong = Supplier.new(), {}, 0
    for i = 1, 200 do
      local last = 0
      taps[i] = supplier:supply():tap(function(v)
        if last > 0 and v ~= last + 1 then wrong = wrong + 1 end
        last = v
        if (v + i) % 17 == 0 then taps[i]:close() end
      end)
    end
    for v = 1, 30 do
      supplier:emit(v)
    end
    assert.equal(0, wrong)
    assert.is_true(supplier.count <= 8)
  end))
end)

describe("Supplier.preserving", function()
  it("keeps what nobody has heard for the next tap, and again after the last is closed", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.preserving()
    supplier:emit(1)
    supplier:emit(2)
    local tap = supplier:supply():tap(note)
    supplier:emit(3)
    tap:close()
    supplier:emit(4)
    supplier:done()
    supplier:supply():tap { value = note, done = function() note "done" end }
    assert.same({ "1", "2", "3", "4", "done" }, log)
  end))
end)
