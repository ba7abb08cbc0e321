local cro = require "cro.reactive"
local world = require "spec.support.world"
local Lock = require "cro.lock"

local Promise, sleep, await, pawait = cro.Promise, cro.sleep, cro.await, cro.pawait

local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

describe("a time limit", function()
  it("changes nothing for a promise that is settled in time", world.inside(function()
    local own = { kind = "own" }
    assert.equal(7, await(Promise.after(1):and_then(function() return 7 end):timeout(2)))
    local _, err = pawait(Promise.broken(own):timeout(2))
    assert.equal(own, err)
    assert.equal("kept", Promise.kept(1):timeout(0):status())
    assert.is_nil(await(Promise.kept(nil):timeout(5)))
    assert.equal(1, cro.now())
    assert.equal(0, world.timers())
  end))

  it("breaks with an error of kind timeout that says how long", world.inside(function()
    local _, err = pawait(Promise.new():timeout(1.5))
    assert.equal("timeout", err.kind)
    assert.equal("timed out after 1.5 s", err.message)
    assert.equal(1.5, err.seconds)
    assert.equal(1.5, cro.now())
    assert.matches("promises_spec.lua:%d+", err.trail[1])
  end))

  it("cancels what others were to settle", world.inside(function()
    local closed = false
    local job = cro.start(function()
      cro.defer(function() closed = true end)
      sleep(10)
    end)
    local after = Promise.after(10)
    pawait(job:timeout(1))
    pawait(after:timeout(1))
    sleep(0)
    assert.is_true(closed)
    assert.equal("cancelled", job:cause().kind)
    assert.equal("timed out after 1 s", after:cause().message)
    assert.equal(0, world.timers())
  end))

  it("leaves alone what is to be settled by hand", world.inside(function()
    local p, vowed = Promise.new(), Promise.new()
    local vow = vowed:vow()
    pawait(p:timeout(1))
    pawait(vowed:timeout(1))
    assert.equal("planned", p:status())
    p:keep(5)
    vow:keep(6)
    assert.same({ 5, 6 }, await { p, vowed })
  end))

  it("cancels or leaves alone as it is told", world.inside(function()
    local p, job = Promise.new(), cro.start(sleep, 5)
    pawait(p:timeout(1, { cancel = true }))
    pawait(job:timeout(1, { cancel = false }))
    assert.equal("cancelled", p:cause().kind)
    assert.equal("planned", job:status())
    p:keep "too late, and nobody's fault"
    assert.equal("cancelled", p:cause().kind)
    await(job)
    assert.equal(5, cro.now())
  end))

  it("of 0 leaves what is settled already as it is and breaks the rest", world.inside(function()
    assert.equal(1, await(Promise.kept(1):timeout(0)))
    local _, err = pawait(Promise.new():timeout(0))
    assert.equal("timed out after 0 s", err.message)
  end))

  it("of infinity is none", world.inside(function()
    local p = Promise.new()
    local timed = p:timeout(math.huge)
    assert.equal(0, world.timers())
    p:keep(3)
    assert.equal(3, await(timed))
  end))

  it("cancelled lets go of the timer and of the promise", world.inside(function()
    local p, job = Promise.new(), cro.start(sleep, 50)
    p:timeout(5):cancel()
    job:timeout(5):cancel "enough"
    sleep(0)
    assert.is_false(p:is_awaited())
    assert.equal("planned", p:status())
    assert.equal("enough", job:cause().message)
    assert.equal(0, world.timers())
  end))

  it("gives back what was lent when the fiber that waits is cancelled", world.inside(function()
    local lock = Lock.new()
    local job
    job = cro.start(function()
      job:cancel()
      await(lock:lock():timeout(5))
    end)
    pawait(job)
    assert.is_false(lock:is_held())
    lock:try_lock()
    job = cro.start(function() await(lock:lock():timeout(50)) end)
    sleep(1)
    job:cancel()
    lock:unlock()
    sleep(0)
    assert.is_false(lock:is_held())
    assert.equal(0, world.timers())
  end))

  it("refuses what is no time", function()
    for given, shown in pairs { [-1] = "got -1", [-math.huge] = "got -inf", x = "expected number, got the string" } do
      assert.matches(shown, message_of(Promise.timeout, Promise.new(), given), 1, true)
    end
    assert.matches("timeout: argument 1: expected a number of seconds, 0 or more, got NaN",
      message_of(Promise.timeout, Promise.new(), 0 / 0), 1, true)
    assert.matches('timeout: unknown option "cancell"; did you mean "cancel"?',
      message_of(Promise.timeout, Promise.new(), 1, { cancell = true }), 1, true)
  end)
end)

describe("times", function()
  it("that are not numbers are refused, NaN included", world.inside(function()
    for name, fn in pairs { ["Promise.after"] = Promise.after, ["Promise.at"] = Promise.at, sleep = sleep } do
      assert.matches(name .. ": argument 1: expected a number of seconds, got NaN", message_of(fn, 0 / 0), 1, true)
      assert.matches(name .. ": argument 1: expected number, got nothing", message_of(fn), 1, true)
    end
  end))

  it("that never come set no timer", world.inside(function()
    assert.equal("planned", Promise.after(math.huge):status())
    assert.equal(0, world.timers())
    assert.is_true(await(Promise.after(-math.huge)))
    assert.equal(0, cro.now())
  end))
end)

describe("await of a list", function()
  it("raises the first that breaks, without waiting for the others", world.inside(function()
    local slow = Promise.after(10)
    local failing = Promise.after(1):and_then(function() error { kind = "own" } end)
    local _, err = pawait { slow, failing }
    assert.equal("own", err.kind)
    assert.equal(1, cro.now())
    assert.equal("planned", slow:status())
    slow:cancel()
  end))

  it("does not switch when all are settled", world.inside(function()
    local ran = false
    cro.start(function() ran = true end)
    assert.same({ 1, [3] = 3 }, await { Promise.kept(1), Promise.kept(nil), Promise.kept(3) })
    assert.is_false(ran)
  end))

  it("lets go of supplies and promises when the fiber is cancelled or one breaks", world.inside(function()
    local closed = 0
    local function source()
      return cro.Supply.interval(1):on_close(function() closed = closed + 1 end)
    end
    local p = Promise.new()
    local job = cro.start(function() await { source(), p, source() } end)
    sleep(1)
    job:cancel()
    sleep(0)
    assert.equal(2, closed)
    assert.is_false(p:is_awaited())
    pawait { source(), Promise.broken "x" }
    sleep(0)
    assert.equal(3, closed)
    assert.equal(0, world.timers())
  end))

  it("leaves the values of channels that it had received when it fails", world.inside(function()
    local ch, empty = require("cro.channel").new(), Promise.new()
    ch:send(1)
    ch:send(2)
    for _, fails in ipairs { "breaks", "is cancelled" } do
      local job = cro.start(function() await { ch, empty, ch } end)
      sleep(0)
      if fails == "breaks" then empty:fail "x" else job:cancel() end
      pawait(job)
      empty = Promise.new()
      assert.equal(2, ch:count())
    end
    assert.equal(1, ch:receive())
    assert.equal(2, ch:receive())
  end))

  it("names the element that cannot be awaited, before it waits for any", world.inside(function()
    local ch = require("cro.channel").new()
    ch:send(1)
    assert.matches("await: element 2: expected a promise, a supply, a channel or a list of them, got the number 5",
      message_of(await, { ch, 5 }), 1, true)
    assert.equal(1, ch:count())
  end))

  it("by pawait returns the cancellation of one, and raises that of the fiber itself", world.inside(function()
    local cancelled = cro.start(sleep, 5)
    cancelled:cancel "not wanted"
    local _, err = pawait { Promise.new(), cancelled }
    assert.equal("not wanted", err.message)
    local returned = false
    local job = cro.start(function()
      pawait { Promise.new() }
      returned = true
    end)
    sleep(0)
    job:cancel()
    pawait(job)
    assert.is_false(returned)
  end))

  it("is not what a table with a supply is", world.inside(function()
    local given = { supply = function() return cro.Supply.from_list { 1, 2 } end }
    assert.equal(2, await(given))
    assert.matches("got a userdata", message_of(await, newproxy(false)), 1, true)
  end))
end)

describe("await of a supply", function()
  it("closes its tap when the fiber is cancelled", world.inside(function()
    local closed = false
    local ticks = cro.Supply.interval(1):on_close(function() closed = true end)
    local job = cro.start(function() await(ticks) end)
    sleep(2)
    job:cancel()
    sleep(0)
    assert.is_true(closed)
    assert.equal(0, world.timers())
  end))
end)

describe("all_of and any_of", function()
  it("leave their promises alone when they are cancelled, and are forgotten by them", world.inside(function()
    for _, combine in ipairs { Promise.all_of, Promise.any_of } do
      local p, q = Promise.new(), Promise.new()
      local both = combine { p, q }
      both:cancel()
      assert.equal("cancelled", both:cause().kind)
      assert.equal("planned", p:status())
      assert.is_false(p:is_awaited())
      assert.is_false(q:is_awaited())
    end
  end))

  it("take the same promise more than once", world.inside(function()
    local p = Promise.after(1)
    assert.is_true(await(Promise.all_of { p, p }))
    assert.is_true(await(Promise.any_of { p, p }))
  end))

  it("take as many as there are, more than unpack takes", world.inside(function()
    local jobs = {}
    for i = 1, 20000 do
      jobs[i] = cro.start(function() return i end)
    end
    assert.is_true(await(Promise.any_of(jobs)))
    assert.is_true(await(Promise.all_of(jobs)))
    assert.equal(20000, await(jobs)[20000])
    local supplies = {}
    for i = 1, 10000 do
      supplies[i] = cro.Supply.from_list { i }
    end
    assert.equal(10000, #await(cro.Supply.merge(supplies):list()))
  end))

  it("are not changed by what becomes of the list", world.inside(function()
    local list = { Promise.after(1), Promise.after(2) }
    local all = Promise.all_of(list)
    list[2] = nil
    await(all)
    assert.equal(2, cro.now())
  end))

  it("say how a list is written when they are given promises", function()
    assert.matches("Promise.any_of: expected a list of promises; write Promise.any_of { p, q }",
      message_of(Promise.any_of, Promise.new(), Promise.new()), 1, true)
  end)
end)

describe("a race", function()
  it("is decided by any_of; each promise tells how it ended", world.inside(function()
    local fast = Promise.after(1):and_then(function() return "fast" end)
    local slow = Promise.after(2):and_then(function() return "slow" end)
    await(Promise.any_of { slow, fast })
    assert.equal("kept", fast:status())
    assert.equal("fast", fast:result())
    assert.equal("planned", slow:status())
    slow:cancel()
  end))
end)
