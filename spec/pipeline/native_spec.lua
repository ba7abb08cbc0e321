local component = require "cro.pipeline.component"
local compose = require("cro.pipeline").compose
local cro = require "cro.reactive"
local fake_chain = require "spec.support.fake_chain"
local native = require "cro.pipeline.native"
local pipes = require "spec.support.pipes"
local report = require "cro.report"
local trace = require "cro.pipeline.trace"
local types = require "cro.pipeline.types"

local it_waits = pipes.waiting(it)
local Tcp = types.tcp_message
local Note = types.message { name = "Note", trace = function(m) return "Note " .. m.text end }

local function part(kind, consumes, produces)
  return component.transform { name = kind, consumes = consumes, produces = produces, native = { kind = kind } }
end

local Shout, Twice = part("upper", Tcp, Tcp), part("double", Tcp, Tcp)
local Wrap, Unwrap, Fail = part("wrap", Tcp, Note), part("unwrap", Note, Tcp), part("fail", Tcp, Note)
local Bang = component.map(Note, Note, function(m) return Note { text = m.text .. "!" } end, "Bang")

--- Connections with a socket: what Lua reads is `supplier`, what is written `box.written`.
local Wire = types.connection {
  name = "Wire",
  produces = Tcp,
  incoming = function(c)
    return c.supplier:supply():map(function(data) return Tcp { data = data, connection = c } end)
  end,
  replier = function(c)
    return component.sink({
      name = "LuaWriter",
      consumes = Tcp,
      sinker = function(_, messages)
        return cro.supply(function(b)
          b.whenever(messages, function(m) c.box.written[#c.box.written + 1] = "lua:" .. m.data end)
        end)
      end,
    })()
  end,
  close = function(c) c.closed = c.closed + 1 end,
  box = function(c) return c.box end,
}

local function connection()
  return { supplier = cro.Supplier.preserving(), box = fake_chain.socket(), closed = 0 }
end

local function serving(parts)
  local listener = pipes.listener(Wire)
  local service = compose { listener, label = parts.label, trace = parts.trace, unpack(parts) }
  service:start()
  return service, listener.accept(connection())
end

local function shape(chain)
  local kinds = {}
  for i, each in ipairs(chain.parts) do
    kinds[i] = each.kind
  end
  return chain.head .. " " .. table.concat(kinds, " ") .. " " .. chain.tail
end

local function shapes()
  local all = {}
  for i, chain in ipairs(fake_chain.made) do
    all[i] = shape(chain)
  end
  table.sort(all)
  return all
end

local function chain_like(text)
  for _, chain in ipairs(fake_chain.made) do
    if shape(chain) == text then return chain end
  end
  error("no chain " .. text)
end

describe("native parts", function()
  local new_chain = native.new_chain

  before_each(function()
    fake_chain.reset()
    native.new_chain = fake_chain.new
  end)

  after_each(function() native.new_chain = new_chain end)

  it_waits("work in any pipeline, neighbours as one chain", function()
    local Source = component.source {
      name = "Source", produces = Tcp,
      incoming = function() return cro.Supply.from_list { Tcp { data = "a" }, Tcp { data = "b" } } end,
    }
    local whole = compose { Source, Shout, Twice }
    assert.same({ "A", "A", "B", "B" }, pipes.pluck(whole:incoming(), "data"))
    assert.same({ "lua upper double lua" }, shapes())
    assert.equal(1, fake_chain.made[1].closed)
  end)

  it_waits("carry a connection without Lua when all of them are native", function()
    local service, a = serving { Shout, Twice }
    assert.same({ "socket upper double socket" }, shapes())
    fake_chain.receive(fake_chain.made[1], "x")
    assert.same({ "X", "X" }, a.box.written)
    fake_chain.made[1]:finish()
    pipes.settle()
    assert.equal(1, a.closed)
    cro.await(service:stop())
  end)

  it_waits("read and write the socket themselves around Lua parts", function()
    local service, a = serving { Wrap, Bang, Bang, Unwrap, Shout }
    assert.same({ "lua unwrap upper socket", "socket wrap lua" }, shapes())
    fake_chain.receive(chain_like "socket wrap lua", "hi")
    pipes.settle()
    assert.same({ "HI!!" }, a.box.written)
    chain_like("socket wrap lua"):finish()
    pipes.settle()
    assert.equal(1, a.closed)
    assert.equal(1, chain_like("socket wrap lua").closed)
    assert.equal(1, chain_like("lua unwrap upper socket").closed)
    cro.await(service:stop())
  end)

  it_waits("leave reading or writing to Lua where a Lua part stands", function()
    local Plain = component.map(Tcp, Tcp, function(m) return Tcp { data = m.data .. "." } end, "Plain")
    local service, a = serving { Shout, Plain }
    assert.same({ "socket upper lua" }, shapes())
    fake_chain.receive(fake_chain.made[1], "ab")
    pipes.settle()
    assert.same({ "lua:AB." }, a.box.written)
    cro.await(service:stop { now = true })

    fake_chain.reset()
    local back
    service, back = serving { Plain, Shout }
    assert.same({ "lua upper socket" }, shapes())
    back.supplier:emit "cd"
    pipes.settle()
    assert.same({ "CD." }, back.box.written)
    cro.await(service:stop { now = true })
  end)

  it_waits("are one chain from Lua to Lua between Lua parts", function()
    local ToText = component.map(Tcp, Tcp, function(m) return m end, "Same")
    local service, a = serving { ToText, Shout, Twice, ToText }
    assert.same({ "lua upper double lua" }, shapes())
    assert.equal(a.box, fake_chain.made[1].connection)
    a.supplier:emit "q"
    pipes.settle()
    assert.same({ "lua:Q", "lua:Q" }, a.box.written)
    cro.await(service:stop { now = true })
    assert.equal(1, fake_chain.made[1].closed)
  end)

  it_waits("know the connection of each message they make", function()
    local seen
    local Look = component.map(Tcp, Tcp, function(m)
      seen = m.connection
      return m
    end, "Look")
    local service, a = serving { Shout, Look }
    fake_chain.receive(fake_chain.made[1], "x")
    pipes.settle()
    assert.equal(a, seen)
    cro.await(service:stop { now = true })
  end)

  it_waits("make the pipeline before them wait while they are full", function()
    fake_chain.room = 0
    local gate, produced = cro.Promise.new(), 0
    local Source = component.source {
      name = "Source", produces = Tcp,
      incoming = function()
        return cro.supply(function(b)
          for i = 1, 5 do
            produced = i
            b.emit(Tcp { data = "v" .. i })
          end
        end)
      end,
    }
    local out = {}
    local tap = compose({ Source, Shout }):incoming():tap(function(m)
      cro.await(gate)
      out[#out + 1] = m.data
    end)
    pipes.settle()
    assert.equal(1, produced)
    gate:keep(true)
    pipes.settle()
    assert.same({ "V1", "V2", "V3", "V4", "V5" }, out)
    tap:close()
  end)

  it_waits("end the connection alone when they fail, and are reported", function()
    local seen = {}
    local before = report.on_error(function(err) seen[#seen + 1] = tostring(err) end)
    local service, a = serving { Fail, Bang, Unwrap }
    local head = chain_like "socket fail lua"
    fake_chain.receive(head, "x")
    pipes.settle()
    report.on_error(before)
    assert.same({ "fail fails" }, seen)
    assert.equal(1, a.closed)
    assert.equal(1, head.closed)
    assert.equal("fail fails", tostring(chain_like("lua unwrap socket").failed))
    assert.equal("planned", service:ended():status())
    cro.await(service:stop())
  end)

  it_waits("fail when a push fails", function()
    local Source = component.source {
      name = "Source", produces = Tcp, incoming = function() return cro.Supply.from_list { Tcp { data = "a" } } end,
    }
    local _, err = cro.pawait(compose({ Source, Fail }):incoming():list())
    assert.equal("fail fails", tostring(err))
  end)

  it_waits("pass on that what is before them has failed", function()
    local Source = component.source {
      name = "Source", produces = Tcp,
      incoming = function() return cro.supply(function() error("dry", 0) end) end,
    }
    local _, err = cro.pawait(compose({ Source, Shout }):incoming():list())
    assert.equal("dry", tostring(err))
    assert.equal("dry", tostring(fake_chain.made[1].failed))
  end)

  it_waits("are asked to drain when the service stops", function()
    local service, a = serving { Wrap, Bang, Unwrap }
    local head = chain_like "socket wrap lua"
    fake_chain.receive(head, "last words")
    assert.is_true(cro.await(service:stop()))
    assert.is_true(head.drained)
    assert.same({ "last words!" }, a.box.written)
    assert.equal(1, a.closed)
  end)

  it_waits("stand alone under a trace, every hop of which is shown", function()
    local lines = {}
    local write = trace.write
    trace.write = function(line) lines[#lines + 1] = line end
    local service, a = serving { Wrap, Bang, Unwrap, Shout, trace = true, label = "n" }
    a.supplier:emit "hi"
    pipes.settle()
    cro.await(service:stop { now = true })
    trace.write = write
    assert.same({ "lua unwrap lua", "lua upper lua", "lua wrap lua" }, shapes())
    assert.same({ "lua:HI!" }, a.box.written)
    local events = table.concat(lines)
    for _, event in ipairs {
      "Wire EMIT TCP Message", "wrap EMIT Note hi", "Bang EMIT Note hi!", "unwrap EMIT TCP", "upper EMIT TCP",
    } do
      assert.truthy(events:find("[TRACE(n)] " .. event, 1, true), events)
    end
  end)

  it_waits("ask a function for their descriptor, and refuse one without a kind", function()
    local Odd = component.transform { name = "Odd", consumes = Tcp, produces = Tcp, native = function() return {} end }
    local _, err = cro.pawait(cro.start(function()
      return Odd and pipes.all(compose({ Odd }):transformer(cro.Supply.from_list {}))
    end))
    assert.equal("native of Odd must be a table { kind = ..., options = ... }", tostring(err))
    local Fine = component.transform {
      name = "Fine", consumes = Tcp, produces = Tcp,
      native = function(self) return { kind = "upper", options = { name = self.name } } end,
    }
    pipes.all(compose({ Fine }):transformer(cro.Supply.from_list {}))
    assert.same({ kind = "upper", options = { name = "Fine" } }, fake_chain.made[1].parts[1])
  end)

end)
