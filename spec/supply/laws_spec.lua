local cro = require "cro.reactive"
local property = require "spec.support.property"
local world = require "spec.support.world"

local Supply, Supplier = cro.Supply, cro.Supplier

local numbers = property.list(property.integer(0, 6), 12)
local case = property.record { list = numbers, n = property.integer(1, 5) }

local function values_of(source)
  local list = cro.await(source:list())
  list.n = nil
  return list
end

local function of(list) return Supply.from_list(list) end

--- Both sides of a law give the same values for every list.
local function law(left, right)
  return function()
    property.check(case, function(given)
      world.run(function()
        local expected = right(of(given.list), given.n, given.list)
        if Supply.is(expected) then expected = values_of(expected) end
        assert.same(expected, values_of(left(of(given.list), given.n, given.list)))
      end)
    end)
  end
end

local function double(v) return v * 2 end

local function increment(v) return v + 1 end

local function is_even(v) return v % 2 == 0 end

local function add(a, b) return a + b end

local function copy(list) return { unpack(list) } end

local function joined(a, b)
  local list = copy(a)
  for _, value in ipairs(b) do
    list[#list + 1] = value
  end
  return list
end

local function sorted(list)
  list = copy(list)
  table.sort(list)
  return list
end

local laws = {
  { "two maps are one", function(s) return s:map(double):map(increment) end,
    function(s) return s:map(function(v) return increment(double(v)) end) end },
  { "grep before map is map of the grepped", function(s) return s:map(double):grep(function(v) return v > 4 end) end,
    function(s) return s:grep(function(v) return v > 2 end):map(double) end },
  { "lists taken apart are the values", function(s, n) return s:batch(n):flat() end, function(s) return s end },
  { "windows without a gap are lists", function(s, n) return s:rotor(n, { partial = true }) end,
    function(s, n) return s:batch(n) end },
  { "head and skip part the values", function(s, n, list) return of(joined(values_of(s:head(n)), values_of(of(list):skip(n)))) end,
    function(s) return s end },
  { "head but and tail part the values",
    function(s, n, list) return of(joined(values_of(s:head { but = n }), values_of(of(list):tail(n)))) end,
    function(s) return s end },
  { "tail but is skip", function(s, n) return s:tail { but = n } end, function(s, n) return s:skip(n) end },
  { "sort is table.sort", function(s) return s:sort() end, function(_, _, list) return sorted(list) end },
  { "sort by the negative is backwards", function(s) return s:sort(function(v) return -v end) end,
    function(s) return s:sort():reverse() end },
  { "reverse twice is nothing", function(s) return s:reverse():reverse() end, function(s) return s end },
  { "rotate and back is nothing", function(s, n) return s:rotate(n):rotate(-n) end, function(s) return s end },
  { "the last result on the way is the result", function(s) return s:produce(add):tail() end,
    function(s, _, list) return #list > 0 and s:reduce(add) or {} end },
  { "the last count is the number of values", function(s) return s:elems():tail() end,
    function(_, _, list) return #list > 0 and { #list } or {} end },
  { "the last minimum is the first in order", function(s) return s:min():tail() end, function(s) return s:sort():head() end },
  { "the last maximum is the last in order", function(s) return s:max():tail() end, function(s) return s:sort():tail() end },
  { "unique and repeated part the values", function(s, _, list)
    return of(joined(values_of(s:unique()), values_of(of(list):repeated()))):sort()
  end, function(s) return s:sort() end },
  { "unique of sorted is squish", function(s) return s:sort():unique() end, function(s) return s:sort():squish() end },
  { "unique twice is once", function(s) return s:unique():unique() end, function(s) return s:unique() end },
  { "zip with itself is each twice", function(s, _, list) return s:zip(of(list)):flat() end,
    function(s) return s:map(function(v) return { v, v } end):flat() end },
  { "merge of parts has all values", function(s, _, list)
    return s:grep(is_even):merge(of(list):grep(function(v) return not is_even(v) end)):sort()
  end, function(s) return s:sort() end },
  { "groups have all values, in order", function(s)
    return s:classify(is_even):map(function(group) return group.value end):flat():grep(is_even)
  end, function(s) return s:grep(is_even) end },
  { "delay changes nothing but time", function(s) return s:delayed(3) end, function(s) return s end },
  { "throttle changes nothing but time", function(s, n) return s:throttle(n, 1) end, function(s) return s end },
  { "another fiber changes nothing", function(s) return s:schedule_on() end, function(s) return s end },
  { "jobs one at a time are map", function(s)
    return s:throttle(1, double):map(function(job) return job:await() end)
  end, function(s) return s:map(double) end },
  { "head of one is first", function(s) return s:head() end, function(s) return s:first() end },
}

describe("a law of operators holds for all values:", function()
  for _, row in ipairs(laws) do
    it(row[1], law(row[2], row[3]))
  end

  it("merge keeps the order of each source", function()
    local step = property.record { source = property.integer(1, 3), wait = property.integer(0, 1) }
    property.check(property.list(step, 20), function(steps)
      world.run(function()
        local suppliers, counts, seen = {}, { 0, 0, 0 }, { 0, 0, 0 }
        for i = 1, 3 do
          suppliers[i] = Supplier.new()
        end
        local tap = Supply.merge(unpack(suppliers)):tap(function(v)
          assert(v.n == seen[v.source] + 1, "out of order")
          seen[v.source] = v.n
        end)
        for _, what in ipairs(steps) do
          counts[what.source] = counts[what.source] + 1
          suppliers[what.source]:emit { source = what.source, n = counts[what.source] }
          if what.wait == 1 then cro.sleep(1) end
        end
        cro.sleep(1)
        assert.same(counts, seen)
        tap:close()
      end)
    end)
  end)
end)

local operators = {
  function(s) return s:map(increment) end,
  function(s) return s:grep(is_even) end,
  function(s) return s:head(3) end,
  function(s) return s:head { but = 1 } end,
  function(s) return s:skip(1) end,
  function(s) return s:tail(2) end,
  function(s) return s:produce(add) end,
  function(s) return s:reduce(add) end,
  function(s) return s:batch(2):flat() end,
  function(s) return s:batch({ seconds = 1, emit_timed = true }):flat() end,
  function(s) return s:rotor({ 2, -1 }):flat() end,
  function(s) return s:sort() end,
  function(s) return s:unique { expires = 2 } end,
  function(s) return s:squish() end,
  function(s) return s:elems(1) end,
  function(s) return s:delayed(0.5) end,
  function(s) return s:stable(0.7) end,
  function(s) return s:throttle(1, 0.4) end,
  function(s)
    return s:throttle(2, function(v)
      cro.sleep(0.3)
      return v
    end):map(function(job) return job:await() end)
  end,
  function(s) return s:merge(Supply.interval(0.7)):map(function(v) return v or 0 end) end,
  function(s) return s:zip(Supply.interval(0.2), { with = function(v) return v end }) end,
  function(s) return s:zip_latest(Supply.interval(0.3), { with = function(v) return v or 0 end }) end,
  function(s) return s:map(function(v) return Supply.from_list { v, v } end):migrate() end,
  function(s) return s:start(increment):flat() end,
  function(s) return s:classify(is_even):flat() end,
  function(s) return s:schedule_on() end,
  function(s) return s:sanitize() end,
}

local program = property.record {
  chain = property.list(property.integer(1, #operators), 4),
  steps = property.list(property.one_of { "emit", "wait", "emit", "late", "done", "quit", "close" }, 14),
  live = property.one_of { true, false },
}

--- A source that is told what to do, closed `closings` times.
local function driven(live)
  local self = { closings = 0 }
  local source
  if live then
    self.target = Supplier.new()
    source = self.target:supply()
  else
    source = Supply.on_demand(function(emitter) self.target = emitter end)
  end
  self.supply = source:on_close(function() self.closings = self.closings + 1 end)
  return self
end

local function drive(self, steps, tap, state)
  for i, what in ipairs(steps) do
    local target = self.target
    if what == "emit" then pcall(target.emit, target, i % 5) end
    if what == "wait" then cro.sleep(0.25) end
    if what == "late" then cro.sleep(1.1) end
    if what == "done" then target:done() end
    if what == "quit" then target:quit { kind = "driven" } end
    if what == "close" then
      tap:close()
      state.over = true
    end
  end
end

describe("any chain of operators, whatever its source does,", function()
  it("gives values and then one end, closes its source once, and leaves nothing behind", function()
    property.check(program, function(given)
      world.run(function()
        local state, source = { over = false, wrong = false }, driven(given.live)
        local s = source.supply
        for _, i in ipairs(given.chain) do
          s = operators[i](s)
        end
        local function note_value() state.wrong = state.wrong or state.over end
        local function note_end()
          state.wrong = state.wrong or state.over
          state.over = true
        end
        local tap = s:tap { value = note_value, done = note_end, quit = note_end }
        drive(source, given.steps, tap, state)
        cro.sleep(1)
        tap:close()
        state.over = true
        cro.sleep(0.001)
        assert(world.timers() == 0, "a timer was left")
        cro.sleep(5)
        assert(not state.wrong, "an event after the end")
        assert(source.closings == 1, "closed " .. source.closings .. " times")
        assert(#world.reports == 0, world.reports[1])
      end)
    end, 400)
  end)
end)
