local cro = require "cro.reactive"
local roots = require "cro.roots"
local world = require "spec.support.world"

local react, whenever, emit, sleep = cro.react, cro.whenever, cro.emit, cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

describe("R7: a plain tap", function()
  local words = {
    whenever = function() whenever(Supply.from_list {}, print) end,
    emit = function() emit(1) end,
    done = function() cro.done() end,
    last = function() cro.last() end,
    closing = function() cro.closing(print) end,
  }
  for word, use in pairs(words) do
    it("is outside of any block: " .. word .. " in it is misuse", world.inside(function()
      local message
      react(function()
        Supply.from_list({ 1 }):tap(function()
          local ok, err = pcall(use)
          message = not ok and err
        end)
      end)
      assert.matches(word .. " outside of a", message, 1, true)
      assert.matches("r07_plain_tap_spec.lua:%d+:", message)
    end))
  end

  it("runs inside the emit of a Supplier, in tap order", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap(function(v) note("a" .. v) end)
    supplier:supply():tap(function(v) note("b" .. v) end)
    supplier:emit(1)
    note "emitted"
    assert.same({ "a1", "b1", "emitted" }, log)
  end))

  it("may not wait there, and is told what to use instead", world.inside(function()
    local err
    local supplier = Supplier.new()
    supplier:supply():tap { value = function() sleep(1) end, quit = function(e) err = tostring(e) end }
    supplier:emit(1)
    assert.matches("may not wait", err, 1, true)
    assert.matches("whenever", err, 1, true)
    assert.matches("each", err, 1, true)
    assert.matches("tap { buffer = n", err, 1, true)
  end))

  it("may wait with a buffer of its own, without holding the emitter", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    supplier:supply():tap { buffer = 4, value = function(v)
      sleep(1)
      note(v .. " at " .. cro.now())
    end }
    supplier:emit "a"
    supplier:emit "b"
    note "emitted"
    sleep(3)
    assert.same({ "emitted", "a at 1", "b at 2" }, log)
  end))

  it("may wait when the policy is wait, and then holds the emitter", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new { policy = "wait" }
    supplier:supply():tap(function(v)
      sleep(1)
      note(v)
    end)
    supplier:emit "a"
    supplier:emit "b"
    note "emitted"
    assert.same({ "a", "b", "emitted" }, log)
    assert.equal(2, cro.now())
  end))

  it("may wait on an on-demand supply, and holds it", world.inside(function()
    local log, note = world.log()
    Supply.from_list({ 1, 2 }):tap { value = function(v)
      sleep(1)
      note(v .. " at " .. cro.now())
    end, done = function() note "done" end }
    note "tapped"
    sleep(5)
    assert.same({ "tapped", "1 at 1", "2 at 2", "done" }, log)
  end))

  it("takes its other callbacks after a function, too", world.inside(function()
    local log, note = world.log()
    Supply.from_list({ 1 }):tap(note, { done = function() note "done" end })
    Supply.from_list({ 1 }):map(function() error { kind = "own" } end)
      :tap(note, { quit = function(err) note(err.kind) end })
    assert.same({ "1", "done", "own" }, log)
    local _, err = pcall(function() Supply.from_list({}):tap(note, { value = note }) end)
    assert.matches("tap: give the function alone or as `value`, not both", err, 1, true)
  end))

  it("goes on after it has closed itself in the middle of a wait", world.inside(function()
    local finished = false
    local tap
    tap = Supply.interval(1):tap(function()
      tap:close()
      sleep(1)
      finished = true
    end)
    sleep(5)
    assert.is_true(finished)
  end))

  it("is given itself before any value, so that an endless source can be stopped", world.inside(function()
    local tap, seen = nil, 0
    Supply.on_demand(function(emitter)
      while true do
        emitter:emit(1)
      end
    end):tap {
      tap = function(own) tap = own end,
      value = function()
        seen = seen + 1
        if seen == 3 then tap:close() end
      end,
    }
    assert.equal(3, seen)
  end))

  it("is not left open when its first callback fails", world.inside(function()
    local supplier, before = Supplier.new(), roots.latest()
    for _, closes in ipairs { true, false } do
      local ok, err = pcall(function()
        supplier:supply():tap { tap = function(own)
          if closes then own:close() end
          error { kind = "own" }
        end }
      end)
      assert.is_false(ok)
      assert.equal("own", err.kind)
    end
    assert.equal(supplier.count, supplier.holes)
    assert.is_true(roots.latest() == before)
  end))

  it("gets nothing after it was closed, whatever its source", world.inside(function()
    local seen = 0
    local supplier = Supplier.new()
    local sources = { supplier:supply(), Supply.interval(1), Supply.from_list { 1 } }
    for _, source in ipairs(sources) do
      source:tap { tap = function(tap) tap:close() end, value = function() seen = seen + 1 end,
        done = function() seen = seen + 1 end }
    end
    supplier:emit(1)
    supplier:done()
    sleep(3)
    assert.equal(0, seen)
    assert.equal(0, world.timers())
  end))
end)
