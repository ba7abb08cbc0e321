local cro = require "cro.reactive"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

describe("R2: operators belong to the tap", function()
  it("holds the source while an operator waits", world.inside(function()
    local log, note = world.log()
    local source = supply(function()
      for i = 1, 2 do
        emit(i)
        note("emitted " .. i .. " at " .. cro.now())
      end
    end)
    react(function()
      whenever(source:map(function(v)
        sleep(1)
        return v
      end), note)
    end)
    assert.same({ "1", "emitted 1 at 1", "2", "emitted 2 at 2" }, log)
  end))

  it("never runs an operator while a handler of the same block runs", world.inside(function()
    local busy, worst = 0, 0
    local function one_at_a_time(v)
      busy = busy + 1
      worst = math.max(worst, busy)
      sleep(1)
      busy = busy - 1
      return v
    end
    react(function()
      whenever(Supply.interval(0.3):head(4):map(one_at_a_time), function() end)
      whenever(Supply.interval(0.4):head(4), one_at_a_time)
    end)
    assert.equal(1, worst)
  end))

  it("makes an error in an operator the quit of its line, and closes the source", world.inside(function()
    local log, note = world.log()
    local source = supply(function()
      cro.closing(function() note "source closed" end)
      emit(1)
      emit(2)
    end)
    react(function()
      whenever(source:map(function(v)
        if v == 1 then error({ kind = "own" }) end
        return v
      end), note):quit(function(err) note("quit " .. err.kind) end)
    end)
    assert.same({ "quit own", "source closed" }, log)
  end))

  it("lets an error in the handler break the block, whatever its line's quit would do", world.inside(function()
    local quit_ran = false
    local ok, err = pcall(react, function()
      whenever(Supply.from_list({ 1 }):map(function(v) return v end), function() error({ kind = "own" }) end)
        :quit(function() quit_ran = true end)
    end)
    assert.is_false(ok)
    assert.equal("own", err.kind)
    assert.is_false(quit_ran)
  end))

  it("still knows an operator from a handler after an error was handled", world.inside(function()
    local quits = 0
    local supplier = Supplier.new()
    react(function()
      for _ = 1, 2 do
        whenever(supplier:supply():map(function() error "operator" end), function() end)
          :quit(function() quits = quits + 1 end)
      end
      supplier:emit(1)
    end)
    assert.equal(2, quits)
  end))
end)
