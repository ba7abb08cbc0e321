local component = require "cro.pipeline.component"
local cro = require "cro.reactive"
local pipeline = require "cro.pipeline"
local pipes = require "spec.support.pipes"

local it_waits, raised = pipes.waiting(it), pipes.raised
local compose, conditional = pipeline.compose, pipeline.conditional
local Text, Bytes, Upper, ToBytes = pipes.Text, pipes.Bytes, pipes.Upper, pipes.ToBytes

local function texts(...)
  local list = {}
  for i, text in ipairs { ... } do
    list[i] = Text { text = text }
  end
  return cro.Supply.from_list(list)
end

--- What the connector makes: puts `prepend` before each text; conditionals look at `way`.
local Prepend = component.transform {
  name = "Prepend",
  consumes = Text,
  produces = Text,
  transformer = function(self, messages)
    return messages:map(function(m) return Text { text = (self.prepend or "") .. m.text } end)
  end,
}

local Plug = component.connector {
  name = "Plug",
  consumes = Text,
  produces = Text,
  connect = function(_, options) return cro.start(function() return Prepend(options) end) end,
}

describe("connector", function()
  it_waits("passes what it is given through the connection", function()
    local out = Plug():establish(texts("interested"), { prepend = "un" })
    assert.same({ "uninterested" }, pipes.pluck(out, "text"))
  end)

  it_waits("alone composes to a connector", function()
    local whole = compose { Plug }
    assert.equal("connector", whole.kind)
    assert.equal(Text, whole.consumes)
    assert.equal(Text, whole.produces)
    assert.same({ "uninterested" }, pipes.pluck(whole:establish(texts("interested"), { prepend = "un" }), "text"))
  end)

  it_waits("takes transforms on each side", function()
    local whole = compose { Upper, Plug, ToBytes }
    assert.equal("connector", whole.kind)
    assert.equal(Bytes, whole.produces)
    local out = whole:establish(texts("complete"), { prepend = "in" })
    assert.same({ "inCOMPLETE" }, pipes.pluck(out, "data"))
  end)

  it_waits("connects to a transform that can be used by itself", function()
    local transform = cro.await(compose({ Upper, Plug }):connect { prepend = ">" })
    assert.equal("transform", transform.kind)
    assert.same({ ">A" }, pipes.pluck(transform:transformer(texts "a"), "text"))
  end)

  it_waits("fails the supply with its name when it cannot connect", function()
    local Dead = component.connector {
      name = "Dead",
      consumes = Text,
      produces = Text,
      connect = function()
        return cro.Promise.broken(cro.errors.new("refused", "connection refused", { address = "127.0.0.1:1" }))
      end,
    }
    local whole = compose { Upper, Dead }
    local err = raised(pipes.all, whole:establish(texts "x"))
    assert.equal("Dead: connection refused", err.message)
    assert.equal("refused", err.kind)
    assert.equal("connect", err.phase)
    assert.equal("Dead", err.component)
    assert.equal("127.0.0.1:1", err.address)
    assert.equal("connection refused", err.cause.message)
  end)

  it_waits("says so when connect gives something else than a transform", function()
    local Odd = component.connector {
      name = "Odd", consumes = Text, produces = Text, connect = function() return cro.Promise.kept(7) end,
    }
    local _, err = cro.pawait(compose({ Odd }):connect())
    assert.equal("connect of Odd must give a transform, it gave the number 7", tostring(err))
  end)
end)

describe("cro.conditional", function()
  local A = require("cro.pipeline.types").message { name = "A" }
  local Direct = component.map(A, Text, function() return Text { text = "direct" } end, "Direct")
  local First = component.map(A, Bytes, function() return Bytes { data = "b" } end, "First")
  local Second = component.map(Bytes, Text, function(m) return Text { text = "by " .. m.data } end, "Second")
  local Sink = component.sink { name = "Sink", consumes = A, sinker = function() end }
  local function yes(connected) return connected.way == "long" end

  it("takes a transform, or a list of transforms, as default alone", function()
    assert.equal(Text, conditional({ default = Direct }).produces)
    local cond = conditional { default = { First, Second } }
    assert.equal(A, cond.consumes)
    assert.equal(Text, cond.produces)
  end)

  for _, row in ipairs {
    { "nothing", {}, "NoAlternatives", "needs at least a default" },
    { "conditions without a default", { { yes, Direct } }, "NoDefault", "not just conditions" },
    { "an alternative without a condition", { Direct, default = Direct }, "MultipleDefaults", "there is one default" },
    { "a list without a condition", { { First, Second }, default = Direct }, "MultipleDefaults",
      "there is one default" },
    { "a sink", { default = Sink }, "TransformOnly", "must be transforms or lists of them, but got Sink" },
    { "a sink in a list", { default = { First, Sink } }, "TransformOnly", "but got Sink" },
    { "a number", { default = 3 }, "TransformOnly", "but got the number 3" },
    { "a sink behind a condition", { { yes, Sink }, default = Direct }, "TransformOnly", "but got Sink" },
    { "transforms that do not fit", { default = { Second, First } }, "Mismatch",
      "a Second producing Text with a First consuming A" },
    { "alternatives of different types", { { yes, First }, default = Direct }, "Incompatible",
      "but saw A to Text and A to Bytes" },
  } do
    it("refuses " .. row[1], function()
      local err = raised(conditional, row[2])
      assert.equal("compose", err.kind)
      assert.equal(row[3], err.code)
      assert.truthy(err.message:find(row[4], 1, true), err.message)
    end)
  end

  it("refuses a pair without a predicate and an unknown key", function()
    local err = tostring(raised(conditional, { { "x", Direct }, default = Direct }))
    assert.truthy(err:find("alternative 1: expected", 1, true), err)
    assert.truthy(tostring(raised(conditional, { defualt = Direct })):find('did you mean "default"?', 1, true))
  end)

  it("selects the first alternative whose predicate is true, else the default", function()
    local cond = conditional { { yes, { First, Second } }, { function() return true end, Direct }, default = Direct }
    assert.equal("First | Second", cond:select({ way = "long" }).name)
    assert.equal("Direct", cond:select({ way = "short" }).name)
    local never = conditional { { function() return nil end, { First, Second } }, default = Direct }
    assert.equal("Direct", never:select({}).name)
  end)

  it("is refused in a pipeline without a connector", function()
    local err = raised(compose, { conditional { default = Direct } })
    assert.equal("ConnectionConditionalWithoutConnector", err.code)
    assert.truthy(err.message:find("pipeline with a connector", 1, true))
  end)

  it("must fit its neighbours like any part", function()
    assert.equal("Mismatch", raised(compose, { conditional { default = First }, Plug }).code)
  end)

  it_waits("is decided by what the connector made, before and behind it", function()
    local before = conditional { { yes, { First, Second } }, default = Direct }
    local behind = conditional {
      { yes, component.map(Text, Text, function(m) return Text { text = m.text .. " (long)" } end, "Mark") },
      default = Upper,
    }
    local whole = compose { before, Plug, behind }
    local function get(options)
      return pipes.pluck(whole:establish(cro.Supply.from_list { A() }, options), "text")
    end
    assert.same({ "by b (long)" }, get { way = "long" })
    assert.same({ "DIRECT" }, get { way = "short" })
  end)
end)
