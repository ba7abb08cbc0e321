local fake = require "cro.fake"
local fiber = require "cro.fiber"

describe("cro.fake", function()
  before_each(function() fake.install() end)

  it("fires timers in the order of their time, ties in the order they were made", function()
    local log = {}
    for i, seconds in ipairs { 2, 1, 1, -1 } do
      fiber.timer(seconds, function() log[#log + 1] = i .. " at " .. fake.now() end)
    end
    fake.run()
    assert.same({ "4 at 0", "2 at 1", "3 at 1", "1 at 2" }, log)
  end)

  it("does not fire a closed timer, and forgets it", function()
    local fired = false
    local timer = fiber.timer(1, function() fired = true end)
    timer:close()
    timer:close()
    assert.equal(0, fake.timers())
    fake.run()
    assert.is_false(fired)
  end)

  it("advances so far and no further", function()
    local fired = 0
    for seconds = 1, 3 do
      fiber.timer(seconds, function() fired = fired + 1 end)
    end
    fake.advance(2)
    assert.equal(2, fired)
    assert.equal(2, fake.now())
    fake.advance(0.5)
    assert.equal(2.5, fake.now())
    assert.equal(1, fake.timers())
  end)

  it("settles without moving the clock", function()
    local steps = 0
    fiber.start(function()
      steps = 1
      fiber.start(function() steps = 2 end)
    end)
    fiber.timer(0, function() steps = 3 end)
    fake.settle()
    assert.equal(2, steps)
    assert.equal(0, fake.now())
  end)

  it("reports to the function it was given", function()
    local reports = {}
    fake.install(function(text) reports[#reports + 1] = text end)
    fiber.start(function() error "in a fiber" end)
    fake.run()
    assert.equal(1, #reports)
    assert.matches("error in a fiber: .*fake_spec.lua:%d+: in a fiber", reports[1])
  end)
end)
