local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local supply, emit, sleep, whenever = cro.supply, cro.emit, cro.sleep, cro.whenever
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

--- All values of a supply, as a plain list.
local function all(source)
  local list = cro.await(source:list())
  list.n = nil
  return list
end

local function of(...) return Supply.from_list { n = select("#", ...), ... } end

describe("Supply.from_list", function()
  it("starts anew for each tap", world.inside(function()
    local s = of(1, 2)
    assert.same({ 1, 2 }, all(s))
    assert.same({ 1, 2 }, all(s))
  end))

  it("may hold nils when it says how many values there are", world.inside(function()
    local list = cro.await(Supply.from_list({ n = 3, 1, nil, 3 }):list())
    assert.same({ n = 3, 1, nil, 3 }, list)
  end))

  it("refuses what is no list, at the caller's line", function()
    assert.matches("supply_spec.lua:%d+: Supply.from_list: argument 1: expected table, got nothing",
      message_of(function() Supply.from_list() end))
  end)
end)

describe("Supply.from_iterator", function()
  it("asks for a fresh iterator for each tap", world.inside(function()
    local s = Supply.from_iterator(function() return ("a b c"):gmatch "%a" end)
    assert.same({ "a", "b", "c" }, all(s))
    assert.same({ "a", "b", "c" }, all(s))
  end))

  it("makes an error of the iterator the quit", world.inside(function()
    local _, err = cro.pawait(Supply.from_iterator(function() return function() error { kind = "own" } end end))
    assert.equal("own", err.kind)
  end))

  it("says what the function has to return", world.inside(function()
    local _, err = cro.pawait(Supply.from_iterator(function() return 3 end))
    assert.matches("from_iterator: its function must return an iterator.*it returned the number 3", err.message)
  end))
end)

describe("Supply.on_demand", function()
  it("runs the producer once per tap and is done when it says so", world.inside(function()
    local runs = 0
    local s = Supply.on_demand(function(emitter)
      runs = runs + 1
      emitter:emit(runs)
      emitter:done()
    end)
    assert.same({ 1 }, all(s))
    assert.same({ 2 }, all(s))
  end))

  it("may be emitted to after the producer returned, by any fiber", world.inside(function()
    local s = Supply.on_demand(function(emitter)
      cro.start(function()
        sleep(1)
        emitter:emit "late"
        emitter:done()
      end)
    end)
    assert.same({ "late" }, all(s))
  end))

  it("never lets two fibers into the tap at once", world.inside(function()
    local busy, worst, seen = 0, 0, {}
    Supply.on_demand(function(emitter)
      for i = 1, 3 do
        cro.start(function() emitter:emit(i) end)
      end
    end):tap(function(v)
      busy = busy + 1
      worst = math.max(worst, busy)
      sleep(1)
      seen[#seen + 1] = v
      busy = busy - 1
    end)
    sleep(5)
    assert.equal(1, worst)
    assert.same({ 1, 2, 3 }, seen)
  end))

  it("makes an error of the producer the quit", world.inside(function()
    local _, err = cro.pawait(Supply.on_demand(function() error { kind = "own" } end))
    assert.equal("own", err.kind)
  end))

  it("runs closing once, however the tap ends", world.inside(function()
    local closings, emitter = 0, nil
    local s = Supply.on_demand(function(own) emitter = own end, { closing = function() closings = closings + 1 end })
    s:tap():close()
    s:tap()
    emitter:done()
    emitter:quit "late"
    s:tap { quit = function() end }
    emitter:quit "x"
    assert.equal(3, closings)
  end))

  it("wakes a producer that waits when its tap is closed", world.inside(function()
    local kind
    local tap = Supply.on_demand(function()
      local _, err = pcall(sleep, 100)
      kind = err.kind
    end):tap()
    sleep(1)
    tap:close()
    sleep(0)
    assert.equal("stop", kind)
    assert.equal(0, world.timers())
  end))
end)

describe("Supply.interval", function()
  it("emits 0, 1, 2 with the first after the delay", world.inside(function()
    local at = {}
    local tap = Supply.interval(0.5, 2):tap(function(v) at[#at + 1] = v .. " at " .. cro.now() end)
    sleep(3.2)
    tap:close()
    assert.same({ "0 at 2", "1 at 2.5", "2 at 3" }, at)
    assert.equal(0, world.timers())
  end))

  it("emits the first at once without a delay, but not inside tap", world.inside(function()
    local seen = 0
    local tap = Supply.interval(1):tap(function() seen = seen + 1 end)
    assert.equal(0, seen)
    sleep(0)
    assert.equal(1, seen)
    tap:close()
  end))

  it("is never shorter than a millisecond", world.inside(function()
    local seen = 0
    local tap = Supply.interval(0):tap(function() seen = seen + 1 end)
    sleep(0.0105)
    tap:close()
    assert.equal(11, seen)
  end))

  it("cancels its timer when the tap fails", world.inside(function()
    Supply.interval(1):tap { value = function() error "x" end, quit = function() end }
    sleep(5)
    assert.equal(0, world.timers())
  end))
end)

describe("a tap", function()
  it("is told of done and quit, and of nothing afterwards", world.inside(function()
    local log, note = world.log()
    local emitter
    Supply.on_demand(function(own) emitter = own end):tap { value = note, done = function() note "done" end,
      quit = function() note "quit" end }
    emitter:emit(1)
    emitter:done()
    emitter:done()
    emitter:quit "x"
    assert.equal("stop", select(2, pcall(emitter.emit, emitter, 2)).kind)
    assert.same({ "1", "done" }, log)
  end))

  it("refuses unknown callbacks and wrong types", world.inside(function()
    local s = of(1)
    assert.matches('tap: unknown option "vlaue"; did you mean "value"?',
      message_of(s.tap, s, { vlaue = print }), 1, true)
    assert.matches('tap: option "done": expected function', message_of(s.tap, s, { done = 5 }), 1, true)
    assert.matches('tap: option "buffer": expected 1 or more', message_of(s.tap, s, { buffer = 0 }), 1, true)
  end))

  it("obeys the grammar: values, then one end, for any producer", function()
    local step = property.one_of { "emit", "done", "quit", "wait", "close" }
    property.check(property.list(step, 12), function(steps)
      world.run(function()
        local over, wrong, emitter = false, 0, nil
        local function note_value() if over then wrong = wrong + 1 end end
        local function note_end()
          if over then wrong = wrong + 1 end
          over = true
        end
        local tap = Supply.on_demand(function(own) emitter = own end)
          :tap { value = note_value, done = note_end, quit = note_end }
        for _, what in ipairs(steps) do
          if what == "emit" then pcall(emitter.emit, emitter, 1) end
          if what == "done" then emitter:done() end
          if what == "quit" then emitter:quit "x" end
          if what == "wait" then sleep(1) end
          if what == "close" then
            tap:close()
            over = true
          end
        end
        assert(wrong == 0, "an event after the end")
      end)
    end)
  end)
end)

describe("conversions", function()
  it("promise is the last value, nil without any, broken by quit", world.inside(function()
    assert.equal(3, cro.await(of(1, 2, 3):promise()))
    assert.is_nil(cro.await(of():promise()))
    local _, err = cro.pawait(supply(function() error { kind = "own" } end):promise())
    assert.equal("own", err.kind)
  end))

  it("promise and list give up the tap when they are cancelled", world.inside(function()
    Supply.interval(1):promise():cancel()
    Supply.interval(1):list():cancel()
    assert.equal(0, world.timers())
  end))

  it("live tells suppliers from on-demand supplies", function()
    assert.is_true(Supplier.new():supply():live())
    assert.is_false(of(1):live())
    assert.is_false(supply(function() end):live())
  end)

  it("supply takes anything with a supply method", world.inside(function()
    local thing = { supply = function() return of(1, 2) end }
    local seen = {}
    cro.react(function() whenever(thing, function(v) seen[#seen + 1] = v end) end)
    assert.same({ 1, 2 }, seen)
  end))

  it("each pulls one by one and holds the source", world.inside(function()
    local emitted, seen = 0, {}
    local s = supply(function()
      for i = 1, 10 do
        emit(i)
        emitted = i
      end
    end)
    for v in s:each { buffer = 2 } do
      seen[#seen + 1] = v
      if v == 3 then break end
      sleep(1)
    end
    assert.same({ 1, 2, 3 }, seen)
    assert.is_true(emitted <= 5)
  end))

  it("each raises what the supply quit with, after the values", world.inside(function()
    local seen = {}
    local ok, err = pcall(function()
      for v in supply(function()
        emit(1)
        error { kind = "own" }
      end):each() do
        seen[#seen + 1] = v
      end
    end)
    assert.is_false(ok)
    assert.equal("own", err.kind)
    assert.same({ 1 }, seen)
  end))

  it("each reads a live source, which may be a little ahead", world.inside(function()
    local supplier, seen = Supplier.new(), {}
    cro.start(function()
      for i = 1, 5 do
        supplier:emit(i)
      end
      supplier:done()
    end)
    for v in supplier:supply():each { buffer = 4 } do
      seen[#seen + 1] = v
      sleep(1)
    end
    assert.same({ 1, 2, 3, 4, 5 }, seen)
  end))

  it("each is closed with its fiber when the loop was left", world.inside(function()
    cro.await(cro.start(function()
      local next_value = Supply.interval(1):each()
      assert.equal(0, next_value())
    end))
    assert.equal(0, world.timers())
  end))

  it("each is closed with its block when the loop was left", world.inside(function()
    cro.react(function()
      local next_value = Supply.interval(1):each()
      assert.equal(0, next_value())
      whenever(Promise.after(0.5), function() end)
    end)
    assert.equal(0, world.timers())
  end))
end)
