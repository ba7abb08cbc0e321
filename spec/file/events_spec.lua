local cro = require "cro"
local events = require "cro.file.events"
local world = require "spec.support.world"

describe("the events of a watch", function()
  --- A sink whose handler takes `seconds` for each event, and what it was told.
  local function sink(seconds)
    local told = {}
    return {
      value = function(_, event)
        told[#told + 1] = event.event .. " " .. event.path .. (event.exists and "" or " gone")
        if seconds then cro.sleep(seconds) end
        return true
      end,
      done = function() told[#told + 1] = "done" end,
      quit = function(_, err) told[#told + 1] = "quit " .. tostring(err) end,
    }, told
  end

  it("come in order", world.inside(function()
    local out, told = sink()
    local list = events.new(out, "root", 10, false)
    list:add("a", "renamed", true)
    list:add("a", "changed", true)
    list:add("b", "renamed", false)
    list:finish()
    cro.sleep(1)
    assert.same({ "renamed a", "changed a", "renamed b gone", "done" }, told)
  end))

  it("of the same change are one while nobody has seen it", world.inside(function()
    local out, told = sink(1)
    local list = events.new(out, "root", 10, false)
    list:add("first", "changed", true)
    cro.sleep(0.5)
    for _ = 1, 5 do
      list:add("a", "changed", true)
      list:add("b", "changed", true)
    end
    list:add("a", "renamed", true)
    list:add("a", "changed", true)
    cro.sleep(10)
    list:add("a", "changed", true)
    cro.sleep(2)
    assert.same({ "changed first", "changed a", "changed b", "renamed a", "changed a", "changed a" }, told)
  end))

  it("beyond the buffer are one overflow, after what was queued and before what follows", world.inside(function()
    local out, told = sink(1)
    local list = events.new(out, "root", 3, false)
    list:add("0", "renamed", true)
    cro.sleep(0.5)
    for i = 1, 9 do
      list:add(tostring(i), "renamed", true)
    end
    cro.sleep(20)
    list:add("late", "renamed", true)
    cro.sleep(2)
    assert.same({ "renamed 0", "renamed 1", "renamed 2", "renamed 3", "overflow root", "renamed late" }, told)
  end))

  it("wait until their path is quiet, and tell the last of it", world.inside(function()
    local out, told = sink()
    local list = events.new(out, "root", 10, 0.5)
    list:add("a", "renamed", true)
    list:add("b", "changed", true)
    for _ = 1, 4 do
      cro.sleep(0.4)
      list:add("a", "changed", true)
    end
    assert.same({ "changed b" }, told)
    list:add("a", "renamed", false)
    cro.sleep(0.49)
    assert.same({ "changed b" }, told)
    cro.sleep(0.02)
    assert.same({ "changed b", "renamed a gone" }, told)
  end))

  it("that are held are bounded too, and told at the end", world.inside(function()
    local out, told = sink()
    local list = events.new(out, "root", 2, 5)
    list:add("a", "changed", true)
    list:add("b", "changed", true)
    list:add("c", "changed", true)
    cro.sleep(1)
    assert.same({ "overflow root" }, told)
    list:finish "no more"
    list:add("d", "changed", true)
    cro.sleep(1)
    assert.same({ "overflow root", "changed a", "changed b", "quit no more" }, told)
  end))

  it("end with the watch, even what is held", world.inside(function()
    local out, told = sink(1)
    local list = events.new(out, "root", 9, 0.1)
    list:add("a", "changed", true)
    cro.sleep(0.5)
    list:add("b", "changed", true)
    list:close()
    cro.sleep(10)
    assert.same({ "changed a" }, told)
  end))
end)
