local component = require "cro.pipeline.component"
local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local pipes = require "spec.support.pipes"
local report = require "cro.report"

local it_waits, raised = pipes.waiting(it), pipes.raised
local Text, Upper = pipes.Text, pipes.Upper

--- Runs code with unhandled errors collected instead of printed.
local function collecting(fn)
  local seen = {}
  local before = report.on_error(function(err, traceback, context)
    seen[#seen + 1] = { err = err, traceback = traceback, context = context }
  end)
  local ok, err = pcall(fn, seen)
  report.on_error(before)
  if not ok then error(err, 0) end
end

--- A transform that waits for `message.gate`, then answers in upper case.
local Gated = component.map(Text, Text, function(m)
  if pipes.gates[m.text] then cro.await(pipes.gates[m.text]) end
  return Text { text = m.text:upper() }
end, "Gated")

describe("connection manager", function()
  before_each(function() pipes.gates = {} end)

  it_waits("serves each connection with a pipeline of its own", function()
    local listener = pipes.listener()
    local service = compose { listener, Upper }
    assert.equal("service", service.kind)
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "bbq"
    assert.same({ "BBQ" }, a.replies)
    local b = listener.accept(pipes.connection())
    b.send "wok"
    assert.same({ "WOK" }, b.replies)
    a.send "beef"
    a.finish()
    assert.same({ "BBQ", "BEEF", "(done)" }, a.replies)
    b.send "pork"
    assert.same({ "WOK", "PORK" }, b.replies)
    assert.equal(1, a.closed)
    assert.equal(0, b.closed)
    cro.await(service:stop { now = true })
    assert.equal(1, b.closed)
  end)

  it_waits("echoes when nothing follows a source of replyable connections", function()
    local listener = pipes.listener()
    local service = compose { listener }
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "maminka"
    a.send "miminko"
    a.finish()
    assert.same({ "maminka", "miminko", "(done)" }, a.replies)
    assert.equal(1, a.closed)
    cro.await(service:stop())
  end)

  it_waits("gives connections that cannot be answered to the sink", function()
    local heard = {}
    local Hear = component.sink {
      name = "Hear",
      consumes = Text,
      sinker = function(_, messages)
        return messages:peek(function(m) heard[#heard + 1] = m.text end):grep(function() return false end)
      end,
    }
    for _, whole in ipairs { { Hear }, { Upper, Hear } } do
      local listener = pipes.listener(pipes.OneWay)
      local service = compose { listener, unpack(whole) }
      service:start()
      local a = listener.accept(pipes.connection())
      a.send "auto"
      a.finish()
      assert.equal(1, a.closed)
      cro.await(service:stop())
    end
    assert.same({ "auto", "AUTO" }, heard)
  end)

  it_waits("is put behind a transform that makes connections, too", function()
    local wires = pipes.connection_type { name = "Inner" }
    local Upgrade = component.map(pipes.Wire, wires, function(c) return c end, "Upgrade")
    local listener = pipes.listener()
    local service = compose { listener, Upgrade, Upper }
    assert.equal("Listener | Upgrade | Connection Manager", service.name)
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "x"
    assert.same({ "X" }, a.replies)
    cro.await(service:stop { now = true })
  end)

  it("is not put where connections themselves are consumed", function()
    local Count = component.sink { name = "Count", consumes = pipes.Wire, sinker = function() end }
    assert.equal("Listener | Count", compose({ pipes.listener(), Count }).name)
  end)

  it("leaves a source of connections that cannot be answered a source", function()
    assert.equal("source", compose({ pipes.listener(pipes.OneWay) }).kind)
  end)

  local Sink = component.sink { name = "TextSink", consumes = Text, sinker = function() end }
  local Plug = component.connector { name = "Plug", consumes = Text, produces = Text, connect = function() end }
  for _, row in ipairs {
    { "a sink beside replyable connections", pipes.Wire, { Upper, Sink }, "replyable, but an explicit sink" },
    { "only a sink beside replyable connections", pipes.Wire, { Sink }, "leave out the sink" },
    { "no sink for connections that cannot be answered", pipes.OneWay, { Upper },
      "not replyable and the parts do not end in a sink" },
    { "a connector in the pipeline of a connection", pipes.Wire, { Plug },
      "must compose to a transform or a sink, not a connector" },
  } do
    it("refuses " .. row[1], function()
      local err = raised(compose, { pipes.listener(row[2]), unpack(row[3]) })
      assert.equal("compose", err.kind)
      assert.equal("Misuse", err.code)
      assert.truthy(err.message:find(row[4], 1, true), err.message)
    end)
  end

  it("refuses a pipeline whose end the connection's replier does not take", function()
    local err = raised(compose, { pipes.listener(), pipes.ToBytes })
    assert.equal("Mismatch", err.code)
    local text = "a ToBytes producing Bytes with a Wire replier consuming Text"
    assert.truthy(err.message:find(text, 1, true), err.message)
  end)

  it_waits("lets no connection wait for another", function()
    local listener = pipes.listener()
    local service = compose { listener, Gated }
    service:start()
    pipes.gates.slow = cro.Promise.new()
    local a = listener.accept(pipes.connection())
    local b = listener.accept(pipes.connection())
    a.send "slow"
    b.send "fast"
    assert.same({}, a.replies)
    assert.same({ "FAST" }, b.replies)
    b.finish()
    assert.equal(1, b.closed)
    pipes.gates.slow:keep(true)
    pipes.settle()
    assert.same({ "SLOW" }, a.replies)
    cro.await(service:stop { now = true })
  end)

  it_waits("calls the transformer once per connection, on a fiber that may wait", function()
    local calls = 0
    local Slow = component.transform {
      name = "Slow",
      consumes = Text,
      produces = Text,
      transformer = function(_, messages)
        calls = calls + 1
        cro.sleep(0.01)
        return messages
      end,
    }
    local listener = pipes.listener()
    local service = compose { listener, Slow }
    service:start()
    local a, b = listener.accept(pipes.connection()), listener.accept(pipes.connection())
    a.send "1"
    a.send "2"
    b.send "3"
    cro.sleep(0.02)
    assert.equal(2, calls)
    assert.same({ "1", "2" }, a.replies)
    assert.same({ "3" }, b.replies)
    cro.await(service:stop { now = true })
  end)

  it_waits("reports an error, closes that connection and goes on", function()
    collecting(function(seen)
      local Fussy = component.map(Text, Text, function(m)
        if m.text == "bad" then error "no such thing" end
        return m
      end, "Fussy")
      local listener = pipes.listener()
      local service = compose { listener, Fussy, label = "fussy" }
      service:start()
      local a, b = listener.accept(pipes.connection()), listener.accept(pipes.connection())
      a.send "bad"
      assert.equal(1, a.closed)
      assert.truthy(tostring(a.close_error):find("no such thing", 1, true))
      assert.equal(1, #seen)
      assert.truthy(tostring(seen[1].err):find("no such thing", 1, true))
      assert.truthy(seen[1].traceback:find("connection_spec", 1, true))
      assert.equal("error in the pipeline of a Wire", seen[1].context.what)
      assert.equal("fussy", seen[1].context.label)
      assert.equal(a, seen[1].context.connection)
      b.send "good"
      assert.same({ "good" }, b.replies)
      assert.equal(0, b.closed)
      cro.await(service:stop { now = true })
    end)
  end)

  it_waits("reports a transformer that raises or returns no supply", function()
    collecting(function(seen)
      local Broken = component.transform {
        name = "Broken", consumes = Text, produces = Text, transformer = function() error "cannot begin" end,
      }
      local Forgot = component.transform {
        name = "Forgot", consumes = Text, produces = Text, transformer = function() end,
      }
      for i, part in ipairs { Broken, Forgot } do
        local listener = pipes.listener()
        local service = compose { listener, part }
        service:start()
        local a = listener.accept(pipes.connection())
        assert.equal(1, a.closed)
        assert.equal(i, #seen)
        cro.await(service:stop())
      end
      assert.truthy(tostring(seen[1].err):find("cannot begin", 1, true))
      assert.equal("transformer of Forgot must return a supply, it returned nothing; is a return missing?",
        tostring(seen[2].err))
    end)
  end)

  it_waits("does not report what the peer or the network did", function()
    collecting(function(seen)
      local listener = pipes.listener()
      local service = compose { listener, Upper }
      service:start()
      for i, kind in ipairs { "reset", "broken_pipe", "closed", "eof" } do
        local a = listener.accept(pipes.connection())
        a.fail(cro.errors.new(kind, "the peer has gone"))
        assert.equal(1, a.closed, i)
      end
      assert.equal(0, #seen)
      cro.await(service:stop())
    end)
  end)

  it_waits("closes what the connection's pipeline has tapped when it ends", function()
    local closed = 0
    local ticks = cro.Supplier.new()
    local Mixed = component.transform {
      name = "Mixed",
      consumes = Text,
      produces = Text,
      transformer = function(_, messages)
        return cro.supply(function(b)
          b.whenever(messages, b.emit):last(b.done)
          b.whenever(ticks:supply(), function() b.emit(Text { text = "tick" }) end)
          b.closing(function() closed = closed + 1 end)
        end)
      end,
    }
    local listener = pipes.listener()
    local service = compose { listener, Mixed }
    service:start()
    local a = listener.accept(pipes.connection())
    ticks:emit(1)
    pipes.settle()
    assert.same({ "tick" }, a.replies)
    a.finish()
    assert.equal(1, closed)
    cro.await(service:stop())
  end)

  it_waits("keeps open connections when the source of connections is done", function()
    local listener = pipes.listener()
    local service = compose { listener, Upper }
    service:start()
    local a = listener.accept(pipes.connection())
    listener.finish()
    a.send "still here"
    assert.same({ "STILL HERE" }, a.replies)
    assert.equal("planned", service:ended():status())
    a.finish()
    assert.equal("kept", service:ended():status())
  end)
end)

describe("connection state", function()
  local function constructor() return { seen = 0 } end
  local Adds = component.transform {
    name = "Adds",
    consumes = Text,
    produces = Text,
    connection_state = constructor,
    transformer = function(_, messages, state)
      return messages:map(function(m)
        state.seen = state.seen + #m.text
        return Text { text = m.text .. m.text }
      end)
    end,
  }
  local Shows = component.transform {
    name = "Shows",
    consumes = Text,
    produces = Text,
    connection_state = constructor,
    transformer = function(_, messages, state)
      return messages:map(function(m) return Text { text = m.text .. state.seen } end)
    end,
  }

  it("is refused outside of a connection", function()
    local err = raised(compose, { Adds })
    assert.equal("ConnectionStateWithoutConnection", err.code)
    assert.truthy(err.message:find("in the scope of a connection, but Adds has none here", 1, true), err.message)
    assert.equal("ConnectionStateWithoutConnection", raised(compose, { pipes.TextSource, Adds }).code)
  end)

  it_waits("is one value per connection, shared by the parts that name the same constructor", function()
    local listener = pipes.listener()
    local service = compose { listener, Adds, Shows }
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "jar"
    a.send "jar"
    assert.same({ "jarjar3", "jarjar6" }, a.replies)
    local b = listener.accept(pipes.connection())
    b.send "jar"
    assert.same({ "jarjar3" }, b.replies)
    cro.await(service:stop { now = true })
  end)

  it_waits("is not shared by different constructors, and may be false", function()
    local made = 0
    local Own = component.transform {
      name = "Own",
      consumes = Text,
      produces = Text,
      connection_state = function()
        made = made + 1
        return false
      end,
      transformer = function(_, messages, state)
        return messages:map(function(m) return Text { text = m.text .. tostring(state) } end)
      end,
    }
    local own = Own()
    local whole = compose { own, own, Shows, for_connection = true }
    local out = whole:transformer(cro.Supply.from_list { Text { text = "x" } })
    assert.same({ "xfalsefalse0" }, pipes.pluck(out, "text"))
    assert.equal(1, made)
  end)

  it_waits("is allowed with for_connection, fresh for each use", function()
    local whole = compose { Adds, Shows, for_connection = true }
    for _ = 1, 2 do
      local out = whole:transformer(cro.Supply.from_list { Text { text = "jar" }, Text { text = "jar" } })
      assert.same({ "jarjar3", "jarjar6" }, pipes.pluck(out, "text"))
    end
  end)

  it_waits("is allowed around a connector, fresh for each connection", function()
    local Plug = component.connector {
      name = "Plug", consumes = Text, produces = Text,
      connect = function() return cro.Promise.kept(Upper()) end,
    }
    local whole = compose { Adds, Plug, Shows }
    assert.equal("connector", whole.kind)
    for _ = 1, 2 do
      local out = whole:establish(cro.Supply.from_list { Text { text = "jar" }, Text { text = "jar" } })
      assert.same({ "JARJAR3", "JARJAR6" }, pipes.pluck(out, "text"))
    end
  end)
end)
