local cro = require "cro.reactive"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local pipes = require "spec.support.pipes"
local report = require "cro.report"

local it_waits, raised = pipes.waiting(it), pipes.raised

describe("cro.on_error", function()
  local write, fiber_report = report.write, fiber.report
  local written

  before_each(function()
    written = {}
    report.write = function(text) written[#written + 1] = text end
    report.install()
  end)

  after_each(function()
    report.write, fiber.report = write, fiber_report
    report.on_error(nil)
  end)

  it("has errors written with heading, label and traceback when nothing else is said", function()
    local err = errors.new("error", "it broke", { traceback = "\nstack traceback:\n\there" })
    report.unhandled(err, { what = "error in a test", label = "l" })
    assert.same({ "error in a test [l]: it broke\nstack traceback:\n\there" }, written)
  end)

  it_waits("gives the function the error, its traceback and where it came from", function()
    local seen
    report.on_error(function(...) seen = { ... } end)
    local err = errors.new("odd", "it broke", { traceback = "\nstack" })
    report.unhandled(err, { what = "a test" })
    assert.equal(err, seen[1])
    assert.equal("stack", seen[2])
    assert.same({ what = "a test" }, seen[3])
    assert.same({}, written)
  end)

  it_waits("makes an error value of a string and keeps a table of the script", function()
    local seen = {}
    report.on_error(function(err) seen[#seen + 1] = err end)
    local own = { mine = true }
    report.unhandled "text"
    report.unhandled(own)
    assert.equal("text", seen[1].message)
    assert.equal(own, seen[2])
  end)

  it_waits("writes an error of the function together with the one it was given, and does not loop", function()
    local calls = 0
    report.on_error(function()
      calls = calls + 1
      error("the hook is broken", 0)
    end)
    report.unhandled(errors.new("error", "first"), { what = "a test" })
    assert.equal(1, calls)
    assert.equal(2, #written)
    assert.truthy(written[1]:find("error in the function given to cro.on_error: the hook is broken", 1, true))
    assert.equal("a test: first", written[2])
  end)

  it_waits("lets the function wait", function()
    local done
    report.on_error(function()
      cro.sleep(0.01)
      done = true
    end)
    report.unhandled "x"
    assert.is_nil(done)
    cro.sleep(0.02)
    assert.is_true(done)
  end)

  it_waits("hears of taps that fail and of promises that nobody looks at", function()
    local seen = {}
    report.on_error(function(err) seen[#seen + 1] = tostring(err) end)
    cro.Supply.from_list({ 1 }):tap(function() error("in a tap", 0) end)
    cro.sleep(0.001)
    assert.same({ "in a tap" }, seen)
  end)

  it("returns what was set before, and refuses what cannot be called", function()
    local function first() end
    assert.is_nil(report.on_error(first))
    assert.equal(first, report.on_error(nil))
    assert.truthy(tostring(raised(report.on_error, 3)):find("cro.on_error: argument 1: expected callable", 1, true))
  end)

  it("counts", function()
    local before = report.count()
    report.unhandled "x"
    assert.equal(before + 1, report.count())
  end)
end)
