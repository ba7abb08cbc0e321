--- cro.sleepers: many fibers asleep on one timer.
local cro = require "cro.reactive"
local fiber = require "cro.fiber"
local world = require "spec.support.world"

local sleep, start = cro.sleep, cro.start

describe("sleeping fibers", function()
  it("wake in the order of their times, those of one time in the order they fell asleep", world.inside(function()
    local log, note = world.log()
    for i, seconds in ipairs { 3, 1, 2, 1, 3, 0, 2, 1 } do
      start(function()
        sleep(seconds)
        note(("%d:%d@%g"):format(seconds, i, cro.now()))
      end)
    end
    sleep(4)
    assert.same({ "0:6@0", "1:2@1", "1:4@1", "1:8@1", "2:3@2", "2:7@2", "3:1@3", "3:5@3" }, log)
  end))

  it("share one timer, however many times there are", world.inside(function()
    for i = 1, 100 do
      start(sleep, i % 7 + 1)
    end
    sleep(0)
    assert.equal(1, world.timers())
    sleep(8)
    assert.equal(0, world.timers())
  end))

  it("leave no timer behind when all are cancelled", world.inside(function()
    local jobs = {}
    for i = 1, 300 do
      jobs[i] = start(sleep, 1000 + i)
    end
    sleep(0)
    for _, job in ipairs(jobs) do
      job:cancel()
    end
    sleep(0)
    assert.equal(0, world.timers())
    assert.equal("broken", jobs[300]:status())
  end))

  it("are not delayed by others that gave up, whoever gave up", function()
    for seed = 1, 20 do
      world.run(function()
        math.randomseed(seed)
        local late, woken, kept = 0, 0, 0
        for i = 1, 400 do
          local seconds = math.random(1, 50)
          local job = start(function()
            sleep(seconds)
            woken = woken + 1
            if cro.now() ~= seconds then late = late + 1 end
          end)
          if math.random() < 0.8 then
            start(function()
              if i % 2 == 0 then sleep(math.random() * seconds * 0.9) end
              job:cancel()
            end)
          else
            kept = kept + 1
          end
        end
        sleep(60)
        assert.equal(0, late)
        assert.equal(kept, woken)
        assert.equal(0, world.timers())
      end)
    end
  end)

  it("do not keep what was cancelled: the lists they left are dropped", world.inside(function()
    start(sleep, 1) -- the earliest, so that the others are never on top
    sleep(0)
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 5000 do
      local job = start(sleep, 100 + i)
      sleep(0)
      job:cancel()
    end
    sleep(0)
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 100)
  end))

  it("one that is due sooner than all wakes first", world.inside(function()
    local log, note = world.log()
    start(function()
      sleep(10)
      note "ten"
    end)
    sleep(1)
    start(function()
      sleep(1)
      note "two"
    end)
    sleep(20)
    assert.same({ "two", "ten" }, log)
  end))

  it("wake at the tick they asked for, where the clock's digits have grown scarce", function()
    local now, timer
    fiber.install {
      tick = 0.001,
      now = function() return now end,
      notify = function() end,
      report = error,
      timer = function(seconds, fn)
        timer = { seconds = seconds, fn = fn, close = function() end }
        return timer
      end,
    }
    for ms = 32770000, 32770200 do
      now = ms * 1e6 / 1e9
      fiber.start(sleep, 0.05)
      fiber.turn()
      assert.is_true(math.abs(timer.seconds - 0.05) < 1e-7, ms .. ": " .. timer.seconds)
      now = now + timer.seconds
      fiber.run_now(timer.fn)
      fiber.turn()
    end
  end)

  it("share a list within a tick of the host's clock, and never wake early", function()
    local now, timers = 0, {}
    fiber.install {
      tick = 0.001,
      now = function() return now end,
      notify = function() end,
      report = error,
      timer = function(seconds, fn)
        local timer = { due = now + seconds, fn = fn, close = function(self) self.fn = false end }
        timers[#timers + 1] = timer
        return timer
      end,
    }
    local woken = {}
    for _, seconds in ipairs { 0.0101, 0.0105, 0.0109, 0.0111 } do
      fiber.start(function()
        sleep(seconds)
        woken[#woken + 1] = now - seconds
      end)
    end
    fiber.turn()
    assert.equal(1, #timers)
    for i = 1, 2 do
      now = timers[i].due
      fiber.run_now(timers[i].fn)
      fiber.turn()
      assert.equal(i == 1 and 3 or 4, #woken)
    end
    for _, late in ipairs(woken) do
      assert.is_true(late >= 0 and late < 0.001)
    end
  end)

  it("refuse to sleep for NaN seconds", world.inside(function()
    assert.has_error(function() sleep(0 / 0) end)
  end))

  it("sleep for ever when told so", world.inside(function()
    local job = start(sleep, math.huge)
    sleep(5e4)
    assert.equal("planned", job:status())
    job:cancel()
    sleep(0)
    assert.equal("broken", job:status())
  end))
end)
