local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local react, whenever, sleep = cro.react, cro.whenever, cro.sleep
local Supplier = cro.Supplier

--- Emits `n` values to a block that is busy meanwhile; what it handled, and its error.
local function flood(options, n, handle)
  local supplier, seen = Supplier.new(options), {}
  local job = cro.start(function()
    react(function()
      whenever(supplier, function(v)
        seen[#seen + 1] = v
        if handle then handle(v) else sleep(1) end
      end)
    end)
  end)
  sleep(0)
  supplier:emit "busy"
  sleep(0.5)
  for i = 1, n do
    supplier:emit(i)
  end
  supplier:done()
  local _, err = cro.pawait(job)
  return seen, err
end

describe("R9: a full tap", function()
  it("with the policy error handles what is queued and quits as a slow consumer", world.inside(function()
    local seen, err = flood({ buffer = 3 }, 5)
    assert.same({ "busy", 1, 2, 3 }, seen)
    assert.equal("slow_consumer", err.kind)
    assert.matches("slow consumer", err.message, 1, true)
    assert.matches("policy", err.message, 1, true)
  end))

  it("with drop_oldest keeps the newest", world.inside(function()
    local seen, err = flood({ buffer = 3, policy = "drop_oldest" }, 5)
    assert.same({ "busy", 3, 4, 5 }, seen)
    assert.is_nil(err)
  end))

  it("with drop_newest keeps the oldest", world.inside(function()
    local seen, err = flood({ buffer = 3, policy = "drop_newest" }, 5)
    assert.same({ "busy", 1, 2, 3 }, seen)
    assert.is_nil(err)
  end))

  it("with wait makes the emitter wait for room", world.inside(function()
    local seen, err = flood({ buffer = 2, policy = "wait" }, 5)
    assert.same({ "busy", 1, 2, 3, 4, 5 }, seen)
    assert.is_nil(err)
  end))

  it("runs an owner that is merely scheduled before it calls it slow", world.inside(function()
    local supplier, seen = Supplier.new { buffer = 2 }, 0
    local job = cro.start(function()
      react(function() whenever(supplier, function() seen = seen + 1 end) end)
    end)
    sleep(0)
    for i = 1, 101 do
      supplier:emit(i)
    end
    assert.equal(100, seen)
    supplier:done()
    cro.await(job)
    assert.equal(101, seen)
  end))

  it("always has room for done and quit", world.inside(function()
    local supplier = Supplier.new { buffer = 1 }
    local job = cro.start(function()
      react(function() whenever(supplier, function() sleep(1) end) end)
    end)
    sleep(0)
    supplier:emit(1)
    sleep(0)
    supplier:emit(2)
    supplier:quit { kind = "own" }
    local _, err = cro.pawait(job)
    assert.equal("own", err.kind)
    assert.equal(2, cro.now())
  end))

  it("refuses to wait for room in the very block that emits", world.inside(function()
    local supplier = Supplier.new { buffer = 1, policy = "wait" }
    local ok, err = pcall(react, function()
      whenever(supplier, function() end)
      supplier:emit(1)
      supplier:emit(2)
    end)
    assert.is_false(ok)
    assert.matches("room in the block it is called from", tostring(err), 1, true)
  end))

  it("serves waiting emitters in the order they came", world.inside(function()
    local supplier, seen = Supplier.new { buffer = 1, policy = "wait" }, {}
    local job = cro.start(function()
      react(function()
        whenever(supplier, function(v)
          seen[#seen + 1] = v
          sleep(1)
        end)
      end)
    end)
    sleep(0)
    local jobs = {}
    for i = 1, 6 do
      jobs[i] = cro.start(function() supplier:emit(i) end)
    end
    cro.await(jobs)
    supplier:done()
    cro.await(job)
    assert.same({ 1, 2, 3, 4, 5, 6 }, seen)
  end))

  it("gives up the place of a waiting emitter that is cancelled", world.inside(function()
    local supplier, seen = Supplier.new { buffer = 1, policy = "wait" }, {}
    local job = cro.start(function()
      react(function()
        whenever(supplier, function(v)
          seen[#seen + 1] = v
          sleep(1)
        end)
      end)
    end)
    sleep(0)
    local jobs = {}
    for i = 1, 4 do
      jobs[i] = cro.start(function() supplier:emit(i) end)
    end
    sleep(0.5)
    jobs[3]:cancel()
    cro.await(jobs[4])
    supplier:done()
    cro.await(job)
    assert.same({ 1, 2, 4 }, seen)
  end))

  it("queues beyond the buffer what a tap of the same supplier emits, for it cannot wait", world.inside(function()
    local supplier, seen = Supplier.new { buffer = 1, policy = "wait" }, {}
    supplier:supply():tap(function(v)
      if v ~= 1 then return end
      for i = 2, 4 do
        supplier:emit(i)
      end
    end)
    local job = cro.start(function()
      react(function()
        whenever(supplier, function(v)
          seen[#seen + 1] = v
          sleep(1)
        end)
      end)
    end)
    sleep(0)
    supplier:emit(1)
    supplier:done()
    cro.await(job)
    assert.same({ 1, 2, 3, 4 }, seen)
  end))

  it("lets a waiting emitter go on when the slow tap is closed", world.inside(function()
    local supplier = Supplier.new { buffer = 1, policy = "wait" }
    local job = cro.start(function()
      react(function() whenever(supplier, function() sleep(1000) end) end)
    end)
    sleep(0)
    supplier:emit(1)
    sleep(0)
    supplier:emit(2)
    cro.start(function()
      sleep(5)
      job:cancel()
    end)
    supplier:emit(3)
    assert.equal(5, cro.now())
  end))

  it("never queues more than its buffer and never reorders, for any policy", function()
    local plan = property.record {
      policy = property.one_of { "error", "drop_oldest", "drop_newest", "wait" },
      buffer = property.integer(1, 5),
      pace = property.integer(0, 3),
      bursts = property.list(property.integer(0, 6), 8),
    }
    property.check(plan, function(p)
      world.run(function()
        local supplier = Supplier.new { policy = p.policy, buffer = p.buffer }
        local seen, last, total = 0, 0, 0
        local job = cro.start(function()
          react(function()
            whenever(supplier, function(v)
              assert(v > last, "reordered")
              seen, last = seen + 1, v
              if p.pace > 0 then sleep(p.pace / 10) end
            end)
          end)
        end)
        sleep(0)
        for _, burst in ipairs(p.bursts) do
          for _ = 1, burst do
            total = total + 1
            supplier:emit(total)
          end
          sleep(0.1)
        end
        supplier:done()
        local _, err = cro.pawait(job)
        if p.policy == "wait" then assert(seen == total, "lost a value") end
        if p.policy == "drop_oldest" then assert(total == 0 or last == total, "lost the newest") end
        assert(err == nil or err.kind == "slow_consumer" and p.policy == "error")
      end)
    end)
  end)
end)
