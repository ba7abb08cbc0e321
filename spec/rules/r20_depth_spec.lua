local cro = require "cro.reactive"
local fiber = require "cro.fiber"
local world = require "spec.support.world"

local whenever, supply, emit, sleep = cro.whenever, cro.supply, cro.emit, cro.sleep

describe("R20: depth", function()
  local function chain(length)
    local s = supply(function()
      for i = 1, 3 do
        emit(i)
      end
    end)
    for _ = 2, length do
      local source = s
      s = supply(function() whenever(source, emit) end)
    end
    return s
  end

  it("carries values through a chain of two hundred blocks", world.inside(function()
    assert.same({ 1, 2, 3, n = 3 }, cro.await(chain(200):list()))
  end))

  it("refuses a longer one", world.inside(function()
    local _, err = cro.pawait(chain(201):promise())
    assert.matches("a chain of more than 200 supply blocks", tostring(err), 1, true)
  end))

  it("does not resume more than a hundred fibers inside one another", world.inside(function()
    local deepest, S = 0, require "cro.state"
    local function nest(n)
      deepest = math.max(deepest, S.depth)
      if n > 0 then fiber.run_now(nest, n - 1) end
    end
    nest(5000)
    sleep(1)
    assert.is_true(deepest <= 100)
    assert.is_true(deepest > 50)
  end))
end)
