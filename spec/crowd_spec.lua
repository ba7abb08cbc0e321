local crowd = require "cro.crowd"
local cro = require "cro.reactive"
local property = require "spec.support.property"
local world = require "spec.support.world"

local function those_in(self)
  local list = {}
  for i = self.head, self.last do
    if self[i] then list[#list + 1] = self[i].name end
  end
  return list
end

describe("a crowd", function()
  it("keeps its order whoever comes and leaves: as a plain list does", function()
    -- 0 takes the first, a negative number adds so many, others name who leaves.
    property.check(property.list(property.integer(-12, 60), 80), function(steps)
      local first = { name = 0 }
      local self, model, everybody = crowd.new(first), { first }, { first }
      for _, step in ipairs(steps) do
        if step == 0 then
          assert.equal(table.remove(model, 1) or false, crowd.take(self))
        elseif step < 0 then
          for _ = 1, -step do
            local one = { name = #everybody }
            everybody[#everybody + 1], model[#model + 1] = one, one
            crowd.add(self, one)
          end
        else
          local one = everybody[step] or {}
          crowd.remove(self, one)
          for i, other in ipairs(model) do
            if other == one then table.remove(model, i) end
          end
        end
        local names = {}
        for i, one in ipairs(model) do
          names[i] = one.name
        end
        assert.same(names, those_in(self))
        assert.equal(#model, self.held)
        assert.is_true(self.last - self.head <= 2 * self.held + 17, "too many holes")
      end
    end)
  end)

  it("lets go of who has left", function()
    local self = crowd.new {}
    local weak = setmetatable({}, { __mode = "v" })
    for i = 1, 100 do
      weak[i] = {}
      crowd.add(self, weak[i])
    end
    for i = 1, 99 do
      crowd.remove(self, weak[i])
    end
    require("spec.support.garbage").collect()
    local left = 0
    for _ in pairs(weak) do
      left = left + 1
    end
    assert.equal(1, left)
  end)

  it("of fibers that wait for one promise is told in order, without those that were cancelled", world.inside(function()
    local promise, log, jobs = cro.Promise.new(), {}, {}
    for i = 1, 2000 do
      jobs[i] = cro.start(function()
        promise:await()
        log[#log + 1] = i
      end)
    end
    cro.sleep(0)
    local expected = {}
    for i = 1, 2000 do
      if i % 7 == 3 then expected[#expected + 1] = i else jobs[i]:cancel() end
    end
    promise:keep()
    cro.sleep(0)
    assert.same(expected, log)
  end))

  it("of many leaves in no time, whoever goes first", world.inside(function()
    for _, step in ipairs { 1, -1 } do
      local promise, jobs = cro.Promise.new(), {}
      for i = 1, 40000 do
        jobs[i] = cro.start(promise.await, promise)
      end
      cro.sleep(0)
      local began = os.clock()
      for i = step > 0 and 1 or #jobs, step > 0 and #jobs or 1, step do
        jobs[i]:cancel()
      end
      assert.is_true(os.clock() - began < 1) -- of each by looking at all: 3 s and more
      assert.is_false(promise:is_awaited())
    end
  end))
end)
