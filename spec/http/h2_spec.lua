local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local curl, run = clients.curl, clients.run

--- What python3-h2 does in these cases: `request(...)` opens a stream, `until(kind)` waits for
--- an event of h2, `end(...)` tells what came.
local PYTHON = [[
import socket, sys, h2.connection, h2.config, h2.events as e
port = int(sys.argv[1])
s = socket.create_connection(("127.0.0.1", port)); s.settimeout(10)
c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
c.initiate_connection(); s.sendall(c.data_to_send())
seen = []
def pump():
    data = s.recv(65536)
    if not data: return False
    events = c.receive_data(data); seen.extend(events)
    for v in events:
        if isinstance(v, e.DataReceived): c.acknowledge_received_data(v.flow_controlled_length, v.stream_id)
    s.sendall(c.data_to_send())
    return True
def until(kind, stream=None):
    while True:
        for v in seen:
            if isinstance(v, kind) and (stream is None or v.stream_id == stream):
                seen.remove(v); return v
        if not pump(): raise SystemExit("closed while waiting for " + kind.__name__)
def request(path, method="GET", end=True, more=[]):
    id = c.get_next_available_stream_id()
    c.send_headers(id, [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost")] + more,
        end_stream=end)
    s.sendall(c.data_to_send())
    return id
def body(id):
    text = b""
    while True:
        for v in list(seen):
            if getattr(v, "stream_id", None) != id: continue
            seen.remove(v)
            if isinstance(v, e.DataReceived): text += v.data
            if isinstance(v, e.StreamEnded): return text
            if isinstance(v, e.StreamReset): return ("reset %d" % v.error_code).encode()
        if not pump(): raise SystemExit("closed within a body")
]]

describe("http.server over HTTP/2 #loop", function()
  local service, port, seen, url

  local function start(application, options)
    options = options or {}
    options.host, options.port, options.application, options.http = "127.0.0.1", 0, application, options.http or "2"
    service = http.server(options)
    service:start()
    port = select(2, service:address())
    url = ("http://127.0.0.1:%d"):format(port)
  end

  local function python(source) return clients.python(PYTHON .. source, tostring(port)) end

  local function h2curl(path, ...) return curl("--http2-prior-knowledge", url .. path, ...) end

  before_each(function() seen = {} end)

  after_each(function()
    if service and service:address() then cro.await(service:stop { now = true }) end
    service = nil
  end)

  it("runs each request in a fiber of its own, and answers in the order they are ready", function()
    start(r.route {
      r.get("/wait/{ms:int}", function(c, ms)
        cro.sleep(ms / 1000)
        c:text(tostring(ms))
      end),
    })
    assert.equal("1 200 500\n", python [[
ids = [request("/wait/%d" % ms) for ms in (500, 200, 1)]
order = []
while len(order) < 3:
    order.append(until(e.DataReceived).data.decode())
print(*order)
]])
    assert.equal(3, service:stats().requests)
    assert.equal(0, service:stats().running)
  end)

  it("tells how many connections speak it, and how many requests run", function()
    local gate = cro.Promise.new()
    start(r.route { r.get("/", function(c) gate:await() c:no_content() end) })
    local asked = cro.start(function() return python [[
ids = [request("/") for _ in range(5)]
print(len([body(id) for id in ids]))
]] end)
    while service:stats().running < 5 do
      cro.sleep(0.005)
    end
    assert.same({ 1, 1, 5 }, { service:stats().connections, service:stats().http2, service:stats().running })
    gate:keep()
    assert.equal("5\n", cro.await(asked))
    assert.equal(0, service:stats().running)
  end)

  it("answers HEAD without a body, and errors as ever", function()
    start(r.route {
      r.get("/", function(c) c:text "four" end),
      r.get("/raise", function() error("x", 0) end),
    })
    local _, last = h2curl("/", "-I")
    assert.equal("2 200", last)
    local heads = run("curl", "-sI", "--http2-prior-knowledge", url .. "/").stdout
    assert.matches("content%-length: 4\r\n", heads)
    assert.equal("2 404", (select(2, h2curl "/none")))
    assert.equal("2 405", (select(2, h2curl("/", "-X", "DELETE"))))
    cro.on_error(function(err) seen[#seen + 1] = tostring(err) end)
    local text
    text, last = h2curl "/raise"
    cro.on_error(nil)
    assert.same({ "Internal Server Error", "2 500", 1 }, { text, last, #seen })
  end)

  it("sends interim answers before the answer", function()
    start(r.route {
      r.get("/", function(c)
        c:early_hints "</a.css>; rel=preload"
        c:text "page"
      end),
    })
    assert.equal("103 </a.css>; rel=preload 200\n", python [[
id = request("/")
hint = dict(until(e.InformationalResponseReceived).headers)
print(hint[":status"], hint["link"], dict(until(e.ResponseReceived).headers)[":status"])
]])
  end)

  it("takes and sends trailers", function()
    start(r.route {
      r.post("/", function(c)
        local text = cro.await(c:body_text())
        local sum = c.request:trailer "x-sum"
        local response = c.response
        response.status, response.content_type = 200, "text/plain"
        response:after_handler(function()
          response:start_stream()
          response:write(text .. " " .. tostring(sum))
          response:append_trailer("X-After", "1")
          response:finish()
        end)
      end),
    })
    assert.equal("body 42 1\n", python [[
id = request("/", "POST", end=False)
c.send_data(id, b"body")
c.send_headers(id, [("x-sum", "42")], end_stream=True)
s.sendall(c.data_to_send())
text = until(e.DataReceived).data.decode()
print(text, dict(until(e.TrailersReceived).headers)["x-after"])
]])
  end)

  it("moves bodies larger than any window, both ways at once", function()
    start(r.route {
      r.post("/echo", function(c) c:stream("application/octet-stream", c:body_stream()) end),
    })
    local got = run("sh", "-c", ("head -c 5000000 /dev/urandom >f && curl -sS --http2-prior-knowledge "
      .. "--data-binary @f -o g %s/echo && cmp f g && echo same; rm -f f g"):format(url))
    assert.equal("same\n", got.stdout)
  end)

  it("holds back a peer whose body nobody takes, and the others go on", function()
    local gate = cro.Promise.new()
    start(r.route {
      r.post("/later", function(c)
        gate:await()
        local bytes = 0
        cro.react(function() cro.whenever(c:body_stream(), function(part) bytes = bytes + #part end) end)
        c:text(tostring(bytes))
      end),
      r.get("/", function(c) c:text "there" end),
      r.get("/open", function(c)
        gate:keep()
        c:no_content()
      end),
    })
    assert.equal("65535 there 300000\n", python [[
id = request("/later", "POST", end=False)
sent, left = 0, 300000
def send():
    global sent, left
    while left:
        n = min(left, c.local_flow_control_window(id), c.max_outbound_frame_size)
        if n == 0: break
        c.send_data(id, b"x" * n); left -= n; sent += n
    s.sendall(c.data_to_send())
c.remote_settings
until(e.RemoteSettingsChanged)
before = min(c.local_flow_control_window(id), 65536)
send()
held = sent
other = body(request("/")).decode()
held = held if held == sent else -1
request("/open")
while left:
    pump(); send()
c.end_stream(id); s.sendall(c.data_to_send())
print(min(held, 65535), other, body(id).decode())
]])
  end)

  it("waits for a peer that takes nothing, without keeping the answer in memory", function()
    local emitted = 0
    start(r.route {
      r.get("/large", function(c)
        c:stream("application/octet-stream", cro.supply(function()
          for _ = 1, 1000 do
            emitted = emitted + 1
            cro.emit(("x"):rep(16384))
          end
        end))
      end),
    })
    local script = [[
import time
id = request("/large")
until(e.ResponseReceived)
while c.remote_flow_control_window(id) > 0:
    for v in c.receive_data(s.recv(65536)): pass
print("full", flush=True)
sys.stdin.readline()
]]
    local child = cro.process { "/usr/bin/python3", "-c", PYTHON .. script, tostring(port), stdin = "pipe", stderr = "null" }
    local said = cro.await((function()
      local first = child:stdout():head(1)
      child:start()
      return first
    end)())
    assert.matches("^full", said)
    cro.sleep(0.05)
    assert.is_true(emitted < 40, emitted .. " parts were made")
    child:close_stdin()
  end)

  it("cancels the handler of a stream that the peer resets, and only that", function()
    start(r.route {
      r.get("/wait", function()
        cro.defer(function() seen[#seen + 1] = "cleaned" end)
        local ok, err = pcall(cro.sleep, 10)
        seen[#seen + 1] = ok and "slept" or tostring(err)
        error(err, 0)
      end),
      r.get("/", function(c) c:text "there" end),
    })
    assert.equal("there\n", python [[
id = request("/wait")
body(request("/"))
c.reset_stream(id, 8); s.sendall(c.data_to_send())
print(body(request("/")).decode())
]])
    assert.equal(0, service:stats().running)
    assert.is_true(#seen >= 1)
    assert.matches("cancel", seen[1])
  end)

  it("ends a stream whose handler fails after it has begun to answer, and goes on", function()
    cro.on_error(function() end)
    start(r.route {
      r.get("/half", function(c)
        c:stream("text/plain", cro.supply(function()
          cro.emit "half"
          cro.sleep(0.02)
          error "no more"
        end))
      end),
      r.get("/", function(c) c:text "there" end),
    })
    assert.equal("reset 2 there\n", python [[
print(body(request("/half")).decode(), body(request("/")).decode())
]])
    cro.on_error(nil)
  end)

  it("refuses new streams when it drains, and finishes those that run", function()
    local gate = cro.Promise.new()
    start(r.route { r.get("/", function(c) gate:await() c:text "done" end) })
    local asked = cro.start(function() return clients.node([[
      const session = require('http2').connect('http://127.0.0.1:' + process.argv[1]);
      const said = [];
      session.on('goaway', (code) => said.push('goaway ' + code));
      session.on('close', () => console.log(said.join(', ')));
      const stream = session.request({ ':path': '/' });
      stream.setEncoding('utf8');
      stream.on('data', (text) => said.push(text));
    ]], tostring(port)) end)
    while service:stats().running == 0 do
      cro.sleep(0.005)
    end
    local stopped = service:stop()
    cro.sleep(0.05)
    gate:keep()
    assert.matches("^goaway 0, .*done\n$", cro.await(asked))
    assert.is_true(cro.await(stopped))
  end)

  it("takes no more streams at a time than it is told to", function()
    start(r.route { r.get("/", function(c) c:text "x" end) }, { h2 = { max_streams = 3 } })
    assert.equal("3\n", python [[
until(e.RemoteSettingsChanged)
print(c.remote_settings.max_concurrent_streams)
]])
  end)

  it("shows its version in the access log", function()
    local lines = {}
    start(r.route { r.get("/", function(c) c:text "x" end) }, {
      after = http.log.file { format = "common", logs = setmetatable({}, { __index = {
        write = function(_, line) lines[#lines + 1] = line end,
        flush = function() end,
      } }) },
    })
    h2curl "/"
    assert.matches('"GET / HTTP/2.0" 200 1', lines[1])
  end)

  it("serves events and closes them when the peer has gone", function()
    start(r.route {
      r.get("/ticks", function(c)
        c:sse(cro.supply(function()
          cro.closing(function() seen[#seen + 1] = "closed" end)
          cro.whenever(cro.Supply.interval(0.01), function(n) cro.emit(tostring(n)) end)
        end))
      end),
    })
    run("sh", "-c", ("curl -sN --http2-prior-knowledge %s/ticks | head -n 1"):format(url))
    for _ = 1, 200 do
      if #seen > 0 then break end
      cro.sleep(0.01)
    end
    assert.same({ "closed" }, seen)
  end)
end)
