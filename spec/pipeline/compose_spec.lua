local component = require "cro.pipeline.component"
local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local pipes = require "spec.support.pipes"

local it_waits, raised = pipes.waiting(it), pipes.raised
local TextSource, ToBytes, Length, Sum, Upper = pipes.TextSource, pipes.ToBytes, pipes.Length, pipes.Sum, pipes.Upper
local Text, Bytes, Number = pipes.Text, pipes.Bytes, pipes.Number

local function code_of(parts) return raised(compose, parts).code end

describe("cro.compose: the kind of the result", function()
  it_waits("is a source for a source alone", function()
    local whole = compose { TextSource { "one" } }
    assert.equal("source", whole.kind)
    assert.equal(Text, whole.produces)
    assert.same({ "one" }, pipes.pluck(whole:incoming(), "text"))
  end)

  it_waits("is a source for a source with transforms", function()
    local whole = compose { TextSource { "four", "seven" }, ToBytes, Length }
    assert.equal("source", whole.kind)
    assert.equal(Number, whole.produces)
    assert.same({ 4, 5 }, pipes.pluck(whole:incoming(), "value"))
  end)

  it_waits("is a transform for transforms", function()
    local whole = compose { ToBytes, Length }
    assert.equal("transform", whole.kind)
    assert.equal(Text, whole.consumes)
    assert.equal(Number, whole.produces)
    local texts = cro.Supply.from_list { Text { text = "abc" }, Text { text = "" } }
    assert.same({ 3, 0 }, pipes.pluck(whole:transformer(texts), "value"))
  end)

  it_waits("is a sink for transforms with a sink", function()
    local sum = Sum()
    local whole = compose { ToBytes, Length, sum }
    assert.equal("sink", whole.kind)
    assert.equal(Text, whole.consumes)
    local texts = cro.Supply.from_list { Text { text = "abc" }, Text { text = "de" } }
    assert.same({}, pipes.pluck(whole:sinker(texts), "text"))
    assert.equal(5, sum.sum)
  end)

  it_waits("is a service for a source and a sink", function()
    local sum = Sum()
    local whole = compose { TextSource { "abc", "de" }, ToBytes, Length, sum }
    assert.equal("service", whole.kind)
    whole:start()
    assert.equal(5, sum.sum)
  end)

  it_waits("can be a part of another pipeline", function()
    local sum = Sum()
    local inner = compose { ToBytes, Length }
    compose({ compose { TextSource { "abc" }, Upper }, inner, sum }):start()
    assert.equal(3, sum.sum)
  end)

  it("names itself after its parts", function()
    assert.equal("ToBytes | Length", compose({ ToBytes, Length }).name)
  end)

  it("instantiates bare classes, once per composing", function()
    local made = 0
    local Counted = component.transform {
      name = "Counted",
      consumes = Text,
      produces = Text,
      configure = function() made = made + 1 end,
      transformer = function(_, messages) return messages end,
    }
    compose { Counted, Counted }
    assert.equal(2, made)
  end)
end)

describe("cro.compose: mistakes", function()
  local naughty_source = component.source { name = "NaughtySource", produces = 42, incoming = function() end }
  local naughty_in = component.transform {
    name = "NaughtyIn", consumes = "Text", produces = Text, transformer = function() end,
  }
  local naughty_out = component.transform { name = "NaughtyOut", consumes = Text, transformer = function() end }
  local naughty_sink = component.sink { name = "NaughtySink", consumes = {}, sinker = function() end }
  local connector = component.connector {
    name = "Plug", consumes = Text, produces = Text, connect = function() end,
  }
  local TextSink = component.sink { name = "TextSink", consumes = Text, sinker = function() end }

  local rows = {
    { "an empty list", {}, "Empty", "Cannot compose an empty list of components" },
    { "a string", { "x" }, "InvalidType", 'Cannot compose the string "x" into a pipeline' },
    { "a message type", { Text }, "InvalidType", "the message type Text into a pipeline; it is not a source" },
    { "a function", { print }, "InvalidType", "cro.map(In, Out, fn)" },
    { "a nil between parts", { ToBytes, nil, Length }, "InvalidType", "is a name misspelt" },
    { "a source in second place", { ToBytes, TextSource }, "SourceMustBeFirst",
      "A source must be at the start of a pipeline, but TextSource is placed later" },
    { "two sources", { TextSource, TextSource }, "SourceMustBeFirst", "TextSource is placed later" },
    { "a sink in the middle", { Length, Sum, ToBytes }, "SinkMustBeLast",
      "A sink must be at the end of a pipeline, but Sum is placed earlier" },
    { "a sink before a source", { Sum, TextSource }, "SinkMustBeLast", "Sum is placed earlier" },
    { "a source and a sink that do not fit", { TextSource, Sum }, "Mismatch",
      "Cannot compose a TextSource producing Text with a Sum consuming Number" },
    { "neighbours that do not fit", { TextSource, ToBytes, Sum }, "Mismatch",
      "Cannot compose a ToBytes producing Bytes with a Sum consuming Number" },
    { "a source of no type", { naughty_source }, "BadProducer", "produces the number 42, which is neither" },
    { "a transform that consumes no type", { naughty_in }, "BadConsumer", 'consumes the string "Text"' },
    { "a transform that says nothing of what it produces", { naughty_out }, "BadProducer", "produces nothing" },
    { "a sink of no type", { naughty_sink }, "BadConsumer", "NaughtySink; it consumes a table" },
    { "two connectors", { connector, connector }, "OnlyOneConnector", "more than one connector" },
    { "a source and a connector", { TextSource, connector }, "SourceAndConnector", "may not also have a source" },
    { "a connector and a sink", { connector, TextSink }, "SinkAndConnector", "may not also have a sink" },
  }

  for _, row in ipairs(rows) do
    it("refuses " .. row[1], function()
      local err = raised(compose, row[2])
      assert.equal("compose", err.kind)
      assert.equal(row[3], err.code)
      assert.truthy(err.message:find(row[4], 1, true), err.message)
    end)
  end

  it("says where in the chain the bad joint is, and what to do", function()
    local err = raised(compose, { TextSource, ToBytes, Sum })
    assert.truthy(err.message:find("\n    1. TextSource  (source: -> Text)\n", 1, true), err.message)
    assert.truthy(err.message:find("\n>>  3. Sum         (sink: Number ->)\n", 1, true), err.message)
    assert.truthy(err.message:find("^ Bytes comes in, Number is wanted", 1, true))
    assert.truthy(err.message:find("put a transform from Bytes to Number between them", 1, true))
    assert.equal("ToBytes", err.producer.name)
    assert.equal("Sum", err.consumer.name)
  end)

  it("points at the line that composed", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local err = raised(function() compose { TextSource, Sum } end)
    assert.truthy(err.message:find("compose_spec.lua:" .. line .. ":", 1, true), err.message)
  end)

  it("compares types by identity, not by name", function()
    local Other = require("cro.pipeline.types").message { name = "Text" }
    local err = raised(compose, { TextSource, component.map(Other, Other, function(m) return m end, "Same") })
    assert.equal("Mismatch", err.code)
    assert.truthy(err.message:find("one name but are different values", 1, true))
  end)

  it("refuses an unknown setting and names the nearest", function()
    local err = raised(compose, { ToBytes, labl = "x" })
    assert.truthy(tostring(err):find('unknown option "labl"; did you mean "label"?', 1, true), tostring(err))
  end)

  it("refuses a part in place of the list of parts", function()
    assert.truthy(tostring(raised(compose, ToBytes())):find("write cro.compose { part, ... }", 1, true))
  end)

  it("refuses a service as a part", function()
    assert.equal("InvalidType", code_of { compose { TextSource, ToBytes, Length, Sum } })
  end)
end)

describe("cro.compose: repliers", function()
  local function replyable_source(replier)
    return component.source {
      name = "Asker",
      produces = Text,
      replyable = replier,
      incoming = function() return cro.Supply.from_list { Text { text = "vanoce" }, Text { text = "strom" } } end,
    }
  end
  local function replyable_transform(replier)
    return component.transform {
      name = "AskerToo",
      consumes = Text,
      produces = Bytes,
      replyable = replier,
      transformer = function(_, messages)
        return messages:map(function(m) return Bytes { data = m.text } end)
      end,
    }
  end

  it_waits("puts the sink of a replyable source last, which makes a service", function()
    local sum = Sum()
    local whole = compose { replyable_source(sum), ToBytes, Length }
    assert.equal("service", whole.kind)
    whole:start()
    assert.equal(11, sum.sum)
  end)

  it_waits("asks a function for the replier", function()
    local sum = Sum()
    compose({ replyable_source(function() return sum end), ToBytes, Length }):start()
    assert.equal(11, sum.sum)
  end)

  it_waits("puts a transform in at the end when nothing fits before", function()
    local whole = compose { replyable_source(Length), ToBytes }
    assert.equal("source", whole.kind)
    assert.same({ 6, 5 }, pipes.pluck(whole:incoming(), "value"))
  end)

  it_waits("puts a transform in the middle as soon as its type comes", function()
    local whole = compose { replyable_source(ToBytes), Length }
    assert.equal("Asker | ToBytes | Length", whole.name)
    assert.same({ 6, 5 }, pipes.pluck(whole:incoming(), "value"))
  end)

  it_waits("takes the replier of the last replyable first, and the sink last", function()
    local sum = Sum()
    local whole = compose { replyable_source(sum), replyable_transform(Length) }
    assert.equal("Asker | AskerToo | Length | Sum", whole.name)
    whole:start()
    assert.equal(11, sum.sum)
  end)

  it("refuses a sink beside the replier's", function()
    local err = raised(compose, { replyable_source(Sum), ToBytes, Length, Sum })
    assert.equal("TooManySinks", err.code)
    local text = "Cannot apply sink Sum from Asker because this pipeline already has a sink"
    assert.truthy(err.message:find(text, 1, true))
  end)

  it("refuses two repliers that are sinks", function()
    local err = raised(compose, { replyable_source(Sum), replyable_transform(Sum), Length })
    assert.equal("TooManySinks", err.code)
    assert.equal("Asker", err.replyable.name)
  end)

  it("checks the types of repliers", function()
    local err = raised(compose, { replyable_source(Sum), ToBytes })
    assert.equal("Mismatch", err.code)
    assert.equal("ToBytes", err.producer.name)
    assert.equal("Sum", err.consumer.name)
    assert.equal("Mismatch", code_of { replyable_source(Sum), replyable_transform(ToBytes) })
  end)

  for _, row in ipairs {
    { "a source", function() return TextSource() end },
    { "a string", function() return "nothing of the kind" end },
    { "nothing", function() return nil end },
  } do
    it("refuses a replier that is " .. row[1], function()
      for _, whole in ipairs { { replyable_source(row[2]), ToBytes }, { replyable_transform(row[2]), Length } } do
        local err = raised(compose, whole)
        assert.equal("BadReplier", err.code)
        assert.truthy(err.message:find("neither a transform nor a sink", 1, true))
      end
    end)
  end
end)
