local dump = require "cro.pipeline.dump"
local pipeline = require "cro.pipeline"
local pipes = require "spec.support.pipes"
local types = require "cro.pipeline.types"

local raised = pipes.raised

describe("cro.message", function()
  local Line = pipeline.message {
    name = "Line",
    trace = function(m) return "Line: " .. m.text end,
    methods = { shout = function(self) return self.text:upper() end },
  }

  it("makes a type that is called to make messages", function()
    local given = { text = "hi" }
    local line = Line(given)
    assert.equal("hi", line.text)
    assert.equal("HI", line:shout())
    given.text = "changed"
    assert.equal("hi", line.text)
    assert.is_true(Line:is(line))
    assert.is_false(Line:is(given))
    assert.is_false(pipeline.message({ name = "Line" }):is(line))
  end)

  it("gives each message attributes of its own", function()
    local a, b = Line { text = "a" }, Line { text = "b" }
    a.attributes.from = "here"
    assert.equal("here", a.attributes.from)
    assert.is_nil(b.attributes.from)
  end)

  it("shows a message by its trace function, else by the name of the type", function()
    assert.equal("Line: hi", Line({ text = "hi" }):trace())
    assert.equal("Plain", pipeline.message({ name = "Plain" })():trace())
    assert.equal("Line", tostring(Line))
  end)

  it("survives a trace function that fails or returns no string", function()
    local Bad = pipeline.message { name = "Bad", trace = function() error("oh", 0) end }
    assert.equal("Bad (its trace function failed: oh)", Bad():trace())
    local Odd = pipeline.message { name = "Odd", trace = function() return 7 end }
    assert.equal("Odd (its trace function failed: it returned a number)", Odd():trace())
  end)

  it("makes messages with new when it is given", function()
    local Box = pipeline.message { name = "Box", new = function(a, b) return a .. b end }
    assert.equal("xy", Box("x", "y"))
  end)

  it("refuses what is not a table of fields, and unknown options", function()
    assert.truthy(tostring(raised(Line, 3)):find("Line: expected a table of fields, got the number 3", 1, true))
    assert.truthy(tostring(raised(pipeline.message, {})):find('option "name" is required', 1, true))
    local err = tostring(raised(pipeline.message, { name = "x", tarce = print }))
    assert.truthy(err:find('did you mean "trace"?', 1, true), err)
  end)
end)

describe("cro.connection_type", function()
  it("takes what its replier consumes to be what it produces", function()
    assert.equal(pipes.Text, pipes.Wire.consumes)
    assert.is_nil(pipes.OneWay.consumes)
  end)

  it("must say what comes in", function()
    local err = raised(pipeline.connection_type, { name = "C", produces = pipes.Text })
    assert.truthy(tostring(err):find('option "incoming" is required', 1, true))
  end)
end)

describe("the dump of bytes", function()
  it("shows 16 bytes in a row beside what prints", function()
    assert.equal("47 45 54 20 2f 0d 0a 00 ff" .. (" "):rep(24) .. "GET /....", dump.bytes "GET /\r\n\0\255")
    local rows = dump.bytes(("0123456789abcdefXYZ"))
    local first = "30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66   0123456789abcdef"
    assert.equal(first .. "\n58 59 5a" .. (" "):rep(42) .. "XYZ", rows)
  end)

  it("has no empty row after a full one, and nothing for nothing", function()
    local _, newlines = dump.bytes(("x"):rep(32)):gsub("\n", "")
    assert.equal(1, newlines)
    assert.equal("", dump.bytes "")
  end)

  it("stops at 512 bytes and says how many are missing", function()
    local text = dump.bytes(("x"):rep(515))
    local _, newlines = text:gsub("\n", "")
    assert.equal(32, newlines)
    assert.truthy(text:find("\n[3 bytes not displayed]", 1, true))
    assert.is_nil(dump.bytes(("x"):rep(512)):find("not displayed", 1, true))
  end)

  describe("with CRO_TRACE_MAX_BINARY_DUMP", function()
    local getenv = dump.getenv
    local setting

    before_each(function() dump.getenv = function() return setting end end)
    after_each(function() dump.getenv = getenv end)

    it("stops there", function()
      setting = "20"
      assert.truthy(dump.bytes(("x"):rep(24)):find("[4 bytes not displayed]", 1, true))
      setting = "100"
      assert.is_nil(dump.bytes(("x"):rep(100)):find("not displayed", 1, true))
    end)

    it("ignores what is no number of bytes", function()
      for _, value in ipairs { "", "many", "-1", "1.5", "0" } do
        setting = value
        assert.truthy(dump.bytes(("x"):rep(600)):find("[88 bytes not displayed]", 1, true), value)
      end
    end)
  end)

  it("is the trace of a TCP message, under a heading", function()
    local message = types.tcp_message { data = "ab" }
    assert.equal("TCP Message\n  61 62" .. (" "):rep(45) .. "ab", message:trace())
  end)
end)
