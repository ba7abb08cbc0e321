local cro = require "cro.reactive"
local world = require "spec.support.world"
local garbage = require "spec.support.garbage"

local Promise, sleep = cro.Promise, cro.sleep

local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

describe("cro.promise", function()
  it("is planned, then kept or broken", world.inside(function()
    local p, q = Promise.new(), Promise.new()
    assert.equal("planned", p:status())
    p:keep(42)
    q:fail "no"
    assert.equal("kept", p:status())
    assert.equal("broken", q:status())
    assert.equal(42, p:result())
    assert.equal("no", q:cause().message)
    assert.equal("Promise (kept)", tostring(p))
  end))

  it("is kept with true by default, and with nil when nil is given", world.inside(function()
    local p, q = Promise.new(), Promise.new()
    p:keep()
    q:keep(nil)
    assert.is_true(p:result())
    assert.is_nil(q:result())
    assert.is_true(Promise.kept():result())
    assert.is_nil(Promise.kept(nil):result())
    assert.is_false(Promise.kept(false):result())
  end))

  it("is broken with \"Died\" by default; strings become errors, tables stay", world.inside(function()
    local own = { code = 7 }
    for given, expected in pairs { [1] = "Died", [2] = "text", [3] = "12" } do
      local p = Promise.new()
      p:fail(({ nil, "text", 12 })[given])
      assert.equal(expected, p:cause().message)
      assert.equal("error", p:cause().kind)
    end
    local p = Promise.new()
    p["break"](p, own)
    assert.equal(own, p:cause())
    assert.equal("Died", Promise.broken():cause().message)
  end))

  it("carries one value: further arguments are ignored", world.inside(function()
    local p = Promise.new()
    p:keep(1, 2)
    assert.same({ 1 }, { p:result() })
  end))

  it("cannot be kept or broken twice", world.inside(function()
    local p = Promise.new()
    p:keep(1)
    assert.matches("cannot keep this promise: it is already kept", message_of(p.keep, p), 1, true)
    assert.matches("cannot fail this promise: it is already kept", message_of(p.fail, p), 1, true)
    assert.equal(1, p:result())
    assert.matches("promise_spec.lua:%d+:", message_of(function() p:keep() end))
  end))

  it("is settled by the holder of its vow alone", world.inside(function()
    local p, q = Promise.new(), Promise.new()
    local vow = p:vow()
    assert.matches("only the holder of its vow", message_of(p.keep, p), 1, true)
    assert.matches("only the holder of its vow", message_of(p.fail, p), 1, true)
    assert.matches("already taken", message_of(p.vow, p), 1, true)
    vow:keep(3)
    assert.equal(3, p:result())
    assert.matches("already kept", message_of(vow.fail, vow), 1, true)
    q:vow():fail "through the vow"
    assert.equal("through the vow", q:cause().message)
  end))

  it("gives the vow of nothing that others settle", world.inside(function()
    local made = {
      cro.start(function() end), Promise.after(1), Promise.all_of {}, Promise.any_of {},
      Promise.kept(), Promise.new():and_then(print),
    }
    for _, promise in ipairs(made) do
      assert.is_false((pcall(promise.vow, promise)))
      assert.is_false((pcall(promise.keep, promise)))
    end
    sleep(2)
  end))

  it("tells those who settle what others settle how to have one of their own", world.inside(function()
    assert.matches("make one of your own with Promise.new",
      message_of(Promise.keep, Promise.new():and_then(print)), 1, true)
    assert.matches("cannot take the vow of this promise: it is already kept", message_of(Promise.vow, Promise.kept()), 1, true)
  end))

  it("has a cause only when broken", world.inside(function()
    assert.matches("this one is kept", message_of(Promise.cause, Promise.kept(1)), 1, true)
    assert.matches("this one is planned", message_of(Promise.cause, Promise.new()), 1, true)
  end))

  it("result waits and raises the cause, with the place that awaited it", world.inside(function()
    local p = Promise.new()
    cro.start(function()
      sleep(1)
      p:fail "late"
    end)
    local ok, err = pcall(p.result, p)
    assert.is_false(ok)
    assert.equal("late", err.message)
    assert.equal(1, cro.now())
    local where = Promise.broken "again"
    pcall(function() where:await() end)
    assert.matches("promise_spec.lua:%d+", where:cause().trail[1])
  end))

  describe("start", function()
    it("is kept with what the function returns and broken by what it raises", world.inside(function()
      assert.equal(5, cro.await(cro.start(function(a, b) return a + b end, 2, 3)))
      assert.equal(4, cro.await(cro.start(function(a) return a * 2 end, 2)))
      assert.equal(0, cro.await(cro.start(function(...) return select("#", ...) end)))
      local _, err = cro.pawait(cro.start(function() error "fails" end))
      assert.matches("promise_spec.lua:%d+: fails", err.message)
      assert.matches("stack traceback", err.traceback, 1, true)
    end))

    it("does not run before the caller waits", world.inside(function()
      local ran = false
      local job = cro.start(function() ran = true end)
      assert.is_false(ran)
      cro.await(job)
      assert.is_true(ran)
    end))

    it("refuses what is no function", function()
      assert.matches("start: expected a function, got nothing", message_of(cro.start), 1, true)
    end)
  end)

  describe("after and at", function()
    it("are kept with true, no sooner; a past time means at once", world.inside(function()
      assert.is_true(cro.await(Promise.after(0.25)))
      assert.equal(0.25, cro.now())
      cro.await(Promise.after(-5))
      cro.await(Promise.at(1))
      assert.equal(1, cro.now())
      cro.await(Promise.at(0.5))
      assert.equal(1, cro.now())
    end))

    it("give their timer back when cancelled", world.inside(function()
      local p = Promise.after(10)
      p:cancel()
      assert.equal(0, world.timers())
      assert.equal("cancelled", p:cause().kind)
    end))
  end)

  describe("any_of", function()
    it("is kept when one is kept or broken, and carries no result", world.inside(function()
      assert.is_true(cro.await(Promise.any_of { Promise.new(), Promise.kept(5) }))
      assert.is_true(cro.await(Promise.any_of { Promise.broken "x", Promise.new() }))
      cro.await(Promise.any_of { Promise.after(3), Promise.after(1), Promise.after(2) })
      assert.equal(1, cro.now())
    end))

    it("is kept at once for an empty list", world.inside(function()
      assert.equal("kept", Promise.any_of({}):status())
    end))

    it("forgets them all when it is cancelled itself", world.inside(function()
      local p = Promise.new()
      Promise.any_of({ p }):cancel()
      assert.is_false(p:is_awaited())
    end))
  end)

  describe("all_of", function()
    it("is kept when all are settled, broken ones too", world.inside(function()
      local broken = Promise.broken "x"
      assert.is_true(cro.await(Promise.all_of { Promise.after(2), broken, Promise.after(1) }))
      assert.equal(2, cro.now())
      assert.equal("kept", Promise.all_of({}):status())
    end))
  end)

  for _, name in ipairs { "any_of", "all_of" } do
    it(name .. " combines promises only", function()
      assert.matches("Promise." .. name .. " combines promises only: element 2 is the number 5",
        message_of(Promise[name], { Promise.new(), 5 }), 1, true)
      assert.matches("expected a list of promises", message_of(Promise[name], Promise.new()), 1, true)
      assert.matches("expected a list of promises, got nothing", message_of(Promise[name]), 1, true)
    end)
  end

  describe("chains", function()
    local function kept() return Promise.kept "v" end
    local function broken() return Promise.broken "c" end
    local rows = {
      { "and_then", kept, "ran v", true },
      { "and_then", broken, "c", false },
      { "or_else", kept, "v", true },
      { "or_else", broken, "ran c", true },
      { "settled", kept, "ran Promise (kept)", true },
      { "settled", broken, "ran Promise (broken)", true },
    }
    for _, row in ipairs(rows) do
      local method, make, expected, is_kept = unpack(row)
      it(("%s gives %q for a promise that is %s"):format(method, expected, make == kept and "kept" or "broken"),
        world.inside(function()
          local derived = Promise[method](make(), function(v) return "ran " .. tostring(v) end)
          assert.equal("planned", derived:status())
          sleep(0)
          assert.equal(is_kept and "kept" or "broken", derived:status())
          assert.equal(expected, is_kept and derived:result() or derived:cause().message)
        end))
    end

    it("break when their function raises", world.inside(function()
      local _, err = cro.pawait(Promise.kept(1):and_then(function() error { kind = "own" } end))
      assert.equal("own", err.kind)
    end))

    it("pass a break through to the end unchanged", world.inside(function()
      local own = { kind = "own" }
      local last = Promise.broken(own):and_then(print):and_then(print)
      local _, err = cro.pawait(last)
      assert.equal(own, err)
    end))

    it("do not look into a promise that a step returns", world.inside(function()
      local inner = Promise.new()
      assert.equal(inner, cro.await(Promise.kept(1):and_then(function() return inner end)))
    end))

    it("may wait in a step", world.inside(function()
      local p = Promise.kept(1):and_then(function(v)
        sleep(2)
        return v + 1
      end)
      assert.equal(2, cro.await(p))
      assert.equal(2, cro.now())
    end))

    it("refuse a step that is no function", function()
      assert.matches("and_then: expected a function, got the number 5",
        message_of(Promise.and_then, Promise.new(), 5), 1, true)
    end)
  end)

  describe("cancel", function()
    it("breaks a plain promise at once and its waiters with it", world.inside(function()
      local p = Promise.new()
      local q = p:and_then(print)
      p:cancel "not needed"
      sleep(0)
      assert.equal("cancelled", q:cause().kind)
      assert.equal("not needed", q:cause().message)
    end))

    it("leaves a settled promise alone", world.inside(function()
      local p = Promise.kept(1)
      p:cancel()
      assert.equal(1, p:result())
    end))

    it("leaves whoever keeps it later in peace, through a vow too", world.inside(function()
      for _, verb in ipairs { "keep", "fail" } do
        local p, q = Promise.new(), Promise.new()
        local vow = q:vow()
        p:cancel "enough"
        q:cancel()
        p[verb](p, 1)
        vow[verb](vow, 1)
        assert.equal("enough", p:cause().message)
        assert.equal("cancelled", q:cause().kind)
        assert.matches("cannot take the vow of this promise: it is already broken", message_of(p.vow, p), 1, true)
      end
    end))

    it("of a promise whose callback runs ends that, and its clean-up comes first", world.inside(function()
      local log, note = world.log()
      local p = Promise.kept(1):and_then(function()
        cro.defer(function() note "deferred" end)
        sleep(10)
        note "not reached"
      end)
      local other = Promise.kept(2):and_then(function() return "other" end)
      sleep(1)
      p:cancel()
      local _, err = cro.pawait(p)
      note(err.kind)
      sleep(0)
      assert.equal("other", other:result())
      assert.equal(1, cro.now())
      table.sort(log)
      assert.same({ "cancelled", "deferred" }, log)
    end))

    it("leaves a callback of another promise that runs on the same fiber alone", world.inside(function()
      local p = Promise.kept(1):and_then(function() sleep(1) end)
      sleep(0)
      p:cancel()
      local q = Promise.kept(2):and_then(function() sleep(1) return "whole" end)
      assert.equal("whole", cro.await(q))
    end))

    it("of a derived promise leaves the one before alone", world.inside(function()
      local ran = false
      local p = Promise.new()
      p:and_then(function() ran = true end):cancel()
      p:keep(1)
      sleep(0)
      assert.is_false(ran)
      assert.equal("kept", p:status())
    end))
  end)

  describe("supply", function()
    it("emits the value and is done", world.inside(function()
      assert.same({ 7, n = 1 }, cro.await(Promise.after(1):and_then(function() return 7 end):supply():list()))
    end))

    it("quits with the cause", world.inside(function()
      local caught
      Promise.broken("c"):supply():tap { quit = function(err) caught = err.message end }
      sleep(0)
      assert.equal("c", caught)
    end))

    it("forgets its tap when that is closed", world.inside(function()
      local p = Promise.new()
      p:supply():tap():close()
      assert.is_false(p:is_awaited())
    end))
  end)
end)

describe("await", function()
  it("takes a promise, a supply, anything with a supply, or a list of them", world.inside(function()
    local supplier = cro.Supplier.new()
    cro.start(function()
      sleep(1)
      supplier:emit "live"
      supplier:done()
    end)
    assert.equal(3, cro.await(cro.Supply.from_list { 1, 2, 3 }))
    assert.is_nil(cro.await(cro.Supply.from_list {}))
    assert.same({ "a", 2, "live" }, cro.await { Promise.kept "a", cro.Supply.from_list { 1, 2 }, supplier })
  end))

  it("raises the first break of a list, in order", world.inside(function()
    local _, err = cro.pawait { Promise.after(1), Promise.broken "first", Promise.broken "second" }
    assert.equal("first", err.message)
    garbage.collect()
    assert.same({}, world.reports)
  end))

  it("raises what a supply quit with", world.inside(function()
    local _, err = cro.pawait(cro.supply(function() error { kind = "own" } end))
    assert.equal("own", err.kind)
  end))

  it("refuses nothing, an empty list and what cannot be awaited", world.inside(function()
    assert.matches("expected a promise, a supply, a channel or a list of them, got nothing",
      message_of(cro.await), 1, true)
    assert.matches("nothing to wait for", message_of(cro.await, {}), 1, true)
    assert.matches("got the number 5", message_of(cro.await, 5), 1, true)
  end))

  it("says what a method that makes what is awaited must return", world.inside(function()
    local function junk() return 5 end
    assert.matches("await: the supply method of a table must return a supply, it returned the number 5",
      message_of(cro.await, { supply = junk }), 1, true)
    assert.matches("await: the promise method of a table must return a promise, it returned the number 5",
      message_of(cro.await, { promise = junk }), 1, true)
  end))

  it("raises misuse through pawait, as a mistake is no result", world.inside(function()
    assert.matches("got the string", message_of(cro.pawait, "x"), 1, true)
  end))
end)

describe("sleep", function()
  it("waits so long, and not at all for nothing", world.inside(function()
    sleep(1.5)
    assert.equal(1.5, cro.now())
    sleep(-1)
    sleep(0)
    assert.equal(1.5, cro.now())
    assert.matches("sleep: argument 1: expected number", message_of(sleep, "x"), 1, true)
  end))
end)
