local ring = require "cro.ring"
local property = require "spec.support.property"
local garbage = require "spec.support.garbage"

describe("cro.ring", function()
  it("gives entries back in order, nils included", function()
    local r = ring.new()
    ring.push(r, "line", 1, nil)
    ring.push(r, "line", 2, false)
    assert.same({ "line", 1, nil }, { ring.take(r) })
    assert.same({ "line", 2, false }, { ring.take(r) })
    assert.equal(0, r.count)
  end)

  it("lets go of what it gave back", function()
    local r = ring.new()
    local weak = setmetatable({ {} }, { __mode = "v" })
    ring.push(r, weak[1], 1, weak[1])
    ring.take(r)
    garbage.collect()
    assert.is_nil(weak[1])
  end)

  it("behaves like a plain queue for any order of pushes and takes", function()
    property.check(property.list(property.integer(-3, 20), 40), function(steps)
      local r, model, serial = ring.new(), {}, 0
      for _, n in ipairs(steps) do
        for _ = 1, math.max(0, n) do
          serial = serial + 1
          ring.push(r, serial, n, serial % 3 > 0 and serial or nil)
          model[#model + 1] = serial
        end
        for _ = 1, math.min(#model, math.max(0, -n) * 4) do
          local line, _, value = ring.take(r)
          local expected = table.remove(model, 1)
          assert(line == expected, "out of order")
          assert(value == (expected % 3 > 0 and expected or nil), "wrong value")
        end
        assert(r.count == #model, "wrong count")
      end
    end)
  end)
end)
