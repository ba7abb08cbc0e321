local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier, Promise = cro.Supply, cro.Supplier, cro.Promise

describe("R3: a block does one thing at a time", function()
  it("keeps the turn while a handler waits; the rest queues in order", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    react(function()
      whenever(supplier, function(v)
        note("in " .. v)
        if v == 1 then sleep(5) end
        note("out " .. v)
        if v == 3 then cro.done() end
      end)
      for i = 1, 3 do
        supplier:emit(i)
      end
    end)
    assert.same({ "in 1", "out 1", "in 2", "out 2", "in 3", "out 3" }, log)
  end))

  it("counts the body, last and quit callbacks too", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    react(function()
      whenever(Supply.from_list {}, function() end):last(function()
        note "last begins"
        sleep(1)
        note "last ends"
      end)
      whenever(supplier, function() note "value" end)
      supplier:emit(1)
      supplier:done()
      sleep(1)
      note "body ends"
    end)
    assert.same({ "body ends", "last begins", "last ends", "value" }, log)
  end))

  local kinds = { "interval", "list", "supplier", "promise", "block" }

  local function source_of(kind, period)
    if kind == "interval" then return Supply.interval(period):head(3) end
    if kind == "list" then return Supply.from_list { 1, 2, 3 } end
    if kind == "promise" then return Promise.after(period) end
    if kind == "block" then
      return supply(function()
        for i = 1, 3 do
          emit(i)
          sleep(period)
        end
      end)
    end
    local supplier = Supplier.new()
    cro.start(function()
      for i = 1, 3 do
        sleep(period)
        supplier:emit(i)
      end
      supplier:done()
    end)
    return supplier
  end

  local plan = property.list(property.record {
    kind = property.one_of(kinds),
    period = property.integer(1, 7),
    wait = property.integer(0, 5),
  }, 6)

  it("never runs two handlers of a block at once, for any mix of sources", function()
    property.check(plan, function(lines)
      world.run(function()
        local busy, handled, ended = 0, 0, false
        react(function()
          cro.closing(function() ended = true end)
          for _, one in ipairs(lines) do
            whenever(source_of(one.kind, one.period / 10), function()
              assert(not ended, "a handler ran after the block had ended")
              busy = busy + 1
              assert(busy == 1, "two handlers at once")
              if one.wait > 0 then sleep(one.wait / 10) end
              handled = handled + 1
              busy = busy - 1
            end)
          end
        end)
        local expected = 0
        for _, one in ipairs(lines) do
          expected = expected + (one.kind == "promise" and 1 or 3)
        end
        assert(handled == expected, ("handled %d of %d"):format(handled, expected))
        assert(world.timers() == 0, "a timer was left behind")
      end)
    end)
  end)
end)
