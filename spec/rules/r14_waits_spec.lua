--- Every kind of wait, cancelled in the middle: it raises, leaves nothing behind, and what
--- it waited for works on for others.
local Channel = require "cro.channel"
local Lock = require "cro.lock"
local Semaphore = require "cro.semaphore"
local cro = require "cro.reactive"
local world = require "spec.support.world"

local await, sleep, react, whenever = cro.await, cro.sleep, cro.react, cro.whenever
local Promise, Supply, Supplier = cro.Promise, cro.Supply, cro.Supplier

local function ignore() end

--- Each makes something to wait for: a function that waits, and one that checks that all
--- is as it was before.
local waits = {
  ["await of a promise"] = function()
    local promise = Promise.new()
    return function() await(promise) end, function()
      assert.is_false(promise:is_awaited())
      promise:keep(1)
    end
  end,
  ["await of time"] = function()
    return function() await(Promise.after(100)) end
  end,
  ["await of a list"] = function()
    local first, second = Promise.new(), Promise.new()
    return function() await { first, second, Promise.after(100) } end, function()
      assert.is_false(first:is_awaited())
      assert.is_false(second:is_awaited())
    end
  end,
  ["await of any_of"] = function()
    local promise = Promise.new()
    return function() await(Promise.any_of { promise, Promise.after(100) }) end
  end,
  ["await with a time limit"] = function()
    return function() await(Promise.new():timeout(100)) end
  end,
  ["await of a supply"] = function()
    return function() await(Supply.interval(1)) end
  end,
  ["await of a job"] = function()
    return function() await(cro.start(sleep, 100)) end
  end,
  ["sleep"] = function()
    return function() sleep(100) end
  end,
  ["a value of a channel"] = function()
    local channel = Channel.new()
    return function() await(channel) end, function()
      channel:send "next"
      assert.equal("next", channel:poll())
    end
  end,
  ["receive of a channel"] = function()
    local channel = Channel.new()
    return function() channel:receive() end, function()
      channel:send "next"
      assert.equal("next", channel:poll())
    end
  end,
  ["a full channel"] = function()
    local channel = Channel.new { capacity = 1 }
    channel:send(1)
    return function() channel:send(2) end, function()
      assert.equal(1, channel:poll())
      assert.is_nil(channel:poll())
    end
  end,
  ["the values of a channel"] = function()
    local channel = Channel.new()
    return function()
      for _ in channel:each() do
      end
    end, function()
      channel:send "next"
      assert.equal("next", channel:poll())
    end
  end,
  ["a lock"] = function()
    local lock = Lock.new()
    await(lock:lock())
    return function() await(lock:lock()) end, function()
      lock:unlock()
      assert.is_false(lock:is_held())
    end
  end,
  ["protect of a lock"] = function()
    local lock = Lock.new()
    await(lock:lock())
    return function() lock:protect(ignore) end, function()
      lock:unlock()
      assert.is_false(lock:is_held())
    end
  end,
  ["a lock that was taken, in its protect"] = function()
    local lock = Lock.new()
    return function() lock:protect(sleep, 100) end, function() assert.is_false(lock:is_held()) end
  end,
  ["a semaphore"] = function()
    local semaphore = Semaphore.new(1)
    await(semaphore:acquire())
    return function() await(semaphore:acquire()) end, function()
      semaphore:release()
      assert.equal(1, semaphore:available())
    end
  end,
  ["each()"] = function()
    local closed = 0
    local source = Supply.interval(1):on_close(function() closed = closed + 1 end)
    return function()
      for _ in source:each() do
      end
    end, function() assert.equal(1, closed) end
  end,
  ["each() of a live source"] = function()
    local supplier, closed = Supplier.new(), 0
    return function()
      for _ in supplier:supply():on_close(function() closed = closed + 1 end):each() do
      end
    end, function() assert.equal(1, closed) end
  end,
  ["emit to a busy block"] = function()
    local emitter, seen = nil, 0
    Supply.on_demand(function(own) emitter = own end):tap(function()
      seen = seen + 1
      sleep(3)
    end)
    cro.start(function() emitter:emit(1) end)
    sleep(0)
    return function() emitter:emit(2) end, function()
      sleep(4)
      assert.equal(1, seen)
      emitter:done()
    end
  end,
  ["emit to a full supplier that waits"] = function()
    local supplier = Supplier.new { buffer = 1, policy = "wait" }
    local tap = supplier:supply():tap { value = function() sleep(3) end, buffer = 1 }
    cro.start(function()
      supplier:emit(1)
      supplier:emit(2)
    end)
    sleep(0)
    return function() supplier:emit(3) end, function()
      sleep(10)
      tap:close()
    end
  end,
  ["react"] = function()
    local closed = 0
    return function()
      react(function()
        cro.closing(function() closed = closed + 1 end)
        whenever(Supply.interval(1), function() sleep(0.5) end)
      end)
    end, function() assert.equal(1, closed) end
  end,
  ["react in a react, with supply blocks"] = function()
    local source = cro.supply(function() whenever(Supply.interval(0.1), cro.emit) end)
    return function()
      react(function()
        whenever(source, function()
          react(function() whenever(source, ignore) end)
        end)
      end)
    end
  end,
}

describe("R14: a wait that is cancelled", function()
  for name, make in pairs(waits) do
    it("leaves nothing behind: " .. name, world.inside(function()
      local wait, check = make()
      local reached, raised
      local job = cro.start(function()
        local ok, err = pcall(wait)
        reached, raised = ok, err
        error(err, 0)
      end)
      sleep(1.25)
      assert.equal("planned", job:status(), "it did not wait")
      job:cancel "enough"
      local _, err = cro.pawait(job)
      assert.equal("cancelled", err.kind)
      assert.is_false(reached)
      assert.equal("cancelled", raised.kind)
      if check then check() end
      assert.equal(0, world.timers())
      assert.same({}, world.reports)
    end))
  end
end)
