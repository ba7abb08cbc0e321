local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local fake = require "cro.fake"
local fiber = require "cro.fiber"
local pipes = require "spec.support.pipes"
local run = require "cro.run"

local it_waits, raised = pipes.waiting(it), pipes.raised
local Upper = pipes.Upper

describe("cro.run", function()
  local on_signal, has_signals = run.on_signal, run.has_signals
  local handlers, open

  before_each(function()
    handlers, open = {}, 0
    run.has_signals = function() return true end
    run.on_signal = function(name, fn)
      handlers[name] = fn
      open = open + 1
      return { close = function() open = open - 1 end }
    end
  end)

  after_each(function() run.on_signal, run.has_signals = on_signal, has_signals end)

  local function stuck_service()
    local Stuck = require("cro.pipeline").map(pipes.Text, pipes.Text, function()
      return cro.await(cro.Promise.new())
    end, "Stuck")
    local listener = pipes.listener()
    return compose { listener, Stuck }, listener
  end

  for _, name in ipairs { "SIGINT", "SIGTERM" } do
    it_waits("starts a service and drains it at " .. name, function()
      local listener = pipes.listener()
      local running = cro.start(run.run, compose { listener, Upper })
      pipes.settle()
      local a = listener.accept(pipes.connection())
      a.send "x"
      handlers[name](name)
      cro.await(running)
      assert.same({ "X", "(done)" }, a.replies)
      assert.equal(1, a.closed)
      assert.equal(0, open)
    end)
  end

  it_waits("ends at once at the second signal", function()
    local service, listener = stuck_service()
    local running = cro.start(run.run, service)
    pipes.settle()
    local a = listener.accept(pipes.connection())
    a.send "x"
    handlers.SIGINT "SIGINT"
    pipes.settle()
    assert.equal("planned", running:status())
    local before = cro.now()
    handlers.SIGTERM "SIGTERM"
    cro.await(running)
    assert.is_true(cro.now() - before < 5)
    assert.equal(1, a.closed)
  end)

  it_waits("serves a list, and stops all of them", function()
    local one, two = pipes.listener(), pipes.listener()
    local running = cro.start(run.run, { compose { one }, compose { two } })
    pipes.settle()
    local a, b = one.accept(pipes.connection()), two.accept(pipes.connection())
    handlers.SIGTERM "SIGTERM"
    cro.await(running)
    assert.equal(1, a.closed)
    assert.equal(1, b.closed)
  end)

  it_waits("stops those before one that cannot start, and raises its error", function()
    local stopped
    local first = {
      start = function() end,
      stop = function(_, how)
        stopped = how
        return cro.Promise.kept(true)
      end,
    }
    local second = { start = function() error("port taken", 0) end, stop = function() end }
    assert.truthy(tostring(raised(run.run, { first, second })):find("port taken", 1, true))
    assert.same({ now = true }, stopped)
    assert.equal(0, open)
  end)

  it_waits("returns when all services have ended by themselves", function()
    local sum = pipes.Sum()
    run.run(compose { pipes.TextSource { "abc" }, pipes.ToBytes, pipes.Length, sum })
    assert.equal(3, sum.sum)
    assert.equal(0, open)
  end)

  it_waits("raises the error of a service that has failed", function()
    local report = require "cro.report"
    local before = report.on_error(function() end)
    local listener = pipes.listener()
    local running = cro.start(run.run, compose { listener, Upper })
    pipes.settle()
    listener.quit "the cable is cut"
    local _, err = cro.pawait(running)
    report.on_error(before)
    assert.truthy(tostring(err):find("the cable is cut", 1, true))
  end)

  it_waits("runs a function and returns its value", function()
    assert.equal(42, run.run(function()
      cro.sleep(0.01)
      return 42
    end))
    assert.equal(0, open)
  end)

  it_waits("cancels a function at a signal", function()
    local cleaned
    local running = cro.start(run.run, function()
      cro.defer(function() cleaned = true end)
      cro.await(cro.Promise.new())
    end)
    pipes.settle()
    handlers.SIGINT "SIGINT"
    assert.is_nil(cro.await(running))
    assert.is_true(cleaned)
  end)

  it_waits("raises the error of a function", function()
    assert.truthy(tostring(raised(run.run, function() error("mine", 0) end)):find("mine", 1, true))
  end)

  for _, row in ipairs {
    { "nothing", nil, "expected a service, a list of services or a function, got nothing" },
    { "an empty list", {}, "got a table" },
    { "a list with something else", { compose { pipes.listener() }, 3 },
      "element 2: expected a service, got the number 3" },
    { "a transform", Upper(), "a service has a source and a sink" },
  } do
    it("refuses " .. row[1], function()
      local err = tostring(raised(run.run, row[2]))
      assert.truthy(err:find(row[3], 1, true), err)
    end)
  end

  it("runs outside of a fiber, on a stand-in for the loop", function()
    if fiber.current() then return end
    fake.install(function() end)
    assert.equal("late", run.run(function()
      cro.sleep(3600)
      return "late"
    end))
    local err = tostring(raised(run.run, function() cro.await(cro.Promise.new()) end))
    assert.truthy(err:find("nothing is left to wait for", 1, true), err)
  end)
end)
