local clock = require "cro.clock"
local cro = require "cro"
local report = require "cro.report"
local test = require "cro.test"
local world = require "spec.support.world"

describe("cro.clock", function()
  local time, log, note
  local reports, write

  before_each(function()
    reports, write = {}, report.write
    report.write = function(text) reports[#reports + 1] = text end
  end)

  after_each(function() report.write = write end)

  --- The body of an `it`, on a fiber, while time stands still.
  local function inside(fn)
    return world.inside(function()
      time = test.clock()
      log, note = world.log()
      fn()
      time:restore()
    end)
  end

  local function tick() note(time:now()) end

  it("shows monotonic seconds and the time of day, which pass together", inside(function()
    local now, wall = clock.now(), clock.wall()
    assert.is_true(wall > 1.6e9)
    time:advance(2.5)
    assert.equal(2.5, clock.now() - now)
    assert.equal(2.5, clock.wall() - wall)
  end))

  describe("timer", function()
    it("calls once, not before its time", inside(function()
      clock.timer(1.5, tick)
      time:advance(1.499)
      assert.same({}, log)
      time:advance(10)
      assert.same({ "1.5" }, log)
    end))

    it("counts what has passed as now, and infinity as never", inside(function()
      clock.timer(-math.huge, tick)
      clock.timer(-1, tick)
      clock.timer(0, tick)
      clock.timer(math.huge, tick)
      time:advance(1e6)
      assert.same({ "0", "0", "0" }, log)
      assert.equal(0, world.timers())
    end))

    it("runs on a fiber of its own, which may wait", inside(function()
      clock.timer(1, function()
        cro.sleep(2)
        tick()
      end)
      time:advance(3)
      assert.same({ "3" }, log)
    end))

    it("is not called when it was closed, which is harmless twice", inside(function()
      local timer = clock.timer(1, tick)
      timer:close()
      timer:close()
      time:advance(2)
      assert.same({}, log)
      assert.equal(0, world.timers())
    end))

    it("may close itself when it was called", inside(function()
      local timer
      timer = clock.timer(1, function()
        timer:close()
        tick()
      end)
      time:advance(2)
      assert.same({ "1" }, log)
    end))

    it("has its error reported, with the place", inside(function()
      clock.timer(1, function() error "on purpose" end)
      time:advance(1)
      assert.equal(1, #reports)
      assert.matches("error in a timer: .*clock_spec.lua:%d+: on purpose", reports[1])
    end))
  end)

  it("calls nothing any more once the block that asked for it has ended", inside(function()
    local moving = cro.start(function() time:advance(60) end)
    cro.react(function(block)
      clock.timer(5, tick)
      clock.every(1, tick)
      clock.cue(tick, { at = clock.now() + 4 })
      block.whenever(cro.Promise.after(2.5), block.done)
    end)
    cro.await(moving)
    assert.same({ "1", "2" }, log)
    assert.equal(0, world.timers())
  end))

  describe("every", function()
    it("calls again and again, first after as long", inside(function()
      local timer = clock.every(2, tick)
      time:advance(6.5)
      assert.same({ "2", "4", "6" }, log)
      timer:close()
    end))

    it("takes a delay before the first call, and a number of calls", inside(function()
      clock.every(2, tick, { delay = 0, times = 3 })
      time:advance(60)
      assert.same({ "0", "2", "4" }, log)
      assert.equal(0, world.timers())
    end))

    it("never runs twice at once: what was missed meanwhile is left out", inside(function()
      clock.every(1, function()
        tick()
        cro.sleep(2.5)
      end, { times = 3 })
      time:advance(20)
      assert.same({ "1", "3.5", "6" }, log)
    end))

    it("goes on after an error, which is reported", inside(function()
      clock.every(1, function()
        tick()
        error "on purpose"
      end, { times = 2 })
      time:advance(5)
      assert.same({ "1", "2" }, log)
      assert.equal(2, #reports)
    end))

    it("ends when it is closed, in the middle of a call too", inside(function()
      local timer
      timer = clock.every(1, function()
        timer:close()
        cro.sleep(0.5)
        tick()
      end)
      time:advance(5)
      assert.same({ "1.5" }, log)
    end))
  end)

  describe("cue", function()
    it("calls in the next turn when it is told no time", inside(function()
      clock.cue(tick)
      assert.same({}, log)
      time:settle()
      assert.same({ "0" }, log)
    end))

    it("takes a time of cro.clock.now, or seconds from now", inside(function()
      clock.cue(tick, { at = clock.now() + 3 })
      clock.cue(tick, { after = 2 })
      clock.cue(tick, { at = clock.now() - 5 })
      clock.cue(tick, { at = math.huge })
      clock.cue(tick, { after = -math.huge })
      time:advance(100)
      assert.same({ "0", "0", "2", "3" }, log)
    end))

    it("calls again and again, first at once", inside(function()
      clock.cue(tick, { every = 10, times = 3 })
      clock.cue(tick, { after = 5, every = 10, times = 2 })
      time:advance(100)
      assert.same({ "0", "5", "10", "15", "20" }, log)
    end))

    it("calls so many times one after the other when there is no interval", inside(function()
      clock.cue(tick, { times = 3 })
      time:settle()
      assert.same({ "0", "0", "0" }, log)
    end))

    it("gives an error to catch, with the handle, and goes on", inside(function()
      clock.cue(function() error({ name = "mine" }) end, {
        every = 1,
        catch = function(err, handle)
          tick()
          if time:now() >= 2 then handle:cancel() end
          assert.equal("mine", err.name)
        end,
      })
      time:advance(10)
      assert.same({ "0", "1", "2" }, log)
      assert.same({}, reports)
    end))

    it("reports an error of catch itself", inside(function()
      clock.cue(function() error "first" end, { catch = function() error "second" end })
      time:settle()
      assert.equal(1, #reports)
      assert.matches("error in the catch of a timer: .*second", reports[1])
    end))

    it("is cancelled any number of times, without waiting for a call that runs", inside(function()
      local handle = clock.cue(function()
        cro.sleep(1)
        tick()
      end, { every = 5 })
      time:settle()
      handle:cancel()
      handle:cancel()
      assert.same({}, log)
      time:advance(60)
      assert.same({ "1" }, log)
    end))
  end)

  describe("says what is wrong with", function()
    local cases = {
      { "a time that is none", "cro.clock.timer: argument 1: expected seconds, got NaN",
        function() clock.timer(0 / 0, print) end },
      { "a time that is no number", 'cro.clock.timer: argument 1: expected number, got the string "1"',
        function() clock.timer("1", print) end },
      { "a function that is none", "cro.clock.timer: argument 2: expected callable, got nothing",
        function() clock.timer(1) end },
      { "an interval of nothing", "cro.clock.every: the time between calls must be above 0 s, got 0",
        function() clock.every(0, print) end },
      { "an interval below nothing", "must be above 0 s, got %-1", function() clock.every(-1, print) end },
      { "an unknown option", 'cro.clock.every: unknown option "time"; did you mean "times"',
        function() clock.every(1, print, { time = 1 }) end },
      { "no call at all", 'option "times": expected 1 or more, whole, got the number 0',
        function() clock.cue(print, { times = 0 }) end },
      { "half a call", 'option "times": expected 1 or more', function() clock.cue(print, { times = 1.5 }) end },
      { "two times", "give `at` or `after`, not both", function() clock.cue(print, { at = 1, after = 1 }) end },
      { "a cue at no time", 'option "at": expected seconds of cro.clock.now%(%), got the number %-?nan',
        function() clock.cue(print, { at = 0 / 0 }) end },
      { "a cue each nothing", 'option "every": expected seconds above 0',
        function() clock.cue(print, { every = 0 }) end },
    }
    for _, case in ipairs(cases) do
      it(case[1], inside(function()
        local ok, message = pcall(case[3])
        assert.is_false(ok)
        assert.matches(case[2], message)
        assert.matches("clock_spec.lua:%d+", message)
      end))
    end
  end)
end)
