local property = require "spec.support.property"

describe("the property tests themselves", function()
  it("shrink a failing list to the smallest that fails", function()
    local ok, err = pcall(property.check, property.list(property.integer(0, 100), 20), function(list)
      for _, n in ipairs(list) do
        assert(n < 10, "ten or more")
      end
    end)
    assert.is_false(ok)
    assert.matches("failed for { 10 }", err, 1, true)
    assert.matches("seed %d+", err)
    assert.matches("ten or more", err, 1, true)
  end)

  it("shrink records field by field and choices to the first", function()
    local generator = property.record { n = property.integer(0, 50), word = property.one_of { "a", "b", "c" } }
    local _, err = pcall(property.check, generator, function(record) assert(record.n < 5) end)
    assert.matches('failed for { n = 5, word = "a" }', err, 1, true)
  end)

  it("run as often as asked and pass what holds", function()
    local runs = 0
    property.check(property.integer(1, 6), function(n)
      runs = runs + 1
      assert(n >= 1 and n <= 6)
    end, 40)
    assert.equal(40, runs)
  end)
end)
