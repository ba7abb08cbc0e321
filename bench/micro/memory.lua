--- What waiting things weigh: `luajit bench/micro/memory.lua [filter]`.
---
--- Each case makes so many of one thing that stays, and looks at the heap before and
--- after, collected. Output: one `name bytes` per line, bytes of Lua heap for each.
--- Sleeping fibers have a timer of C as well; `bench/sleepers` has those.
package.path = (arg[0]:match "^(.*)bench/micro/" or "") .. "lua/?.lua;" .. package.path

local fake = require "cro.fake"
local cro = require "cro.reactive"

local Promise, Supplier = cro.Promise, cro.Supplier
local react, supply, whenever, await = cro.react, cro.supply, cro.whenever, cro.await

local COUNT = 10000

fake.install()

local cases = {}

--- `make(i)` returns what is to be kept, or starts a fiber that keeps itself.
local function case(name, make) cases[#cases + 1] = { name = name, make = make } end

local function ignore() end

local never = Supplier.new()

case("coroutine_bare_parked", function()
  local co = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(co)
  return co
end)

case("promise_pending", function() return Promise.new() end)

case("promise_kept", function() return Promise.kept(1) end)

case("promise_chained", function()
  local promise = Promise.new()
  promise:and_then(ignore)
  return promise
end)

case("supplier", function() return Supplier.new() end)

case("tap", function() return never:supply():tap(ignore) end)

case("tap_of_one_operator", function() return never:supply():map(ignore):tap(ignore) end)

case("supply_block_one_whenever_tapped", function()
  return supply(function() whenever(never, ignore) end):tap(ignore)
end)

case("start_parked_in_await", function()
  local promise = Promise.new()
  cro.start(function() await(promise) end)
  return promise
end)

case("start_sleeping", function()
  cro.start(function() cro.sleep(1000) end)
end)

case("start_react_one_whenever_parked", function()
  cro.start(function()
    react(function() whenever(never, ignore) end)
  end)
end)

case("start_react_two_whenevers_parked", function()
  cro.start(function()
    react(function()
      whenever(never, ignore)
      whenever(never, ignore)
    end)
  end)
end)

local function heap()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

local function measure(item)
  local kept = {}
  for i = 1, COUNT do
    kept[i] = false
  end
  local before = heap()
  for i = 1, COUNT do
    kept[i] = item.make(i)
  end
  fake.settle()
  local bytes = (heap() - before) / COUNT
  return bytes, kept
end

dofile((arg[0]:match "^(.*/)" or "") .. "apart.lua")(cases, measure, "%s %.0f")
