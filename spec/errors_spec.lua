local errors = require "cro.errors"

describe("cro.errors", function()
  it("makes tables whose text is their message", function()
    local err = errors.new("timeout", "took too long", { phase = "connect", cause = "why" })
    assert.equal("took too long", tostring(err))
    assert.equal("timeout", err.kind)
    assert.equal("connect", err.phase)
    assert.equal("why", err.cause)
    assert.equal("it took too long!", "it " .. err .. "!")
    assert.is_true(errors.is(err))
    assert.is_false(errors.is { kind = "timeout" })
  end)

  it("wraps what is no table and leaves tables of the script alone", function()
    local own = {}
    assert.equal(own, errors.wrap(own))
    assert.equal("text", errors.wrap("text").message)
    assert.equal("12", errors.wrap(12).message)
    assert.equal("an error without a message", errors.wrap(nil).message)
  end)

  it("keeps the first traceback, and gives none to what only unwinds", function()
    local err = errors.new("error", "m")
    assert.matches("stack traceback", errors.trace(err).traceback, 1, true)
    local first = err.traceback
    assert.equal(first, errors.trace(err).traceback)
    assert.is_nil(errors.trace(errors.STOP).traceback)
    assert.is_nil(errors.trace(errors.LAST).traceback)
    assert.matches("stack traceback", errors.trace("text").traceback, 1, true)
  end)

  it("tells what must not be swallowed", function()
    assert.is_true(errors.is_unwinding(errors.STOP))
    assert.is_true(errors.is_unwinding(errors.LAST))
    assert.is_true(errors.is_unwinding(errors.UNHEARD))
    assert.is_false(errors.is_unwinding(errors.new("cancelled", "of something else")))
    assert.is_false(errors.is_unwinding(errors.new("error", "e")))
    assert.is_false(errors.is_unwinding("stop"))
    assert.is_true(errors.is_stop(errors.STOP))
    assert.is_false(errors.is_stop(errors.new("cancelled", "c")))
  end)

  it("raises misuse as a string with the place of the script", function()
    local ok, err = pcall(errors.misuse, "wrong")
    assert.is_false(ok)
    assert.equal("string", type(err))
    assert.matches("errors_spec.lua:%d+: wrong$", err)
  end)

  it("notes the awaits it passed, without end only up to a bound", function()
    local err = errors.new("error", "m")
    for i = 1, 100 do
      errors.awaited(err)
      errors.passed(err, "step " .. i)
    end
    assert.is_true(#err.trail > 5)
    assert.is_true(#err.trail < 50)
    assert.equal("text", errors.awaited "text")
  end)

  it("notes a place once, however many await there", function()
    local err = errors.new("error", "m")
    for _ = 1, 100 do
      errors.awaited(err)
      errors.passed(err, "another step")
    end
    assert.equal(2, #err.trail)
  end)

  it("makes of a stop, for others, that something was given up", function()
    for _, stop in ipairs { errors.STOP, errors.LAST, errors.UNHEARD } do
      local err = errors.outside(stop)
      assert.is_false(errors.is_unwinding(err))
      assert.is_true(errors.is_cancellation(err))
      assert.matches(stop.message, err.message, 1, true)
      assert.is_true(errors.is_cancellation(errors.wrap(stop)))
    end
    local other = errors.new("error", "m")
    assert.equal(other, errors.outside(other))
    assert.is_false(errors.is_cancellation(other))
    assert.is_false(errors.is_cancellation { kind = "cancelled" })
  end)

  it("describes an error with its traceback, awaits and causes", function()
    local cause = errors.new("error", "the cause")
    local err = errors.new("error", "the error", { cause = cause, traceback = "\nthe traceback", trail = { "awaited at a:1" } })
    assert.equal("the error\nthe traceback\nawaited at a:1\ncaused by: the cause", errors.describe(err))
    assert.equal("text", errors.describe "text")
  end)

  it("describes a table of the script by what it says, or by its fields, and where it was raised", function()
    local speaks = setmetatable({}, { __tostring = function() return "I speak" end })
    assert.equal("I speak", errors.describe(speaks))
    assert.equal("a table { code = 7, why = lost }", errors.describe { why = "lost", code = 7 })
    assert.equal("a table {}", errors.describe {})
    local many = {}
    for i = 1, 30 do many[i] = i end
    assert.matches("^a table { 1 = 1, .*%.%.%. }$", errors.describe(many))
    local raised = { code = 7 }
    xpcall(function() error(raised) end, errors.trace)
    assert.matches("^a table { code = 7 }\nstack traceback:\n.*errors_spec.lua:%d+", errors.describe(raised))
    assert.matches("^stack traceback:", errors.traceback(raised))
    assert.same({ code = 7 }, raised)
  end)

  it("notes no await outside of the script's own lines", function()
    local err = errors.new("error", "m")
    local thread = coroutine.create(errors.awaited)
    coroutine.resume(thread, err)
    assert.same({}, errors.trail(err))
  end)
end)
