local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local pipeline = require "cro.pipeline"
local pipes = require "spec.support.pipes"
local report = require "cro.report"
local types = require "cro.pipeline.types"

local it_waits = pipes.waiting(it)
local Tcp = types.tcp_message

--- A connection as cro.tcp makes them; `gate` holds back what its writes promise.
local function connection(gate)
  local supplier = cro.Supplier.preserving()
  return {
    supplier = supplier,
    written = {},
    closed = 0,
    supply = function() return supplier:supply() end,
    write = function(self, data)
      self.written[#self.written + 1] = data
      return gate or cro.Promise.kept(true)
    end,
    close = function(self) self.closed = self.closed + 1 end,
  }
end

local function serving(...)
  local listener = pipes.listener(types.tcp_connection)
  local service = compose { listener, ... }
  service:start()
  return service, listener
end

describe("a TCP connection in a pipeline", function()
  it_waits("brings its bytes as messages that know it, and writes what comes out", function()
    local seen
    local Mark = pipeline.map(Tcp, Tcp, function(m)
      seen = m.connection
      return Tcp { data = "<" .. m.data .. ">" }
    end, "Mark")
    local service, listener = serving(Mark)
    local c = listener.accept(connection())
    c.supplier:emit "a\0b"
    pipes.settle()
    assert.same({ "<a\0b>" }, c.written)
    assert.equal(c, seen)
    c.supplier:done()
    pipes.settle()
    assert.equal(1, c.closed)
    cro.await(service:stop())
    assert.equal(1, c.closed)
  end)

  it_waits("is answered byte for byte when nothing follows the listener", function()
    local service, listener = serving()
    local c = listener.accept(connection())
    c.supplier:emit "echo"
    pipes.settle()
    assert.same({ "echo" }, c.written)
    cro.await(service:stop())
    assert.equal(1, c.closed)
  end)

  it_waits("is not written to while its queue is full", function()
    local gate = cro.Promise.new()
    local service, listener = serving()
    local c = listener.accept(connection(gate))
    c.supplier:emit "1"
    c.supplier:emit "2"
    pipes.settle()
    assert.same({ "1" }, c.written)
    gate:keep(true)
    pipes.settle()
    assert.same({ "1", "2" }, c.written)
    cro.await(service:stop { now = true })
  end)

  it_waits("says what came instead of a message", function()
    local seen = {}
    local before = report.on_error(function(err) seen[#seen + 1] = tostring(err) end)
    local Wrong = pipeline.map(Tcp, Tcp, function(m) return m.data ~= "t" and m.data or { text = "t" } end, "Wrong")
    local service, listener = serving(Wrong)
    for _, sent in ipairs { "hello", ("x"):rep(100), "t" } do
      local c = listener.accept(connection())
      c.supplier:emit(sent)
      pipes.settle()
      assert.equal(1, c.closed)
    end
    report.on_error(before)
    local text = "TCP Writer takes messages of type TCP Message, but the part before it emitted "
    assert.same({ text .. 'the string "hello"', text .. ('the string "%s"...'):format(("x"):rep(60)), text .. "a table" },
      seen)
    cro.await(service:stop())
  end)

  it_waits("ends when a write fails, which is reported unless the peer has gone", function()
    local seen = {}
    local before = report.on_error(function(err) seen[#seen + 1] = tostring(err) end)
    local service, listener = serving()
    for _, err in ipairs { cro.errors.new("broken_pipe", "the peer no longer reads"), cro.errors.new("io", "disk?") } do
      local c = listener.accept(connection(cro.Promise.broken(err)))
      c.supplier:emit "x"
      pipes.settle()
      assert.equal(1, c.closed)
    end
    report.on_error(before)
    assert.same({ "disk?" }, seen)
    cro.await(service:stop())
  end)
end)
