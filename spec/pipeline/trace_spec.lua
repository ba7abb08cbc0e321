local component = require "cro.pipeline.component"
local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local pipes = require "spec.support.pipes"
local report = require "cro.report"
local trace = require "cro.pipeline.trace"

local it_waits = pipes.waiting(it)
local Text, Upper = pipes.Text, pipes.Upper

describe("CRO_TRACE", function()
  local getenv, write = trace.getenv, trace.write
  local env, lines

  before_each(function()
    env, lines = {}, {}
    trace.getenv = function(name) return env[name] end
    trace.write = function(line) lines[#lines + 1] = line end
  end)

  after_each(function() trace.getenv, trace.write = getenv, write end)

  --- The lines since the last call, without the prefix of the label.
  local function shown(label)
    local all = table.concat(lines)
    lines = {}
    local prefix = "[TRACE(" .. label .. ")] "
    local events = {}
    for line in all:gmatch "[^\n]+" do
      assert.equal(prefix, line:sub(1, #prefix))
      events[#events + 1] = line:sub(#prefix + 1)
    end
    return events
  end

  it_waits("shows nothing when it is not set", function()
    for _, value in ipairs { false, "", "0" } do
      env.CRO_TRACE = value or nil
      pipes.all(compose({ pipes.TextSource, Upper, label = "x" }):incoming())
      assert.same({}, lines)
    end
  end)

  it_waits("shows what each part emits, that it is done, and not sinks", function()
    env.CRO_TRACE = "1"
    local sum = pipes.Sum()
    compose({ pipes.TextSource { "a" }, Upper, pipes.ToBytes, pipes.Length, sum, label = "t" }):start()
    assert.equal(1, sum.sum)
    assert.same({
      "TextSource EMIT Text a", "Upper EMIT Text A", "ToBytes EMIT Bytes", "Length EMIT Number",
      "TextSource DONE", "Upper DONE", "ToBytes DONE", "Length DONE",
    }, shown "t")
  end)

  it_waits("shows the error that ends a part", function()
    env.CRO_TRACE = "1"
    local Bad = component.map(Text, Text, function() error("broken pipe dream", 0) end, "Bad")
    cro.pawait(compose({ pipes.TextSource { "a" }, Bad, label = "t" }):incoming():list())
    assert.same({ "TextSource EMIT Text a", "Bad QUIT broken pipe dream" }, shown "t")
  end)

  it_waits("shows listener, connection and every part of the connection's pipeline under one label", function()
    env.CRO_TRACE = "1"
    local listener = pipes.listener()
    local service = compose { listener, Upper, label = "HTTP(8080)" }
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "hi"
    a.finish()
    assert.same({ "HI", "(done)" }, a.replies)
    assert.same({
      "Listener EMIT Wire", "Wire EMIT Text hi", "Upper EMIT Text HI", "Wire DONE", "Upper DONE",
    }, shown "HTTP(8080)")
    cro.await(service:stop())
    assert.same({ "Listener DONE" }, shown "HTTP(8080)")
  end)

  it_waits("shows an identity service, too", function()
    env.CRO_TRACE = "1"
    local listener = pipes.listener()
    local service = compose { listener, label = "echo" }
    service:start()
    local a = listener.accept(pipes.connection())
    a.send "hi"
    assert.same({ "Listener EMIT Wire", "Wire EMIT Text hi" }, shown "echo")
    assert.same({ "hi" }, a.replies)
    cro.await(service:stop { now = true })
  end)

  it_waits("shows the reset of a connection", function()
    env.CRO_TRACE = "1"
    local listener = pipes.listener()
    local service = compose { listener, Upper, label = "r" }
    service:start()
    local a = listener.accept(pipes.connection())
    a.fail(cro.errors.new("reset", "connection reset by the peer"))
    assert.same({
      "Listener EMIT Wire", "Wire QUIT connection reset by the peer", "Upper QUIT connection reset by the peer",
    }, shown "r")
    cro.await(service:stop())
  end)

  it_waits("is overridden by trace = true and trace = false", function()
    pipes.all(compose({ pipes.TextSource { "a" }, trace = true, label = "on" }):incoming())
    assert.same({ "TextSource EMIT Text a", "TextSource DONE" }, shown "on")
    env.CRO_TRACE = "1"
    pipes.all(compose({ pipes.TextSource { "a" }, trace = false }):incoming())
    assert.same({}, lines)
  end)

  it_waits("shows each part once when a pipeline is part of another", function()
    local inner = compose { pipes.TextSource { "a" }, Upper, trace = true, label = "inner" }
    pipes.all(compose({ inner, pipes.ToBytes, trace = true, label = "outer" }):incoming())
    assert.same({
      "TextSource EMIT Text a", "Upper EMIT Text A", "ToBytes EMIT Bytes",
      "TextSource DONE", "Upper DONE", "ToBytes DONE",
    }, shown "outer")
  end)

  it("labels pipelines without a label anon and a number that counts up", function()
    local first = compose({ Upper }).settings.label
    local second = compose({ Upper }).settings.label
    local n = tonumber(first:match "^anon (%d+)$")
    assert.equal("anon " .. n + 1, second)
  end)

  it("writes several lines as they are, or with CRO_TRACE_MACHINE_READABLE as one", function()
    trace.event("l", "Part", "EMIT", "TCP Message\n  61 5c  a\\\n")
    env.CRO_TRACE_MACHINE_READABLE = "1"
    trace.event("l", "Part", "EMIT", "TCP Message\n  61 5c  a\\\n")
    trace.event("l", "Part", "QUIT", "one\ntwo")
    assert.same({
      "[TRACE(l)] Part EMIT TCP Message\n  61 5c  a\\\n",
      "[TRACE(l)] Part EMIT TCP Message\\n  61 5c  a\\\\\n",
      "[TRACE(l)] Part QUIT one\\ntwo\n",
    }, lines)
  end)

  it_waits("never breaks what it looks at", function()
    env.CRO_TRACE = "1"
    local Odd = require("cro.pipeline.types").message { name = "Odd", trace = function() error("no", 0) end }
    local ToOdd = component.map(Text, Odd, function() return Odd() end, "ToOdd")
    local before = report.count()
    pipes.all(compose({ pipes.TextSource { "a" }, ToOdd, label = "o" }):incoming())
    assert.equal("ToOdd EMIT Odd (its trace function failed: no)", shown("o")[2])
    assert.equal(before, report.count())
  end)
end)
