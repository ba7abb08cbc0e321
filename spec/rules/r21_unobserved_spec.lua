local cro = require "cro.reactive"
local garbage = require "spec.support.garbage"
local world = require "spec.support.world"

local sleep, Promise = cro.sleep, cro.Promise
local collect = garbage.collect

describe("R21: a broken promise that nobody observed", function()
  it("is reported when it is collected, with the place of the failure", world.inside(function()
    local function lose() Promise.new():fail "lost" end
    lose()
    collect()
    assert.equal(1, #world.reports)
    assert.matches("lost", world.reports[1], 1, true)
    assert.matches("r21_unobserved_spec.lua:%d+", world.reports[1])
  end))

  it("is reported for a started fiber, with its traceback", world.inside(function()
    cro.start(function() error "nobody looks" end)
    sleep(0)
    collect()
    assert.equal(1, #world.reports)
    assert.matches("nobody looks", world.reports[1], 1, true)
    assert.matches("stack traceback", world.reports[1], 1, true)
  end))

  local uses = {
    pawait = function(p) cro.pawait(p) end,
    or_else = function(p) p:or_else(function() end) end,
    settled = function(p) p:settled(function() end) end,
    any_of = function(p) cro.await(Promise.any_of { p }) end,
    supply = function(p)
      p:supply():tap { quit = function() end }
      sleep(1)
    end,
  }
  for name, use in pairs(uses) do
    it("is not reported when " .. name .. " looked at it, before or after", world.inside(function()
      local function try(broken_first)
        local promise = Promise.new()
        if broken_first then promise:fail "seen" end
        cro.start(function()
          sleep(1)
          if not broken_first then promise:fail "seen" end
        end)
        use(promise)
        sleep(2)
      end
      try(true)
      try(false)
      collect()
      assert.same({}, world.reports)
    end))
  end

  it("is not reported when it was asked for its cause", world.inside(function()
    assert.equal("asked", Promise.broken("asked"):cause().message)
    collect()
    assert.same({}, world.reports)
  end))

  it("is reported at the end of a chain that nobody looks at", world.inside(function()
    local function lose() Promise.broken("start of the chain"):and_then(function() end) end
    lose()
    sleep(0)
    collect()
    assert.equal(1, #world.reports)
  end))

  it("is reported at exit while it is still held, once", world.inside(function()
    local held = Promise.new()
    held:fail "held"
    cro.at_exit()
    cro.at_exit()
    assert.equal(1, #world.reports)
    assert.equal("broken", held:status())
  end))

  it("is silent about a cancellation", world.inside(function()
    cro.start(sleep, 10):cancel()
    sleep(0)
    collect()
    assert.same({}, world.reports)
  end))
end)
