local errors = require "cro.errors"
local Timeout = require "cro.timeout"

local DEFAULTS = { connect = 5, headers = 30, body = math.huge }

local function failure(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_true(errors.is(err), tostring(err))
  return err
end

describe("cro.timeout", function()
  it("gives each phase its default when nothing else is said", function()
    local policy = Timeout.new(nil, DEFAULTS)
    assert.equal(5, policy:get(0, "connect"))
    assert.equal(30, policy:get(1000, "headers"))
    assert.equal(math.huge, policy:get(0, "body"))
  end)

  it("lets a table change phases one by one", function()
    local policy = Timeout.new({ connect = 1, body = 60 }, DEFAULTS)
    assert.equal(1, policy:get(0, "connect"))
    assert.equal(30, policy:get(0, "headers"))
    assert.equal(60, policy:get(0, "body"))
  end)

  it("never gives a phase more than the total has left", function()
    local policy = Timeout.new({ total = 10 }, DEFAULTS)
    assert.equal(5, policy:get(0, "connect"))
    assert.equal(5, policy:get(5, "connect"))
    assert.equal(2, policy:get(8, "connect"))
    assert.equal(7.5, policy:get(2.5, "body"))
  end)

  it("gives 0, never less, when the total is used up", function()
    local policy = Timeout.new({ total = 10 }, DEFAULTS)
    assert.equal(0, policy:get(10, "body"))
    assert.equal(0, policy:get(11, "body"))
  end)

  it("takes a number as the total", function()
    local policy = Timeout.new(3, DEFAULTS)
    assert.equal(3, policy.total)
    assert.equal(1, policy:get(2, "headers"))
  end)

  it("takes a default total, and 0 as no time at all", function()
    assert.equal(7, Timeout.new(nil, { a = 60, total = 7 }):get(0, "a"))
    assert.equal(0, Timeout.new({ a = 0 }, { a = 60 }):get(0, "a"))
  end)

  it("leaves the tables it was given alone", function()
    local given, defaults = { total = 1 }, { a = 2 }
    Timeout.new(given, defaults)
    assert.same({ total = 1 }, given)
    assert.same({ a = 2 }, defaults)
  end)

  it("names an unknown phase, the nearest one, and the caller's line", function()
    local err = failure(Timeout.new, { conect = 1 }, DEFAULTS)
    assert.equal("unknown_phase", err.kind)
    assert.equal("conect", err.phase)
    assert.matches('unknown phase "conect"; did you mean "connect"?', err.message, 1, true)
    err = failure(function() Timeout.new(nil, DEFAULTS):get(0, "zzzzzzzzzz") end)
    assert.equal("unknown_phase", err.kind)
    assert.matches("it knows body, connect, headers", err.message, 1, true)
    assert.matches("timeout_spec.lua:%d+: ", err.message)
  end)

  it("does not take the total for a phase", function()
    assert.equal("unknown_phase", failure(function() Timeout.new(1, DEFAULTS):get(0, "total") end).kind)
  end)

  for _, bad in ipairs { "5", -1, 0 / 0, {}, true } do
    it("refuses " .. tostring(bad) .. " as seconds", function()
      local err = failure(Timeout.new, { connect = bad }, DEFAULTS)
      assert.equal("invalid_timeout", err.kind)
      assert.equal("connect", err.phase)
    end)

    it("refuses " .. tostring(bad) .. " as elapsed time", function()
      local policy = Timeout.new(nil, DEFAULTS)
      assert.equal("invalid_timeout", failure(policy.get, policy, bad, "connect").kind)
    end)
  end

  it("refuses anything but a number or a table", function()
    assert.error_matches(function() Timeout.new("10", DEFAULTS) end, "argument 1: expected nil or number or table")
  end)
end)
