local cro = require "cro.reactive"
local errors = require "cro.errors"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Promise, Supplier, Supply, Channel = cro.Promise, cro.Supplier, cro.Supply, require "cro.channel"
local garbage = require "spec.support.garbage"

--- A job that somebody cancels.
local function cancelled_job()
  local job = cro.start(sleep, 100)
  sleep(0)
  job:cancel "elsewhere"
  sleep(0)
  return job
end

--- A job that is stopped: what it emits reaches nobody.
local function stopped_job()
  local emitter
  Supply.on_demand(function(e) emitter = e end):tap():close()
  local job = cro.start(function() emitter:emit(1) end)
  sleep(0)
  return job
end

local FOREIGN = { cancelled = cancelled_job, stopped = stopped_job }

describe("R11: the stop of a block that has ended", function()
  it("is raised by each later wait, emit, whenever, closing and done of its code", world.inside(function()
    local kinds = {}
    local tap
    tap = supply(function()
      tap:close()
      for _, fn in ipairs { sleep, emit, whenever, cro.closing, cro.done } do
        local _, err = pcall(fn, fn == whenever and Promise.kept(1) or fn == sleep and 0 or print, print)
        kinds[#kinds + 1] = err.kind
      end
    end):tap { tap = function(own) tap = own end }
    assert.same({ "stop", "stop", "stop", "stop", "stop" }, kinds)
  end))

  it("is not returned by pawait nor cro.pcall in the block that has ended", world.inside(function()
    local began, went_on = 0, 0
    for _, wait in ipairs {
      function() cro.pawait(Promise.new()) end,
      function() cro.pcall(sleep, 100) end,
      function() cro.pcall(emit, 1) end,
      function() cro.pcall(cro.done) end,
      function() cro.pcall(function() cro.pawait { Promise.new() } end) end,
    } do
      local tap = supply(function()
        whenever(Promise.kept(), function()
          began = began + 1
          wait()
          went_on = went_on + 1
        end)
      end):tap { value = function() sleep(100) end }
      sleep(1)
      tap:close()
      sleep(0)
    end
    assert.equal(5, began)
    assert.equal(0, went_on)
  end))

  it("ends a react whose code ends a block further out, which hangs otherwise", world.inside(function()
    local order = {}
    react(function(outer)
      whenever(Promise.kept(), function()
        local _, err = pcall(react, function()
          cro.closing(function() order[#order + 1] = "inner closed" end)
          whenever(Supply.interval(1), print)
          outer.done()
        end)
        order[#order + 1] = err.kind
      end)
    end)
    order[#order + 1] = "out"
    assert.same({ "inner closed", "stop", "out" }, order)
    assert.equal(0, world.timers())
  end))

  it("says of an emit that nobody hears what it is", world.inside(function()
    local emitter
    Supply.on_demand(function(e) emitter = e end):tap():close()
    local _, err = pcall(emitter.emit, emitter, 1)
    assert.equal("stop", err.kind)
    assert.matches("nobody listens", err.message)
  end))
end)

describe("R11, R14: what was cancelled or stopped elsewhere", function()
  for name, make in pairs(FOREIGN) do
    describe("a " .. name .. " job", function()
      it("is an ordinary error of cro.pcall, pawait and a list", world.inside(function()
        local job = make()
        local ok, err = cro.pcall(cro.await, job)
        assert.is_false(ok)
        assert.equal("cancelled", err.kind)
        assert.equal(err, select(2, cro.pawait(job)))
        assert.equal(err, select(2, cro.pawait { Promise.new(), job }))
      end))

      it("breaks the react that waits for it in its body, in a handler, as a source", world.inside(function()
        local job = make()
        for _, body in ipairs {
          function() cro.await(job) end,
          function() whenever(Promise.kept(), function() cro.await(job) end) end,
          function() whenever(job, print) end,
        } do
          local closed = false
          local ok, err = pcall(react, function()
            cro.closing(function() closed = true end)
            whenever(Promise.new(), print)
            body()
          end)
          assert.is_false(ok)
          assert.equal("cancelled", err.kind)
          assert.is_true(closed)
        end
      end))

      it("can be handled by the quit of its whenever", world.inside(function()
        local seen
        react(function() whenever(make(), print):quit(function(err) seen = err.kind end) end)
        assert.equal("cancelled", seen)
      end))

      it("quits a supply block that waits for it", world.inside(function()
        local job, seen = make(), nil
        supply(function() cro.await(job) end):tap { quit = function(err) seen = err end }
        assert.equal(job:cause(), seen)
      end))

      it("is reported when a plain tap has no quit for it", world.inside(function()
        make():supply():tap(print)
        sleep(0)
        assert.matches("^error in a tap: ", world.reports[1])
        assert.equal(1, #world.reports)
      end))

      it("breaks a job that waits for it, which is reported when nobody looks", world.inside(function()
        local job = make()
        cro.start(function() cro.await(job) end)
        sleep(0)
        garbage.collect()
        assert.equal(1, #world.reports)
        assert.matches("nobody observed", world.reports[1])
        assert.matches("awaited at .*r11_stop_spec", world.reports[1])
      end))
    end)
  end

  it("is not reported for what derives from a job that was cancelled on purpose", world.inside(function()
    local job = cro.start(sleep, 100)
    job:and_then(print)
    job:timeout(1000)
    sleep(0)
    job:cancel()
    sleep(0)
    garbage.collect()
    assert.same({}, world.reports)
  end))

  it("goes on unwinding when it is the waiting fiber that was cancelled", world.inside(function()
    local swallowed = false
    local job
    job = cro.start(function()
      for _, wait in ipairs {
        function() cro.pawait(Promise.new()) end,
        function() cro.pcall(sleep, 100) end,
        function() cro.pawait { Promise.new(), Channel.new() } end,
      } do
        pcall(wait)
        job:cancel "the waiting one"
      end
      cro.pawait(Promise.new())
      swallowed = true
    end)
    sleep(0)
    job:cancel "the waiting one"
    local _, err = cro.pawait(job)
    assert.equal("the waiting one", err.message)
    assert.is_false(swallowed)
  end))

  it("loses the privacy of a stop that is passed on by hand", world.inside(function()
    local function caught()
      local err
      react(function()
        whenever(Promise.kept(), function()
          err = select(2, pcall(cro.done))
          error(err, 0)
        end)
      end)
      return err
    end
    local supplier, channel, promise, seen = Supplier.new(), Channel.new(), Promise.new(), nil
    supplier:supply():tap { quit = function(err) seen = err end }
    supplier:quit(caught())
    channel:fail(caught())
    promise:fail(caught())
    assert.is_false(errors.is_stop(seen))
    assert.is_false(errors.is_stop(select(2, cro.pawait(channel))))
    assert.equal("cancelled", select(2, cro.pcall(cro.await, promise)).kind)
  end))

  it("is told apart from the cancellation of the running fiber by what it is", world.inside(function()
    local job, seen = cancelled_job(), {}
    local other
    other = cro.start(function()
      local _, own = pcall(sleep, 100)
      seen.own, seen.foreign = errors.is_unwinding(own), errors.is_unwinding(job:cause())
      seen.both = errors.is_cancellation(own) and errors.is_cancellation(job:cause())
    end)
    sleep(0)
    other:cancel()
    sleep(0)
    assert.same({ own = true, foreign = false, both = true }, seen)
  end))
end)
