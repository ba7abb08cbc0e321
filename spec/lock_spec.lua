local cro = require "cro.reactive"
local world = require "spec.support.world"
local Lock = require "cro.lock"

local sleep = cro.sleep

local function failure_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

describe("cro.lock", function()
  it("is held by one at a time, across waits, in the order they came", world.inside(function()
    local lock, log, note = Lock.new(), world.log()
    local jobs = {}
    for i = 1, 3 do
      jobs[i] = cro.start(function()
        cro.await(lock:lock())
        note("in " .. i)
        sleep(1)
        note("out " .. i)
        lock:unlock()
      end)
    end
    cro.await(jobs)
    assert.same({ "in 1", "out 1", "in 2", "out 2", "in 3", "out 3" }, log)
    assert.is_false(lock:is_held())
  end))

  it("is kept at once when nobody holds it, and shows whether somebody does", function()
    local lock = Lock.new()
    assert.equal("Lock (free)", tostring(lock))
    assert.equal("kept", lock:lock():status())
    assert.equal("Lock (held)", tostring(lock))
    assert.is_false(lock:try_lock())
    lock:unlock()
    assert.is_true(lock:try_lock())
  end)

  it("can be unlocked by another fiber than the one that has it", world.inside(function()
    local lock = Lock.new()
    cro.await(lock:lock())
    cro.start(function()
      sleep(1)
      lock:unlock()
    end)
    cro.await(lock:lock())
    assert.equal(1, cro.now())
  end))

  it("refuses to be unlocked when it is not held", function()
    local lock = Lock.new()
    assert.matches("unlock: the lock is not held; each unlock needs a lock() that was kept, or use protect(fn)",
      failure_of(lock.unlock, lock), 1, true)
    assert.is_true(lock:try_lock())
  end)

  it("refuses to be unlocked beneath protect", world.inside(function()
    local lock = Lock.new()
    lock:protect(function()
      assert.matches("unlock: protect holds the lock and unlocks it when its function has ended",
        failure_of(lock.unlock, lock), 1, true)
    end)
    assert.is_false(lock:is_held())
  end))

  describe("protect", function()
    it("returns what the function returns", world.inside(function()
      assert.same({ 3, 1 }, { Lock.new():protect(function(a, b) return a + b, a end, 1, 2) })
    end))

    it("gives the lock up when the function raises, is cancelled, or its block ends", world.inside(function()
      local lock = Lock.new()
      assert.matches("inside", failure_of(lock.protect, lock, error, "inside").message)
      local job = cro.start(function() lock:protect(sleep, 10) end)
      sleep(1)
      assert.is_true(lock:is_held())
      job:cancel()
      sleep(0)
      assert.is_false(lock:is_held())
      cro.react(function() lock:protect(cro.done) end)
      assert.is_false(lock:is_held())
    end))

    it("of two fibers never overlaps", world.inside(function()
      local lock, inside, most = Lock.new(), 0, 0
      local jobs = {}
      for i = 1, 20 do
        jobs[i] = cro.start(function()
          for _ = 1, 5 do
            lock:protect(function()
              inside = inside + 1
              most = math.max(most, inside)
              sleep(0)
              inside = inside - 1
            end)
          end
        end)
      end
      cro.await(jobs)
      assert.equal(1, most)
    end))

    it("inside of itself says so instead of waiting for ever", world.inside(function()
      local lock = Lock.new()
      lock:protect(function()
        assert.matches("protect: this fiber holds the lock already .*protect_or_queue_on_recursion",
          failure_of(lock.protect, lock, error))
        assert.matches("await of lock%(%): this fiber holds the lock already", failure_of(cro.await, lock:lock()))
      end)
    end))

    it("refuses what cannot be called", world.inside(function()
      local lock = Lock.new()
      assert.matches("protect: argument 1: expected callable, got nothing", failure_of(lock.protect, lock), 1, true)
      assert.is_false(lock:is_held())
    end))
  end)

  describe("protect_or_queue_on_recursion", function()
    it("runs at once, or when its turn comes, outside of itself", world.inside(function()
      local lock, log, note = Lock.new(), world.log()
      assert.is_nil(lock:protect_or_queue_on_recursion(note, "alone"))
      cro.start(function() lock:protect(sleep, 1) end)
      sleep(0.5)
      assert.is_nil(lock:protect_or_queue_on_recursion(note, "waited"))
      assert.equal(1, cro.now())
      assert.same({ "alone", "waited" }, log)
    end))

    it("inside of itself is queued in its place and tells the result by a promise", world.inside(function()
      local lock, log, note = Lock.new(), world.log()
      local queued, failing
      lock:protect_or_queue_on_recursion(function()
        queued = lock:protect_or_queue_on_recursion(function(v)
          note "queued"
          return v
        end, 7)
        failing = lock:protect_or_queue_on_recursion(error, { kind = "own" })
        cro.start(function() lock:protect(note, "later") end)
        note "outer"
      end)
      assert.equal(7, cro.await(queued))
      local _, err = cro.pawait(failing)
      assert.equal("own", err.kind)
      sleep(0)
      assert.same({ "outer", "queued", "later" }, log)
      assert.is_false(lock:is_held())
    end))

    it("cancelled before its turn gives up its place", world.inside(function()
      for _, wait in ipairs { false, true } do
        local lock, ran = Lock.new(), false
        lock:protect(function()
          local job = lock:protect_or_queue_on_recursion(function() ran = true end)
          if wait then sleep(0) end
          job:cancel()
        end)
        sleep(0)
        assert.is_false(ran)
        assert.is_false(lock:is_held())
      end
    end))
  end)

  describe("cancelling", function()
    for _, before in ipairs { true, false } do
      it(("a fiber that waits for lock() %s it has it gives it up"):format(before and "before" or "just after"),
        world.inside(function()
          local lock = Lock.new()
          lock:try_lock()
          local first = cro.start(function() cro.await(lock:lock()) end)
          local second = cro.start(function()
            cro.await(lock:lock())
            return "second"
          end)
          sleep(0)
          if before then first:cancel() end
          lock:unlock()
          if not before then first:cancel() end
          assert.equal("second", cro.await(second))
          lock:unlock()
          assert.is_false(lock:is_held())
        end))
    end

    it("a block that waits for it gives up its place", world.inside(function()
      local lock, log, note = Lock.new(), world.log()
      lock:try_lock()
      local job = cro.start(function()
        cro.react(function() cro.whenever(lock:lock(), note) end)
      end)
      sleep(0)
      job:cancel()
      lock:unlock()
      sleep(0)
      assert.is_false(lock:is_held())
      cro.react(function()
        cro.whenever(lock:lock(), note):last(function() note "last" end)
      end)
      assert.is_true(lock:is_held())
      assert.same({ "true", "last" }, log)
    end))

    local ends = {
      ["is done"] = function() cro.done() end,
      ["fails"] = function() error { kind = "own" } end,
      ["closes the source"] = function(handle) handle:close() end,
    }
    for how, finish in pairs(ends) do
      it("a block that is busy gives it back when it " .. how .. " before its turn has come", world.inside(function()
        local lock, first, log, note = Lock.new(), Lock.new(), world.log()
        lock:try_lock()
        cro.pcall(cro.react, function()
          local handle
          cro.whenever(cro.Supply.from_list { 1 }, function()
            lock:unlock() -- and the value of lock() is queued behind this
            sleep(1)
            assert.is_true(lock:is_held())
            finish(handle)
          end)
          handle = cro.whenever(lock:lock():supply():map(tostring), note)
          cro.whenever(first:lock(), note) -- is there at once
        end)
        sleep(0)
        assert.is_false(lock:is_held())
        assert.equal(how == "closes the source", first:is_held())
        assert.same(how == "closes the source" and { "true" } or {}, log)
      end))
    end

    it("nothing leaves it with the handler whose turn comes", world.inside(function()
      local lock, log, note = Lock.new(), world.log()
      cro.react(function()
        cro.whenever(cro.Supply.from_list { 1 }, function() sleep(1) end)
        cro.whenever(lock:lock(), note)
      end)
      assert.is_true(lock:is_held())
      assert.same({ "true" }, log)
    end))

    it("a lock that waits with a time limit gives up its place", world.inside(function()
      local lock = Lock.new()
      lock:try_lock()
      local _, err = cro.pawait(lock:lock():timeout(1))
      assert.equal("timeout", err.kind)
      lock:unlock()
      assert.is_false(lock:is_held())
    end))
  end)
end)
