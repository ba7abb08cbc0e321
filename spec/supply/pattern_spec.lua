local cro = require "cro.reactive"
local pieces = require "spec.support.pieces"
local property = require "spec.support.property"
local world = require "spec.support.world"

local single = property.one_of { "a", "b", "%a", "%d", ".", "[ab]", "[^a]", "%s", "[a-c1]", "%.", "%w", "x" }
local item = property.record {
  kind = property.integer(1, 20),
  single = single,
  times = property.one_of { "", "*", "+", "-", "?" },
}
local case = property.record {
  items = property.list(item, 4),
  text = property.list(property.one_of { "a", "b", "c", "1", "2", " ", "(", ")", ".", "x" }, 14),
  sizes = property.list(property.integer(0, 4), 8),
}

local RARE = { "%b()", "%f[%w]", "()" }

local function pattern_of(items)
  local parts = {}
  for i, one in ipairs(items) do
    parts[i] = RARE[one.kind] or one.single .. one.times
    if one.kind == 4 then parts[i] = "(" .. parts[i] .. ")" end
  end
  return table.concat(parts) .. (items[1] and items[1].kind == 5 and "$" or "")
end

describe("cro.supply.pattern", function()
  it("finds in pieces what string.gmatch finds in the whole, for any pattern", function()
    property.check(case, function(given)
      local source, text = pattern_of(given.items), table.concat(given.text)
      local expected = { n = 0 }
      for match in text:gmatch(source) do
        expected.n = expected.n + 1
        expected[expected.n] = match
      end
      world.run(function()
        assert.same(expected, cro.await(pieces.of(text, given.sizes):comb(source):list()))
      end)
    end, 1000)
  end)
end)
