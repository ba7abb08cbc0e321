--- Micro-benchmarks of channels, locks and semaphores: `luajit bench/micro/channel.lua [filter]`.
---
--- The figure is the median of the rounds after the first, in nanoseconds per value or
--- operation. Each case runs in a process of its own. Output: one `name ns` per line.
package.path = (arg[0]:match "^(.*)bench/micro/" or "") .. "lua/?.lua;" .. package.path

local fake = require "cro.fake"
local fiber = require "cro.fiber"
local cro = require "cro.reactive"
local Channel = require "cro.channel"
local Lock = require "cro.lock"
local Semaphore = require "cro.semaphore"

local ROUNDS = 9
local VALUES = 200000
local HAND_OVERS = 50000

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

local cases = {}

local function case(name, n, fn) cases[#cases + 1] = { name = name, n = n, fn = fn } end

case("send_receive", VALUES, function(n)
  local ch = Channel.new()
  for i = 1, n do
    ch:send(i)
    add(ch:receive())
  end
end)

case("send_receive_bursts", VALUES, function(n)
  local ch = Channel.new()
  for _ = 1, n / 500 do
    for i = 1, 500 do
      ch:send(i)
    end
    for _ = 1, 500 do
      add(ch:receive())
    end
  end
end)

case("offer_poll", VALUES, function(n)
  local ch = Channel.new()
  for i = 1, n do
    ch:offer(i)
    add((ch:poll()))
  end
end)

--- One value at a time from one fiber to another, which waits for each.
case("hand_over", HAND_OVERS, function(n)
  local ch = Channel.new { capacity = 0 }
  cro.start(function()
    for i = 1, n do
      ch:send(i)
    end
  end)
  for _ = 1, n do
    add(ch:receive())
  end
end)

--- The same through a full channel: producer and consumer alternate in bursts.
case("producer_consumer", VALUES, function(n)
  local ch = Channel.new { capacity = 64 }
  cro.start(function()
    for i = 1, n do
      ch:send(i)
    end
    ch:close()
  end)
  for value in ch:each() do
    add(value)
  end
end)

case("whenever", VALUES, function(n)
  local ch = Channel.new { capacity = 64 }
  cro.start(function()
    for i = 1, n do
      ch:send(i)
    end
    ch:close()
  end)
  cro.react(function() cro.whenever(ch, add) end)
end)

case("lock_unlock", VALUES, function(n)
  local lock = Lock.new()
  for _ = 1, n do
    cro.await(lock:lock())
    lock:unlock()
  end
end)

case("protect", VALUES, function(n)
  local lock = Lock.new()
  for i = 1, n do
    lock:protect(add, i)
  end
end)

--- Two fibers that always find the lock held by the other.
case("protect_contended", HAND_OVERS, function(n)
  local lock = Lock.new()
  local function pass(i)
    cro.sleep(0)
    add(i)
  end
  local function half()
    for i = 1, n / 2 do
      lock:protect(pass, i)
    end
  end
  cro.await { cro.start(half), cro.start(half) }
end)

--- What the line above pays for its sleeps.
case("sleep_alone", HAND_OVERS, function(n)
  for i = 1, n do
    cro.sleep(0)
    add(i)
  end
end)

case("lock_hand_over", HAND_OVERS, function(n)
  local lock, turns = Lock.new(), n / 2
  local function half()
    for _ = 1, turns do
      cro.await(lock:lock())
      local following = lock:lock()
      lock:unlock()
      cro.await(following)
      lock:unlock()
    end
  end
  cro.await { cro.start(half), cro.start(half) }
end)

case("semaphore_with", VALUES, function(n)
  local semaphore = Semaphore.new(2)
  for i = 1, n do
    semaphore:with(add, i)
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
      item.fn(item.n)
      if round > 0 then times[#times + 1] = (os.clock() - start) / item.n * 1e9 end
    end)
  end
  return median(times)
end

dofile((arg[0]:match "^(.*/)" or "") .. "apart.lua")(cases, measure, "%s %.1f")
