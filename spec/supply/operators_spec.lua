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

local function add(a, b) return a + b end

local function is_even(v) return v % 2 == 0 end

local function is_odd(v) return v % 2 == 1 end

describe("operators on one source", function()
  local rows = {
    { "map changes each value", function() return of(1, 2):map(function(v) return v * 10 end) end, { 10, 20 } },
    { "grep keeps what the test accepts", function() return of(1, 2, 3, 4):grep(is_even) end, { 2, 4 } },
    { "grep with a value keeps what is equal", function() return of("a", "b", "a"):grep "a" end, { "a", "a" } },
    { "filter is grep", function() return of(1, 2):filter(function(v) return v > 1 end) end, { 2 } },
    { "head is one value by default", function() return of(1, 2, 3):head() end, { 1 } },
    { "head takes the first n", function() return of(1, 2, 3):head(2) end, { 1, 2 } },
    { "head of more than there are takes all", function() return of(1, 2):head(5) end, { 1, 2 } },
    { "head of nothing is done at once", function() return of(1, 2):head(0) end, {} },
    { "head of a negative number is done at once", function() return of(1, 2):head(-3) end, {} },
    { "head of infinity is all", function() return of(1, 2):head(math.huge) end, { 1, 2 } },
    { "skip leaves out one by default", function() return of(1, 2, 3):skip() end, { 2, 3 } },
    { "skip leaves out n", function() return of(1, 2, 3):skip(2) end, { 3 } },
    { "skip of more than there are leaves nothing", function() return of(1):skip(5) end, {} },
    { "tail is the last by default", function() return of(1, 2, 3):tail() end, { 3 } },
    { "tail takes the last n in order", function() return of(1, 2, 3, 4, 5):tail(3) end, { 3, 4, 5 } },
    { "tail of more than there are takes all", function() return of(1, 2):tail(5) end, { 1, 2 } },
    { "tail of nothing is nothing", function() return of(1, 2):tail(0) end, {} },
    { "tail of infinity is all", function() return of(1, 2):tail(math.huge) end, { 1, 2 } },
    { "first is the first of all", function() return of(4, 5):first() end, { 4 } },
    { "first takes a test", function() return of(4, 5, 6):first(function(v) return v > 4 end) end, { 5 } },
    { "first with last_value is the last", function() return of(4, 5, 6):first({ last_value = true }) end, { 6 } },
    { "first with a test and last_value", function()
      return of(4, 5, 6):first(is_odd, { last_value = true })
    end, { 5 } },
    { "reduce gives one value at the end", function() return of(1, 2, 3):reduce(add) end, { 6 } },
    { "reduce of one value is that", function() return of(5):reduce(add) end, { 5 } },
    { "produce gives each partial result", function() return of(1, 2, 3):produce(add) end, { 1, 3, 6 } },
    { "batch gives lists and the rest", function() return of(1, 2, 3):batch { elems = 2 } end, { { 1, 2 }, { 3 } } },
    { "batch of nothing gives nothing", function() return of():batch { elems = 2 } end, {} },
    { "flat takes lists apart", function() return of({ 1, 2 }, {}, { 3 }):flat() end, { 1, 2, 3 } },
    { "chained operators apply in order", function()
      return of(1, 2, 3, 4):map(function(v) return v + 1 end):grep(function(v) return v ~= 3 end):tail(2):reduce(add)
    end, { 9 } },
    { "tail flushes through what comes behind", function() return of(1, 2, 3):tail(2):head(1) end, { 2 } },
    { "batch behind head gets the end", function()
      return of(1, 2, 3, 4):head(3):batch { elems = 2 }
    end, { { 1, 2 }, { 3 } } },
  }
  for _, row in ipairs(rows) do
    it(row[1], world.inside(function() assert.same(row[3], all(row[2]())) end))
  end

  it("reduce of nothing gives nil once", world.inside(function()
    assert.same({ n = 1 }, cro.await(of():reduce(add):list()))
  end))

  it("peek sees each value and passes it on", world.inside(function()
    local seen = {}
    assert.same({ 1, 2 }, all(of(1, 2):peek(function(v) seen[#seen + 1] = v end)))
    assert.same({ 1, 2 }, seen)
  end))

  it("head closes its source as soon as it has enough", world.inside(function()
    local closed_at
    local seen = {}
    local tap = Supply.interval(1):on_close(function() closed_at = cro.now() end):head(2)
      :tap { value = function(v) seen[#seen + 1] = v end, done = function() seen[#seen + 1] = "done" end }
    sleep(5)
    assert.same({ 0, 1, "done" }, seen)
    assert.equal(1, closed_at)
    assert.equal(0, world.timers())
    tap:close()
  end))

  it("keeps the state of an operator to one tap", world.inside(function()
    local s = of(1, 2, 3):skip(1):head(1):produce(add)
    assert.same({ 2 }, all(s))
    assert.same({ 2 }, all(s))
  end))

  it("makes an error in a function the quit, and closes the source", world.inside(function()
    for _, name in ipairs { "map", "grep", "peek" } do
      local closed = 0
      local s = of(1, 2):on_close(function() closed = closed + 1 end)
      s = s[name](s, function() error { kind = "own" } end)
      local _, err = cro.pawait(s)
      assert.equal("own", err.kind)
      assert.equal(1, closed)
    end
  end))

  it("makes an error at the end the quit too", world.inside(function()
    local _, err = cro.pawait(of(1, 2):tail(1):map(function() error { kind = "own" } end))
    assert.equal("own", err.kind)
  end))

  it("on_close runs once: at done, at quit, at close", world.inside(function()
    local closed = 0
    local function count() closed = closed + 1 end
    all(of(1):on_close(count))
    assert.equal(1, closed)
    cro.pawait(supply(function() error "x" end):on_close(count))
    assert.equal(2, closed)
    local tap = Supply.interval(1):on_close(count):tap()
    tap:close()
    tap:close()
    assert.equal(3, closed)
  end))

  it("delivers nothing more of a piece once the tap is closed in the middle of it", world.inside(function()
    local many = {
      Supply.from_list({ "a\nb\nc\n" }):lines(),
      Supply.from_list({ "a b c " }):words(),
      of("a", "b", "c"):tail(3),
    }
    for _, source in ipairs(many) do
      local seen, tap = {}, nil
      source:tap {
        tap = function(own) tap = own end,
        value = function(v)
          seen[#seen + 1] = v
          if v == "b" then tap:close() end
        end,
        done = function() seen[#seen + 1] = "done" end,
      }
      assert.same({ "a", "b" }, seen)
    end
  end))

  it("works on live sources, for each tap from when it began", world.inside(function()
    local supplier, seen = Supplier.new(), {}
    local s = supplier:supply():map(function(v) return v * 2 end):grep(function(v) return v > 2 end)
    supplier:emit(5)
    s:tap(function(v) seen[#seen + 1] = v end)
    supplier:emit(1)
    supplier:emit(2)
    assert.same({ 4 }, seen)
  end))

  it("refuses wrong arguments at the caller's line", function()
    assert.matches("operators_spec.lua:%d+: map: argument 1: expected callable, got nothing",
      message_of(function() of(1):map() end))
    assert.matches("head: argument 1: expected number", message_of(function() of(1):head "x" end))
    assert.matches("reduce: argument 1: expected callable", message_of(function() of(1):reduce(1) end))
    assert.matches('batch: unknown option "elem"; did you mean "elems"',
      message_of(function() of(1):batch { elem = 1 } end))
    assert.matches('option "elems": expected 1 or more', message_of(function() of(1):batch { elems = 0 } end))
  end)
end)

describe("batch with time", function()
  local function timed(times)
    return supply(function()
      for i, at in ipairs(times) do
        sleep(at - cro.now())
        emit(i)
      end
    end)
  end

  it("starts a new list when a value comes in a new slot", world.inside(function()
    assert.same({ { 1, 2 }, { 3 } }, all(timed({ 0.1, 0.9, 1.1 }):batch { seconds = 1 }))
  end))

  it("keeps the limit of elems too", world.inside(function()
    assert.same({ { 1, 2 }, { 3 }, { 4 } }, all(timed({ 0.1, 0.2, 0.3, 1.1 }):batch { seconds = 1, elems = 2 }))
  end))

  it("sends a list when its time is over, if asked to, also without elems", world.inside(function()
    local at = {}
    timed({ 0.1, 0.2, 3.5 }):batch({ seconds = 1, emit_timed = true }):tap(function(list)
      at[#at + 1] = #list .. " at " .. cro.now()
    end)
    sleep(10)
    assert.same({ "2 at 1", "1 at 3.5" }, at)
    assert.equal(0, world.timers())
  end))
end)
