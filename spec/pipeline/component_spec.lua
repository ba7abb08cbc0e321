local component = require "cro.pipeline.component"
local cro = require "cro.reactive"
local pipes = require "spec.support.pipes"

local it_waits, raised = pipes.waiting(it), pipes.raised
local Text = pipes.Text

local function identity(_, messages) return messages end

describe("cro.transform and its siblings", function()
  it("return a class whose instances have its fields and their own options", function()
    local Shift = component.transform { name = "Shift", consumes = Text, produces = Text, transformer = identity }
    function Shift:double() return self.by * 2 end
    local one, three = Shift(), Shift { by = 3 }
    assert.equal("transform", one.kind)
    assert.equal("Shift", three.name)
    assert.equal(Text, three.consumes)
    assert.is_nil(one.by)
    assert.equal(6, three:double())
    assert.equal("Shift", tostring(three))
    assert.equal("Shift", tostring(Shift))
  end)

  it("check options by rules, with defaults", function()
    local Shift = component.transform {
      name = "Shift", consumes = Text, produces = Text, transformer = identity,
      options = { by = { "integer", default = 13 } },
    }
    assert.equal(13, Shift().by)
    assert.equal(5, Shift({ by = 5 }).by)
    assert.truthy(tostring(raised(Shift, { yb = 5 })):find('Shift: unknown option "yb"; did you mean "by"?', 1, true))
    assert.truthy(tostring(raised(Shift, { by = "5" })):find('option "by": expected integer', 1, true))
  end)

  it("give options to configure, checked ones when there are rules", function()
    local seen
    local spec = {
      name = "Own", consumes = Text, produces = Text, transformer = identity,
      configure = function(self, value) self.value, seen = value, value end,
    }
    assert.equal("anything", component.transform(spec)("anything").value)
    spec.options = { n = { "number", default = 1 } }
    component.transform(spec)()
    assert.same({ n = 1 }, seen)
  end)

  it("let configure choose the types of an instance", function()
    local Any = component.transform {
      name = "Any", transformer = identity,
      configure = function(self, type_) self.consumes, self.produces = type_, type_ end,
    }
    assert.equal(pipes.Number, Any(pipes.Number).consumes)
  end)

  it("refuse options that would replace a field of every component", function()
    local Shift = component.transform { name = "Shift", consumes = Text, produces = Text, transformer = identity }
    assert.truthy(tostring(raised(Shift, { consumes = 1 })):find('"consumes" cannot be an option', 1, true))
    assert.truthy(tostring(raised(Shift, "5")):find('expected a table of options, got the string "5"', 1, true))
  end)

  it("are named after their place when they have no name", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local class = component.sink { consumes = Text, sinker = identity }
    assert.truthy(class.name:find("sink at .*component_spec.lua:" .. line), class.name)
  end)

  for _, row in ipairs {
    { "transform", 'has no function "transformer"; add transformer = function(self, messages) ... end' },
    { "source", 'add incoming = function(self) ... end' },
    { "sink", 'add sinker = function(self, messages) ... end' },
    { "connector", 'add connect = function(self, options) ... end' },
  } do
    it("refuse a " .. row[1] .. " that does nothing", function()
      local err = tostring(raised(component[row[1]], { name = "Idle" }))
      assert.truthy(err:find(row[2], 1, true), err)
    end)
  end

  it("refuse an unknown key and name the nearest", function()
    local err = tostring(raised(component.transform, { name = "T", transfomer = identity }))
    assert.truthy(err:find('cro.transform: unknown option "transfomer"; did you mean "transformer"?', 1, true), err)
  end)
end)

describe("cro.map", function()
  it_waits("turns each message into one other, and may wait", function()
    local Slow = component.map(Text, pipes.Number, function(m)
      cro.sleep(0.01)
      return pipes.Number { value = #m.text }
    end)
    local out = Slow():transformer(cro.Supply.from_list { Text { text = "a" }, Text { text = "bcd" } })
    assert.same({ 1, 3 }, pipes.pluck(out, "value"))
  end)

  it_waits("ends in the error of its function", function()
    local Bad = component.map(Text, Text, function() error "refused" end)
    local err = raised(pipes.all, Bad():transformer(cro.Supply.from_list { Text { text = "a" } }))
    assert.truthy(tostring(err):find("refused", 1, true))
  end)

  it("needs a function", function()
    assert.truthy(tostring(raised(component.map, Text, Text)):find("cro.map: argument 3: expected callable", 1, true))
  end)
end)
