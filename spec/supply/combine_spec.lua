local cro = require "cro.reactive"
local world = require "spec.support.world"

local supply, emit, sleep = cro.supply, cro.emit, cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

local function all(source)
  local list = cro.await(source:list())
  list.n = nil
  return list
end

local function of(...) return Supply.from_list { n = select("#", ...), ... } end

--- Emits its values at one second's distance, after a delay.
local function slow(delay, ...)
  local values = { ... }
  return supply(function()
    sleep(delay)
    for _, value in ipairs(values) do
      emit(value)
      sleep(1)
    end
  end)
end

describe("merge", function()
  it("emits what comes, and is done when all are", world.inside(function()
    assert.same({ "a", "x", "b", "y" }, all(slow(0, "a", "b"):merge(slow(0.5, "x", "y"))))
  end))

  it("of nothing is done, of one supply is that supply", world.inside(function()
    assert.same({}, all(Supply.merge()))
    local s = of(1)
    assert.equal(s, Supply.merge(s))
  end))

  it("quits when one quits, and closes the others", world.inside(function()
    local closed = false
    local other = Supply.interval(1):on_close(function() closed = true end)
    local _, err = cro.pawait(other:merge(supply(function()
      sleep(1.5)
      error { kind = "own" }
    end)))
    assert.equal("own", err.kind)
    assert.is_true(closed)
    assert.equal(0, world.timers())
  end))

  it("takes suppliers and refuses what is no supply", world.inside(function()
    local supplier, seen = Supplier.new(), {}
    local tap = Supply.merge(supplier, of(1)):tap(function(v) seen[#seen + 1] = v end)
    supplier:emit(2)
    sleep(0)
    assert.same({ 1, 2 }, seen)
    tap:close()
    assert.matches("merge combines supplies only: argument 2 is the number 5",
      message_of(Supply.merge, of(1), 5), 1, true)
  end))
end)

describe("zip", function()
  it("pairs values in step; the shortest decides", world.inside(function()
    assert.same({ { 1, "a", n = 2 }, { 2, "b", n = 2 } }, all(of(1, 2, 3):zip(of("a", "b"))))
  end))

  it("drains what is queued of a source that is done", world.inside(function()
    assert.same({ { 1, "a", n = 2 }, { 2, "b", n = 2 } }, all(of(1, 2):zip(slow(3, "a", "b", "c"))))
  end))

  it("combines with a function, and takes many", world.inside(function()
    local sum = function(a, b, c) return a + b + c end
    assert.same({ 111, 222 }, all(Supply.zip(of(1, 2), of(10, 20), of(100, 200), { with = sum })))
  end))

  it("is done at once when a source is empty, and closes the others", world.inside(function()
    assert.same({}, all(of():zip(Supply.interval(1))))
    assert.equal(0, world.timers())
    assert.same({}, all(Supply.zip()))
  end))

  it("keeps nils in their place", world.inside(function()
    assert.same({ { nil, 1, n = 2 } }, all(of(nil):zip(of(1))))
  end))
end)

describe("zip_latest", function()
  it("emits on each new value once all have one, until all are done", world.inside(function()
    local function join(a, b) return a .. b end
    assert.same({ "ax", "bx", "by" }, all(slow(0, "a", "b"):zip_latest(slow(0.5, "x", "y"), { with = join })))
  end))

  it("may start from given values", world.inside(function()
    local function join(a, b) return a .. b end
    assert.same({ "aZ" }, all(Supply.zip_latest(of("a"), of(), { with = join, initial = { "A", "Z" } })))
  end))
end)

describe("flat", function()
  it("taps supplies and takes lists apart", world.inside(function()
    local seen = all(of({ 1, 2 }, of(3, 4)):flat())
    assert.same({ 1, 2, 3, 4 }, seen)
  end))

  it("keeps the order of each supply and mixes them, or takes one after the other", world.inside(function()
    local mixed = all(of(of(1, 2, 3), of(4, 5, 6)):flat())
    local of_each = { {}, {} }
    for _, value in ipairs(mixed) do
      table.insert(of_each[value <= 3 and 1 or 2], value)
    end
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, of_each)
    assert.same({ 1, 2, 3, 4, 5, 6 }, all(of(of(1, 2, 3), of(4, 5, 6)):flat { concurrent = 1 }))
  end))

  it("quits at a value that is neither", world.inside(function()
    local _, err = cro.pawait(of(5):flat())
    assert.matches("flat: expected a supply", tostring(err), 1, true)
  end))
end)

describe("migrate", function()
  it("follows the newest supply and closes the one before", world.inside(function()
    local closed = 0
    local function inner(name)
      return Supply.interval(1):on_close(function() closed = closed + 1 end):map(function(v) return name .. v end)
    end
    local outer = supply(function()
      emit(inner "a")
      sleep(1.5)
      emit(inner "b")
      sleep(1.2)
      cro.done()
    end)
    local seen = {}
    local tap = outer:migrate():tap(function(v) seen[#seen + 1] = v end)
    sleep(3)
    tap:close()
    assert.same({ "a0", "a1", "b0", "b1" }, seen)
    assert.equal(2, closed)
  end))

  it("hears only the second of two that come at once", world.inside(function()
    local source, one, two, heard = Supplier.new(), Supplier.new(), Supplier.new(), {}
    source:supply():migrate():tap(function(value) heard[#heard + 1] = value end)
    source:emit(one)
    source:emit(two)
    one:emit "one"
    two:emit "too early"
    sleep(0)
    one:emit "one"
    two:emit "two"
    sleep(0)
    assert.same({ "two" }, heard)
    assert.equal(one.count, one.holes)
  end))

  it("quits at a value that is no supply", world.inside(function()
    local _, err = cro.pawait(of(5):migrate())
    assert.matches("migrate: expected a supply", tostring(err), 1, true)
  end))
end)

describe("share", function()
  it("taps once, now, and is live", world.inside(function()
    local taps = 0
    local shared = supply(function()
      taps = taps + 1
      for i = 1, 3 do
        sleep(1)
        emit(i)
      end
    end):share()
    local a, b = {}, {}
    shared:tap(function(v) a[#a + 1] = v end)
    sleep(1.5)
    shared:tap(function(v) b[#b + 1] = v end)
    sleep(5)
    assert.equal(1, taps)
    assert.same({ 1, 2, 3 }, a)
    assert.same({ 2, 3 }, b)
    assert.is_true(shared:live())
  end))

  it("passes a quit on", world.inside(function()
    local caught
    supply(function()
      sleep(1)
      error { kind = "own" }
    end):share():tap { quit = function(err) caught = err.kind end }
    sleep(2)
    assert.equal("own", caught)
  end))
end)
