--- Micro-benchmarks of the reactive core: `luajit bench/micro/reactive.lua [filter]`.
---
--- Each case makes fresh objects every round, so that what is measured is what a
--- server does and not one hot closure. The figure is the median of the rounds after
--- the first, in nanoseconds per value or operation. Output: one `name ns` per line. Each
--- case runs in a process of its own.
package.path = (arg[0]:match "^(.*)bench/micro/" or "") .. "lua/?.lua;" .. package.path

local fake = require "cro.fake"
local fiber = require "cro.entry"
local S = require "cro.state"
local cro = require "cro.reactive"

local Promise, Supplier, Supply = cro.Promise, cro.Supplier, cro.Supply
local react, supply, whenever, emit, await = cro.react, cro.supply, cro.whenever, cro.emit, cro.await

local ROUNDS = 9
local VALUES = 200000
local OBJECTS = 50000

fake.install()

local function on_fiber(fn)
  local failure
  fiber.start(function()
    local ok, err = xpcall(fn, debug.traceback)
    if not ok then failure = err end
  end)
  fake.run()
  if failure then error(failure, 0) end
end

local sum = 0

local function add(value) sum = sum + value end

local function double(value) return value * 2 end

local function is_large(value) return value > 1 end

local function counting(n)
  return Supply.on_demand(function(emitter)
    for i = 1, n do
      emitter:emit(i)
    end
    emitter:done()
  end)
end

local cases = {}

local function case(name, n, fn) cases[#cases + 1] = { name = name, n = n, fn = fn } end

case("tap", VALUES, function(n) counting(n):tap(add) end)

case("map_grep_tap", VALUES, function(n) counting(n):map(double):grep(is_large):tap(add) end)

case("map_grep_tap_list", VALUES, function(n)
  local list = {}
  for i = 1, n do
    list[i] = i
  end
  local start = os.clock()
  Supply.from_list(list):map(double):grep(is_large):tap(add)
  return os.clock() - start
end)

case("block_tap", VALUES, function(n)
  supply(function()
    for i = 1, n do
      emit(i)
    end
  end):tap(add)
end)

case("body_map_grep_block_react", VALUES, function(n)
  local source = supply(function()
    for i = 1, n do
      emit(i)
    end
  end):map(double):grep(is_large)
  local block = supply(function() whenever(source, emit) end)
  react(function() whenever(block, add) end)
end)

case("supplier_tap", VALUES, function(n)
  local supplier = Supplier.new()
  local tap = supplier:supply():tap(add)
  for i = 1, n do
    supplier:emit(i)
  end
  tap:close()
end)

case("supplier_react_bursts", VALUES, function(n)
  local supplier = Supplier.new()
  cro.start(function()
    for _ = 1, n / 500 do
      for i = 1, 500 do
        supplier:emit(i)
      end
      cro.sleep(0)
    end
    supplier:done()
  end)
  react(function() whenever(supplier, add) end)
end)

--- Stands for C: each event is one resume of an idle coroutine.
local function entered(n, make)
  local push
  local tap = make(Supply.from_source {
    name = "outside",
    open = function(sink)
      push = function(value) sink:value(value) end
      return function() end
    end,
  })
  local value
  local co = coroutine.create(fiber.entry(function() return push, value end, coroutine.yield, error))
  local current = S.current
  for i = 1, n do
    value = i
    coroutine.resume(co)
  end
  S.current = current
  tap:close()
end

case("map_grep_tap_entered", VALUES, function(n)
  entered(n, function(source) return source:map(double):grep(is_large):tap(add) end)
end)

case("promise_then_keep_turn", OBJECTS, function(n)
  for _ = 1, n / 100 do
    for i = 1, 100 do
      local promise = Promise.new()
      promise:and_then(add)
      promise:keep(i)
    end
    cro.sleep(0)
  end
end)

case("await_keep_other_fiber", OBJECTS, function(n)
  local there, back = Promise.new(), Promise.new()
  cro.start(function()
    for _ = 1, n / 2 do
      await(there)
      there = Promise.new()
      local mine = back
      mine:keep(1)
    end
  end)
  for _ = 1, n / 2 do
    local mine = there
    mine:keep(1)
    await(back)
    back = Promise.new()
  end
end)

case("await_kept", VALUES, function(n)
  local promise = Promise.kept(1)
  for _ = 1, n do
    add(await(promise))
  end
end)

case("fiber_start_end", OBJECTS, function(n)
  local function body() sum = sum + 1 end
  for _ = 1, n / 100 do
    for _ = 1, 100 do
      fiber.start(body)
    end
    cro.sleep(0)
  end
end)

case("sleep_wake", OBJECTS, function(n)
  for _ = 1, n / 100 do
    for i = 1, 100 do
      fiber.start(function() cro.sleep(i % 4) end)
    end
    cro.sleep(5)
  end
end)

case("start_await", OBJECTS, function(n)
  for i = 1, n do
    await(cro.start(double, i))
  end
end)

case("start_await_no_argument", OBJECTS, function(n)
  local function one() return 1 end
  for _ = 1, n do
    await(cro.start(one))
  end
end)

case("stop_raised_and_caught", OBJECTS, function(n)
  for _ = 1, n do
    react(cro.done)
  end
end)

case("react_one_whenever", OBJECTS / 5, function(n)
  local list = Supply.from_list { 1 }
  for _ = 1, n do
    react(function() whenever(list, add) end)
  end
end)

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function measure(item)
  local times = {}
  for round = 0, ROUNDS do
    collectgarbage()
    on_fiber(function()
      local start = os.clock()
      local own = item.fn(item.n)
      local took = own or (os.clock() - start)
      if round > 0 then times[#times + 1] = took / item.n * 1e9 end
    end)
  end
  return median(times)
end

-- Each case in a process of its own: the traces that LuaJIT made for one are not what the
-- next one is about.
dofile((arg[0]:match "^(.*/)" or "") .. "apart.lua")(cases, measure, "%s %.1f")
