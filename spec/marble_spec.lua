local marble = require "spec.support.marble"
local world = require "spec.support.world"

local function identity(s) return s end

--- Runs a row that is drawn wrongly; the message it fails with.
local function failure(row)
  local ok, err = pcall(world.run, function() marble.run(row, "an on-demand source") end)
  assert.is_false(ok, "a wrong row passed")
  return tostring(err)
end

describe("a marble row", function()
  marble.rows(it, {
    { "may be drawn with blanks, groups and marks of its own", source = "a (bc) -x|", values = { x = { 1, { 2 } } },
      op = identity, result = "a(bc)-x|" },
  })

  it("fails when a value is not the one drawn", function()
    assert.matches("a%-c|", failure { source = "a-b|", op = identity, result = "a-c|" })
  end)

  it("fails when a value is late", function()
    failure { source = "a-b|", op = identity, result = "ab|" }
    failure { source = "ab|", op = function(s) return s:delayed(0.5) end, result = "ab|" }
  end)

  it("fails when an end is missing, or another one", function()
    failure { source = "a-|", op = identity, result = "a-" }
    failure { source = "a-|", op = identity, result = "a-#" }
    failure { source = "a-#", op = identity, result = "a-#", err = "other" }
  end)

  it("fails when the source is closed at another time", function()
    assert.matches("closed at 2 s, not at 1 s", failure { source = "a-|", op = identity, result = "a-|", closed = "-!" })
  end)

  it("fails when a timer is left behind", function()
    local op = function(s)
      require("cro.fiber").timer(1000, function() end)
      return s
    end
    assert.matches("a timer was left behind", failure { source = "|", op = op, result = "|" })
  end)
end)
