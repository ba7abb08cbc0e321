local cro = require "cro.reactive"
local world = require "spec.support.world"
local Semaphore = require "cro.semaphore"

local Promise, sleep = cro.Promise, cro.sleep

local function failure_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

describe("cro.semaphore", function()
  it("lets so many go on and the others wait, in the order they came", world.inside(function()
    local sem, log, note = Semaphore.new(2), world.log()
    local jobs = {}
    for i = 1, 5 do
      jobs[i] = cro.start(function()
        cro.await(sem:acquire())
        note(i .. " at " .. cro.now())
        sleep(1)
        sem:release()
      end)
    end
    cro.await(jobs)
    assert.same({ "1 at 0", "2 at 0", "3 at 1", "4 at 1", "5 at 2" }, log)
    assert.equal(2, sem:available())
    assert.equal("Semaphore (2 free)", tostring(sem))
  end))

  it("tries without waiting", function()
    local sem = Semaphore.new(1)
    assert.is_true(sem:try_acquire())
    assert.is_false(sem:try_acquire())
    sem:release()
    assert.equal(1, sem:available())
  end)

  it("lets nobody by who comes after one that waits", world.inside(function()
    local sem = Semaphore.new(1)
    sem:try_acquire()
    local p = sem:acquire()
    sem:release()
    assert.is_false(sem:try_acquire())
    assert.is_true(cro.await(p))
  end))

  it("can be released by who acquired nothing, as a signal", world.inside(function()
    local sem = Semaphore.new(0)
    cro.start(function()
      sleep(1)
      sem:release()
    end)
    cro.await(sem:acquire())
    assert.equal(1, cro.now())
  end))

  it("refuses a release beyond max", function()
    local sem = Semaphore.new(1, { max = 1 })
    assert.matches("release: all 1 permits are there already; each release needs an acquire before it",
      failure_of(sem.release, sem), 1, true)
    assert.equal(1, sem:available())
    assert.matches("2 permits are more than max, which is 1", failure_of(Semaphore.new, 2, { max = 1 }), 1, true)
  end)

  it("refuses what is no number of permits", function()
    for _, given in ipairs { -1, 0.5, 0 / 0, math.huge, "1" } do
      assert.matches("expected a number of permits, 0 or more, got ", failure_of(Semaphore.new, given), 1, true)
    end
    assert.matches("got nothing", failure_of(Semaphore.new), 1, true)
    assert.matches("with: argument 1: expected callable, got nothing",
      failure_of(Semaphore.new(1).with, Semaphore.new(1)), 1, true)
  end)

  describe("with", function()
    it("passes arguments and results and gives the permit back", world.inside(function()
      local sem = Semaphore.new(1)
      local a, b, c = sem:with(function(x, y)
        assert.equal(0, sem:available())
        return y, nil, x
      end, 1, 2)
      assert.same({ 2, 1 }, { a, c })
      assert.is_nil(b)
      assert.equal(1, sem:available())
    end))

    it("gives it back when the function raises, with the traceback of that", world.inside(function()
      local sem = Semaphore.new(1)
      local err = failure_of(sem.with, sem, function() error "inside" end)
      assert.matches("semaphore_spec.lua:%d+: inside", err.message)
      assert.matches("semaphore_spec.lua", err.traceback, 1, true)
      assert.equal(1, sem:available())
    end))

    it("gives it back when the fiber is cancelled or its block ends", world.inside(function()
      local sem = Semaphore.new(1)
      local job = cro.start(function() sem:with(sleep, 10) end)
      sleep(1)
      job:cancel()
      sleep(0)
      assert.equal(1, sem:available())
      local other = cro.start(function()
        cro.react(function()
          cro.whenever(Promise.after(1), function() sem:with(sleep, 10) end)
        end)
      end)
      sleep(2)
      assert.equal(0, sem:available())
      other:cancel()
      sleep(0)
      assert.equal(1, sem:available())
    end))
  end)

  describe("cancelling", function()
    local function queued(sem, n)
      local jobs = {}
      for i = 1, n do
        jobs[i] = cro.start(function()
          cro.await(sem:acquire())
          return i
        end)
      end
      sleep(0)
      return jobs
    end

    it("a fiber that waits gives up its place", world.inside(function()
      local sem = Semaphore.new(0)
      local jobs = queued(sem, 2)
      jobs[1]:cancel()
      sem:release()
      assert.equal(2, cro.await(jobs[2]))
      assert.is_false(sem.queue.first)
    end))

    it("a fiber that was just given its permit passes it on", world.inside(function()
      local sem = Semaphore.new(0)
      local jobs = queued(sem, 2)
      sem:release()
      jobs[1]:cancel()
      assert.equal(2, cro.await(jobs[2]))
      assert.equal(0, sem:available())
    end))

    it("does so for with as well", world.inside(function()
      for _, before in ipairs { true, false } do
        local sem = Semaphore.new(0)
        local first = cro.start(function() sem:with(error, "not reached") end)
        local second = cro.start(function() return sem:with(function() return "second" end) end)
        sleep(0)
        if before then first:cancel() end
        sem:release()
        if not before then first:cancel() end
        assert.equal("second", cro.await(second))
        assert.equal("cancelled", first:cause().kind)
        assert.equal(1, sem:available())
      end
    end))

    it("does so for a permit among a list", world.inside(function()
      for _, before in ipairs { true, false } do
        local sem = Semaphore.new(0)
        local job = cro.start(function() cro.await { Promise.new(), sem:acquire() } end)
        sleep(0)
        if before then job:cancel() end
        sem:release()
        sleep(0)
        if not before then job:cancel() end
        sleep(0)
        assert.equal(1, sem:available())
      end
    end))

    it("a permit that was there at once goes back when the await is refused", world.inside(function()
      local sem = Semaphore.new(1)
      local job
      job = cro.start(function()
        job:cancel()
        cro.await(sem:acquire())
      end)
      cro.pawait(job)
      assert.equal(1, sem:available())
    end))

    it("the promise itself gives up its place", world.inside(function()
      local sem = Semaphore.new(0)
      local p, q = sem:acquire(), sem:acquire()
      p:cancel()
      sem:release()
      assert.equal("kept", q:status())
    end))

    it("a thousand that wait leaves no trace", world.inside(function()
      local sem = Semaphore.new(0)
      local jobs = queued(sem, 1000)
      for i = 1000, 1, -1 do
        jobs[i]:cancel()
      end
      sleep(0)
      assert.is_false(sem.queue.first)
      sem:release()
      assert.equal(1, sem:available())
    end))
  end)

  it("keeps a permit that a fiber was given when its promise is awaited again", world.inside(function()
    local sem = Semaphore.new(1)
    local job
    job = cro.start(function()
      local p = sem:acquire()
      cro.await(p)
      job:cancel()
      pcall(cro.await, p)
      assert.equal(0, sem:available())
      sem:release()
    end)
    cro.pawait(job)
    assert.equal(1, sem:available())
  end))
end)
