local component = require "cro.pipeline.component"
local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local pipes = require "spec.support.pipes"
local report = require "cro.report"

local it_waits, raised = pipes.waiting(it), pipes.raised
local Text, Upper = pipes.Text, pipes.Upper

--- A listener that says it is bound after a while, or fails.
local function binding(given)
  return pipes.listener(nil, {
    binds = true,
    incoming = function(_, bound)
      return cro.supply(function(b)
        cro.sleep(0.01)
        if given.fail then error(given.fail, 0) end
        bound("127.0.0.1", 4711)
        b.closing(function() given.closed = (given.closed or 0) + 1 end)
        b.whenever(given.supplier:supply(), b.emit)
      end)
    end,
  })
end

describe("service", function()
  it("refuses to be stopped before it is started", function()
    local service = compose { pipes.listener() }
    local line = debug.getinfo(1, "l").currentline + 1
    local err = tostring(raised(function() service:stop() end))
    local text = "The service was not started and the stop method is called on it, a missing :start()?"
    assert.truthy(err:find(text, 1, true), err)
    assert.truthy(err:find("service_spec.lua:" .. line .. ":", 1, true), err)
  end)

  it_waits("refuses to be stopped twice", function()
    local service = compose { pipes.listener() }
    service:start()
    cro.await(service:stop())
    assert.truthy(tostring(raised(service.stop, service)):find("was not started", 1, true))
  end)

  it_waits("refuses to be started twice, and can be started again once stopped", function()
    local listener = pipes.listener()
    local service = compose { listener, Upper }
    service:start()
    assert.truthy(tostring(raised(service.start, service)):find("is already started", 1, true))
    cro.await(service:stop())
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "again"
    assert.same({ "AGAIN" }, a.replies)
    cro.await(service:stop { now = true })
  end)

  it_waits("is started when its source is bound, and knows its address", function()
    local given = { supplier = cro.Supplier.new() }
    local service = compose { binding(given), Upper }
    assert.is_nil(service:address())
    service:start()
    assert.same({ "127.0.0.1", 4711 }, { service:address() })
    cro.await(service:stop())
    assert.is_nil(service:address())
    assert.equal(1, given.closed)
  end)

  it_waits("raises at the caller's line when its source cannot bind", function()
    local given = { fail = cro.errors.new("address_in_use", "port 80 is taken", { code = "EADDRINUSE" }) }
    local service = compose { binding(given), Upper }
    local line = debug.getinfo(1, "l").currentline + 1
    local err = raised(function() service:start() end)
    assert.equal("address_in_use", err.kind)
    assert.equal("EADDRINUSE", err.code)
    assert.equal("Listener", err.component)
    assert.truthy(err.message:find("service_spec.lua:" .. line .. ": port 80 is taken", 1, true), err.message)
    assert.truthy(tostring(raised(service.stop, service)):find("was not started", 1, true))
  end)

  it_waits("raises what a source that does not bind raises", function()
    local Bad = component.source { name = "Bad", produces = Text, incoming = function() error "no source today" end }
    local Sink = component.sink { name = "Sink", consumes = Text, sinker = function(_, m) return m end }
    local err = raised(function() compose({ Bad, Sink }):start() end)
    assert.truthy(tostring(err):find("no source today", 1, true))
  end)

  it_waits("drains: what came in is answered, then the connection is closed", function()
    local gate = cro.Promise.new()
    local Wait = component.map(Text, Text, function(m)
      cro.await(gate)
      return Text { text = m.text .. "!" }
    end, "Wait")
    local given = { supplier = cro.Supplier.new() }
    local service = compose { binding(given), Wait }
    service:start()
    local a = pipes.connection()
    given.supplier:emit(a)
    pipes.settle()
    a.send "under way"
    local drained = service:stop()
    assert.equal(drained, service:stop())
    pipes.settle()
    assert.equal(1, given.closed)
    assert.same({}, a.replies)
    gate:keep(true)
    assert.is_true(cro.await(drained))
    assert.same({ "under way!", "(done)" }, a.replies)
    assert.equal(1, a.closed)
  end)

  it_waits("cuts off what is left after the timeout", function()
    local stopped = 0
    local Stuck = component.map(Text, Text, function(m)
      local ok, err = pcall(cro.await, cro.Promise.new())
      stopped = stopped + 1
      if not ok then error(err, 0) end
      return m
    end, "Stuck")
    local listener = pipes.listener()
    local service = compose { listener, Stuck }
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "for ever"
    local before = cro.now()
    assert.is_false(cro.await(service:stop { timeout = 0.05 }))
    assert.is_true(cro.now() - before >= 0.05)
    assert.equal(1, stopped)
    assert.equal(1, a.closed)
    assert.same({}, a.replies)
  end)

  it_waits("stops at once with now, also while it drains", function()
    local Stuck = component.map(Text, Text, function() return cro.await(cro.Promise.new()) end, "Stuck")
    local listener = pipes.listener()
    local service = compose { listener, Stuck }
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "x"
    local drained = service:stop()
    pipes.settle()
    assert.equal("planned", drained:status())
    local before = cro.now()
    assert.equal(drained, service:stop { now = true })
    cro.await(drained)
    assert.is_true(cro.now() - before < 5)
    assert.equal(1, a.closed)
  end)

  it_waits("closes a connection that had just come in when it is stopped at once", function()
    local supplier = cro.Supplier.new()
    local service = compose { pipes.listener(nil, { incoming = function() return supplier:supply() end }), Upper }
    service:start()
    local a = pipes.connection()
    supplier:emit(a)
    cro.await(cro.await(cro.start(function() return { service:stop { now = true } } end))[1])
    assert.equal(1, a.closed)
  end)

  it_waits("ends by itself when its source is done", function()
    local sum = pipes.Sum()
    local service = compose { pipes.TextSource { "a", "bc" }, pipes.ToBytes, pipes.Length, sum }
    service:start()
    assert.equal(3, sum.sum)
    pipes.settle()
    assert.equal("kept", service:ended():status())
    assert.is_true(cro.await(service:stop()))
  end)

  it_waits("reports a failure that nobody waits for, once", function()
    local seen = {}
    local before = report.on_error(function(err, _, context) seen[#seen + 1] = { err, context } end)
    local listener = pipes.listener()
    local service = compose { listener, Upper }
    service:start()
    local a = listener.accept(pipes.connection())
    listener.quit "the cable is cut"
    report.on_error(before)
    assert.equal(1, #seen)
    assert.truthy(tostring(seen[1][1]):find("the cable is cut", 1, true))
    assert.truthy(seen[1][2].what:find("service Listener | Connection Manager has failed", 1, true))
    assert.equal("broken", service:ended():status())
    assert.equal(1, a.closed)
  end)

  it_waits("has the methods of its service type", function()
    local Type = { greeting = "ahoj", greet = function(self) return self.greeting .. " from " .. self.label end }
    local service = compose { pipes.listener(), service_type = Type, label = "here" }
    assert.equal("ahoj from here", service:greet())
    service:start()
    cro.await(service:stop())
  end)

  it_waits("refuses an unknown way to stop", function()
    local service = compose { pipes.listener() }
    service:start()
    assert.truthy(tostring(raised(service.stop, service, { nwo = true })):find('did you mean "now"?', 1, true))
    cro.await(service:stop())
  end)
end)
