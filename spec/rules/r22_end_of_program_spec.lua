local cro = require "cro.reactive"
local world = require "spec.support.world"

local react, whenever, sleep = cro.react, cro.whenever, cro.sleep
local Supply, Promise = cro.Supply, cro.Promise

describe("R22: the end of the program", function()
  it("closes what is open, latest first, and runs what was deferred", world.inside(function()
    local log, note = world.log()
    cro.start(function()
      cro.defer(function() note "deferred" end)
      sleep(1000)
    end)
    cro.start(function()
      react(function()
        cro.closing(function() note "react closed" end)
        whenever(Supply.interval(1), function() end)
      end)
    end)
    sleep(0)
    Supply.interval(1):on_close(function() note "tap closed" end):tap()
    cro.shutdown()
    assert.same({ "tap closed", "react closed", "deferred" }, log)
  end))

  it("waits for close callbacks, but not for ever", world.inside(function()
    cro.start(function()
      react(function()
        cro.closing(function() sleep(1000) end)
        whenever(Supply.interval(1), function() end)
      end)
    end)
    sleep(0)
    cro.shutdown()
    assert.is_true(cro.now() <= 6)
  end))

  it("can be called in the handler of a react without waiting for itself", world.inside(function()
    local closed = false
    pcall(react, function()
      cro.closing(function() closed = true end)
      whenever(Promise.after(1), function()
        cro.shutdown()
      end)
    end)
    assert.is_true(closed)
    assert.is_true(cro.now() < 2)
  end))

  it("reports promises that nobody observed", world.inside(function()
    local held = Promise.broken "at the very end"
    cro.shutdown()
    assert.matches("at the very end", world.reports[1], 1, true)
    assert.equal("broken", held:status())
  end))
end)
