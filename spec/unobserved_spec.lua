local cro = require "cro.reactive"
local world = require "spec.support.world"
local garbage = require "spec.support.garbage"

local Promise = cro.Promise

local function settle(count, err)
  for _ = 1, count do
    Promise.broken(err)
  end
  garbage.collect()
end

describe("promises that break with nobody looking", function()
  it("are reported each for itself", world.inside(function()
    settle(2, "lost")
    assert.equal(2, #world.reports)
    assert.matches("^a broken promise that nobody observed.*lost", world.reports[1])
  end))

  it("are reported once when one error breaks them all", world.inside(function()
    settle(5, cro.errors.new("reset", "the peer has gone"))
    assert.equal(1, #world.reports)
    assert.matches("the peer has gone", world.reports[1], 1, true)
  end))
end)
