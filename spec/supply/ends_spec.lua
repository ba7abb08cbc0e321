local cro = require "cro.reactive"
local world = require "spec.support.world"

local sleep = cro.sleep
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

local function of(...) return Supply.from_list { n = select("#", ...), ... } end

local function list_of(source) return cro.await(source:list()) end

describe("the end of a tap", function()
  it("is the first one: a failure delayed behind the last value wanted is nobody's", world.inside(function()
    local supplier, log = Supplier.new(), {}
    supplier:supply():delayed(2):head(1):tap {
      value = function(v) log[#log + 1] = v end,
      done = function() log[#log + 1] = "done" end,
      quit = function() log[#log + 1] = "quit" end,
    }
    supplier:emit "first"
    supplier:quit "too late to matter"
    sleep(10)
    assert.same({ "first", "done" }, log)
    assert.same({}, world.reports)
  end))

  it("waits for the promise that on_close or closing returns", world.inside(function()
    local log = {}
    local function note(text) log[#log + 1] = ("%s at %g"):format(text, cro.now()) end
    local function slowly(text)
      return function()
        return Promise.after(2):and_then(function() note(text) end)
      end
    end
    Supply.on_demand(function(emitter) emitter:done() end, { closing = slowly "closing" })
      :on_close(slowly "on_close"):tap { done = function() note "done" end }
    sleep(10)
    assert.same({ "closing at 2", "on_close at 4", "done at 4" }, log)
  end))

  it("is reported when what on_close returns breaks, and comes all the same", world.inside(function()
    local done = false
    of(1):on_close(function() return Promise.broken "no such luck" end):tap { done = function() done = true end }
    sleep(1)
    assert.is_true(done)
    assert.matches("error in a close callback: no such luck", world.reports[1])
  end))

  it("is the same however often it is closed, from inside too", world.inside(function()
    local closings, tap = 0, nil
    local source = Supplier.new()
    tap = source:supply():on_close(function() closings = closings + 1 end):stable(1):tap(function() tap:close() end)
    source:emit(1)
    sleep(5)
    tap:close()
    tap:close()
    assert.equal(1, closings)
    assert.equal(0, world.timers())
  end))

  it("comes once when an operator's function fails in the middle of a flush", world.inside(function()
    local ends, seen = {}, {}
    of(3, 1, 2):sort():map(function(v)
      if v == 2 then error({ kind = "own" }, 0) end
      return v
    end):tap {
      value = function(v) seen[#seen + 1] = v end,
      done = function() ends[#ends + 1] = "done" end,
      quit = function(err) ends[#ends + 1] = err.kind end,
    }
    sleep(0)
    assert.same({ 1 }, seen)
    assert.same({ "own" }, ends)
  end))

  it("comes once when the tap's own function fails while an operator holds values", world.inside(function()
    local rows = {
      function(s) return s:delayed(1) end,
      function(s) return s:throttle(1, 1) end,
      function(s) return s:stable(1) end,
      function(s) return s:batch { seconds = 1, emit_timed = true } end,
      function(s) return s:zip(Supply.interval(1)) end,
      function(s) return s:schedule_on() end,
    }
    for _, op in ipairs(rows) do
      local closings, errors = 0, {}
      op(of(1, 2, 3):on_close(function() closings = closings + 1 end)):tap {
        value = function() error({ kind = "own" }, 0) end,
        quit = function(err) errors[#errors + 1] = err.kind end,
      }
      sleep(10)
      assert.same({ "own" }, errors)
      assert.equal(1, closings)
      assert.equal(0, world.timers())
    end
  end))
end)

describe("values that are nil", function()
  it("keep their place in lists", world.inside(function()
    assert.same({ n = 2, { 1, nil, n = 2 }, { 3 } }, list_of(of(1, nil, 3):batch(2)))
    assert.same({ n = 2, { nil, nil, n = 2 }, { nil, 3, n = 2 } }, list_of(of(nil, nil, 3):rotor { 2, -1 }))
    assert.same({ n = 4, 1, nil, 3, nil }, list_of(of(1, nil, 3, nil):batch(3):flat()))
    assert.same({ n = 3, nil, 2, 1 }, list_of(of(1, 2, nil):reverse()))
  end))

  it("are values like any other", world.inside(function()
    assert.same({ n = 2, nil, 1 }, list_of(of(nil, nil, 1, nil):unique()))
    assert.same({ n = 3, nil, 1, nil }, list_of(of(nil, nil, 1, nil):squish()))
    assert.same({ n = 2, nil, nil }, list_of(of(1, nil, 2, nil):grep { type = "nil" }))
    assert.same({ n = 2, nil, 2 }, list_of(of(1, nil, 2):tail(2)))
    assert.same({ n = 1, 1 }, list_of(of(nil, 1, nil):min()))
    assert.same({ n = 1, [1] = nil }, list_of(of(1, nil):delayed(1):tail()))
  end))

  it("and NaN can be told from others", world.inside(function()
    local nan = 0 / 0
    assert.equal(2, list_of(of(nan, nan, 1):unique()).n)
    assert.equal(2, list_of(of(nan, nan, 1):squish()).n)
  end))
end)

describe("grep", function()
  local Animal = {}
  Animal.__index = Animal
  local Dog = setmetatable({}, { __index = Animal })
  Dog.__index = Dog

  it("takes a class for its objects, those of its heirs included", world.inside(function()
    local animal, dog = setmetatable({}, Animal), setmetatable({}, Dog)
    assert.equal(2, list_of(of(animal, dog, 5, "x"):grep(Animal)).n)
    assert.same({ n = 1, dog }, list_of(of(animal, dog, {}):grep(Dog)))
  end))

  it("takes what can be called like a function", world.inside(function()
    local callable = setmetatable({}, { __call = function(_, v) return v > 1 end })
    assert.same({ n = 1, 2 }, list_of(of(1, 2):grep(callable)))
  end))

  it("takes an object for itself", world.inside(function()
    local object = setmetatable({}, {})
    assert.same({ n = 1, object }, list_of(of({}, object):grep(object)))
  end))

  it("takes type and pattern together", world.inside(function()
    assert.same({ n = 1, "a1" }, list_of(of("a1", 51, "b"):grep { type = "string", pattern = "1" }))
  end))
end)

describe("what a supply turns into", function()
  it("wait is its last value", world.inside(function() assert.equal(2, of(1, 2):wait()) end))

  it("act is a tap", world.inside(function()
    local seen = {}
    of(1, 2):act(function(v) seen[#seen + 1] = v end)
    assert.same({ 1, 2 }, seen)
  end))

  it("operators take whatever has a supply", world.inside(function()
    local supplier = Supplier.new()
    local seen = {}
    local tap = Supply.map(supplier, function(v) return v * 2 end):tap(function(v) seen[#seen + 1] = v end)
    supplier:emit(4)
    tap:close()
    assert.same({ 8 }, seen)
    assert.same({ n = 2, 1, 5 }, list_of(Supply.merge(of(1), Promise.kept(5))))
  end))

  it("sources may be given as a list", world.inside(function()
    assert.same({ n = 2, 1, 2 }, list_of(Supply.merge { of(1), of(2) }))
    assert.same({ n = 0 }, list_of(Supply.merge {}))
    assert.same({ n = 1, { 1, 2, n = 2 } }, list_of(Supply.zip { of(1), of(2) }))
    assert.same({ n = 1, 3 }, list_of(Supply.zip({ of(1), of(2) }, { with = function(a, b) return a + b end })))
  end))

  it("Supply.new says how one is made", function()
    local ok, err = pcall(function() Supply.new() end)
    assert.is_false(ok)
    assert.matches("ends_spec.lua:%d+: a supply is not made by itself: use Supplier.new", err)
  end)
end)
