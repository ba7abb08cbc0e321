local core = require "cro.core"
local cro = require "cro"
local http = require "cro.http"
local garbage = require "spec.support.garbage"

--- A connection that two chains without a socket end are composed for.
local function connection()
  local bound, accepted = cro.Promise.new(), cro.Promise.new()
  local tap = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end })
    :tap(function(server) accepted:keep(server) end)
  local client = cro.await(cro.tcp.connect("127.0.0.1", cro.await(bound)))
  tap:close()
  return cro.await(accepted), client
end

describe("two chains of one connection #loop", function()
  local server, client, events, chains

  local function chain(name, kind, on_event)
    chains[name] = core.chain {
      connection = server.box,
      parts = { { kind = kind, options = { timeouts = { header = 0.02 } } } },
      head = "lua",
      tail = "lua",
      on_event = function(event, value)
        events[#events + 1] = name .. " " .. event
        if on_event then on_event(event, value) end
      end,
    }
  end

  --- A head that never ends: the deadline answers 408 and ends both, from the loop.
  local function time_out(on_parser, on_serializer)
    chain("parser", "http_request_parser", on_parser)
    chain("serializer", "http_response_serializer", on_serializer)
    local clock = cro.test.clock()
    chains.parser:push "GET / HTTP/1.1\r\nHost"
    clock:advance(0.02)
    clock:restore()
  end

  local function forget(name)
    chains[name]:close()
    chains[name] = nil
    garbage.collect()
  end

  before_each(function()
    events, chains = {}, {}
    server, client = connection()
  end)

  after_each(function()
    for _, one in pairs(chains) do
      one:close()
    end
    server:abort()
    client:abort()
    cro.sleep(0.01)
  end)

  it("end together when their time is up", function()
    local bytes = ""
    time_out(nil, function(event, value)
      if event == "value" then bytes = bytes .. value end
    end)
    assert.matches("^HTTP/1.1 408 ", bytes)
    table.sort(events)
    assert.same({ "parser done", "serializer done", "serializer value" }, events)
  end)

  it("are told of room once after a push that had to wait, and rest when nothing is to do", function()
    local taken
    local drained = cro.Promise.new()
    chain("parser", "http_request_parser", function(event, request)
      if event ~= "value" then return end
      taken = chains.serializer:push(http.Response { request = request, status = 200, body = "x" })
    end)
    chain("serializer", "http_response_serializer", function(event)
      if event == "value" then cro.sleep(0.02) end
      if event == "drain" then drained:keep() end
    end)
    assert.is_true(chains.parser:push "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    cro.await(drained)
    assert.is_false(taken)
    assert.same({ "parser value", "serializer value", "serializer drain" }, events)
    local before = os.clock()
    cro.sleep(0.1)
    assert.is_true(os.clock() - before < 0.06)
    assert.equal(3, #events)
  end)

  it("may close each other when they hear of it", function()
    for _, names in ipairs { { "parser", "serializer" }, { "serializer", "parser" } } do
      local function ended(event)
        if event ~= "done" and event ~= "quit" then return end
        for _, name in ipairs(names) do
          if chains[name] then forget(name) end
        end
      end
      chains = {}
      time_out(ended, ended)
      assert.is_nil(next(chains))
    end
  end)

  it("may go without being closed when they hear of it", function()
    local function ended(event)
      if event == "value" then return end
      chains, server = {}, connection()
      garbage.collect()
    end
    time_out(ended, ended)
    assert.is_nil(next(chains))
  end)
end)
