local later = require "cro.later"

describe("later", function()
  local loads

  before_each(function()
    loads = 0
    package.preload["spec.later_made"] = function()
      loads = loads + 1
      return {
        sum = function(a, b, ...) return a + b, select("#", ...) end,
        fail = function() error("from the module", 0) end,
      }
    end
  end)

  after_each(function()
    package.preload["spec.later_made"] = nil
    package.loaded["spec.later_made"] = nil
  end)

  describe("fn", function()
    it("loads the module at the first call, once", function()
      local sum = later.fn("spec.later_made", "sum")
      assert.equal(0, loads)
      assert.equal(3, (sum(1, 2)))
      assert.equal(7, (sum(3, 4)))
      assert.equal(1, loads)
    end)

    it("passes all arguments and results, nils among them", function()
      local sum = later.fn("spec.later_made", "sum")
      assert.same({ 3, 2 }, { sum(1, 2, nil, nil) })
    end)

    it("raises what the function raises", function()
      assert.has_error(later.fn("spec.later_made", "fail"), "from the module")
    end)

    it("says at the first call that there is no such module, and again at the next", function()
      local fn = later.fn("spec.no_such_module", "sum")
      for _ = 1, 2 do
        local ok, message = pcall(fn)
        assert.is_false(ok)
        assert.matches("module 'spec.no_such_module' not found", message, 1, true)
      end
    end)
  end)

  describe("add", function()
    it("has the module replace the functions when one is called", function()
      local class = {}
      package.preload["spec.later_made"] = function()
        function class.twice(n) return 2 * n end
        function class.half(n) return n / 2 end
      end
      later.add(class, "spec.later_made", { "twice", "half" })
      local captured, half = class.twice, class.half
      assert.equal(6, class.twice(3))
      assert.not_equal(half, class.half)
      assert.equal(8, captured(4))
      assert.equal(4, half(8))
    end)

    it("leaves alone what the class has", function()
      local own = function() return "own" end
      local class = { twice = own }
      later.add(class, "spec.later_made", { "twice" })
      assert.equal(own, class.twice)
    end)
  end)

  it("names for supplies and promises just what their modules add", function()
    local found = {}
    local add = later.add
    later.add = function(class, module, names)
      found[module] = { names = names, class = class.__name:match "%w+$" }
    end
    local was = package.loaded["cro.reactive"]
    package.loaded["cro.reactive"] = nil
    local ok, message = pcall(require, "cro.reactive")
    package.loaded["cro.reactive"] = was
    later.add = add
    assert.is_true(ok, message)
    for module, added in pairs(found) do
      local text, names = {}, added.names
      for line in io.lines("lua/" .. module:gsub("%.", "/") .. ".lua") do
        text[#text + 1] = line:match("^function " .. added.class .. "[.:]([%w_]+)")
      end
      table.sort(text)
      table.sort(names)
      assert.same(text, names)
    end
  end)
end)
