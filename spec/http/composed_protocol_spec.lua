--- What HTTP asks of a server, whatever the application is: routes, a transform of
--- requests, or parts composed by hand with others between.
local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

local curl, run = clients.curl, clients.run

local Same = cro.map(cro.tcp.Message, cro.tcp.Message, function(message) return message end)
local Answers = cro.map(http.Response, http.Response, function(response) return response end)

--- Says what it will need, then repeats the body.
local App = cro.transform {
  name = "App", consumes = http.Request, produces = http.Response,
  transformer = function(_, requests)
    return requests:map(function(request)
      if request.path == "/hints" then
        request:early_hints { "</a.css>; rel=preload" }
        cro.sleep(0.01)
        request:inform(102, { ["X-Step"] = { "1", "2" } })
      end
      local said = request.method == "PUT" and cro.await(request:body_text()) or "plain"
      return http.Response { request = request, status = 200, content_type = "text/plain", body = said }
    end)
  end,
}

local Routes = r.route {
  r.get("/hints", function(c)
    c:early_hints { "</a.css>; rel=preload" }
    cro.sleep(0.01)
    c:inform(102, { ["X-Step"] = { "1", "2" } })
    c:text "plain"
  end),
  r.get("/", function(c) c:text "plain" end),
  r.put("/put", function(c) c:text(cro.await(c:body_text())) end),
}

--- Asks with a body that is sent once it is wanted, and prints what came.
local WAITS = [[
import socket, ssl, sys
import h2.connection, h2.events
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
tls = context.wrap_socket(plain, server_hostname="localhost")
peer = h2.connection.H2Connection()
peer.initiate_connection()
peer.send_headers(1, [(":method", "PUT"), (":scheme", "https"), (":authority", "localhost"), (":path", "/put"),
                      ("expect", "100-continue")])
tls.sendall(peer.data_to_send())
said, over = [], False
while not over:
    for event in peer.receive_data(tls.recv(65536)):
        if isinstance(event, h2.events.InformationalResponseReceived):
            said.append(dict(event.headers)[b":status"].decode())
            peer.send_data(1, b"hello", end_stream=True)
        elif isinstance(event, h2.events.ResponseReceived):
            said.append(dict(event.headers)[b":status"].decode())
        elif isinstance(event, h2.events.DataReceived):
            said.append(event.data.decode())
        over = over or isinstance(event, h2.events.StreamEnded)
    tls.sendall(peer.data_to_send())
print(*said)
]]

--- Every way to put an application between bytes and bytes.
local WAYS = {
  ["a transform"] = function(options)
    options.application = App
    return http.server(options)
  end,
  ["a transform with middleware"] = function(options)
    options.application, options.before = App, function(c) c.state = 1 end
    return http.server(options)
  end,
  ["routes between transforms of bytes"] = function(options)
    options.application, options.before_parse, options.after_serialize = Routes, Same, Same
    return http.server(options)
  end,
  ["routes before a transform of answers"] = function(options)
    local listener = options.tls and cro.tls.listener(options.tls { host = "127.0.0.1", alpn = { "h2", "http/1.1" } })
      or cro.tcp.listener { host = "127.0.0.1" }
    return cro.compose { listener, http.request_parser(), Routes, Answers, http.response_serializer() }
  end,
}

for name, make in pairs(WAYS) do
  describe(name .. " #loop", function()
    local service

    local function start(options)
      service = make(options)
      service:start()
      return select(2, service:address())
    end

    local function start_tls()
      if name:find "before a transform" then return start { tls = certificates.options } end
      return start { host = "127.0.0.1", port = 0, tls = certificates.options() }
    end

    after_each(function()
      cro.await(service:stop { now = true })
      assert.equal(0, cro.stats().listeners)
    end)

    it("answers 421 to HTTP/2 for a host of somebody else", function()
      local url = ("https://localhost:%d/"):format(start_tls())
      local function of(...) return (select(2, curl(...))) end
      assert.equal("2 421", of(url, "-H", "Host: elsewhere.test"))
      assert.equal("2 421", of(url, "-H", "Host: elsewhere.test", "-T", "/etc/hostname"))
      assert.equal("2 200", of(url, "-H", "Host: LOCALHOST."))
      assert.equal("1.1 200", of(url, "-H", "Host: elsewhere.test", "--http1.1"))
    end)

    it("passes on what the core answers by itself", function()
      local url = ("https://localhost:%d/"):format(start_tls())
      local missed = name:find "routes" and "404" or "200"
      assert.equal("2 " .. missed, (select(2, curl(url .. "nowhere"))))
      assert.equal("1.1 " .. missed, (select(2, curl(url .. "nowhere", "--http1.1"))))
      assert.equal("2 200", (select(2, curl(url))))
    end)

    it("sends interim answers", function()
      local url = ("https://localhost:%d/hints"):format(start_tls())
      for _, version in ipairs { "--http1.1", "--http2" } do
        local heads = run("curl", "-sS", "-k", "-D", "-", version, url).stdout:gsub("\r", "")
        local before, after = heads:match "^(.-\n\n.-\n\n)(HTTP/%S+ 200.*)$"
        assert.matches("^HTTP/%S+ 103 ?[^\n]*\n[Ll]ink: </a.css>; rel=preload\n\nHTTP/%S+ 102 ?[^\n]*\n", before)
        assert.matches("[Xx]%-[Ss]tep: 1\n[Xx]%-[Ss]tep: 2\n\n$", before)
        assert.matches("plain$", after)
        assert.is_nil(after:lower():find("link", 1, true))
      end
    end)

    it("says 100 Continue when the body is asked for, and not before", function()
      local port = start { host = "127.0.0.1", port = 0 }
      local conn, got = cro.await(cro.tcp.connect("127.0.0.1", port)), ""
      cro.await(conn:write "PUT /put HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      cro.react(function()
        cro.whenever(conn, function(bytes)
          got = got .. bytes
          if got == "HTTP/1.1 100 Continue\r\n\r\n" then conn:write "hello" end
          if got:find "hello$" then cro.done() end
        end)
      end)
      assert.matches("^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n.*\r\n\r\nhello$", got)
      local unread = wire.exchange(port, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      assert.matches("^HTTP/1.1 200 OK\r\n", unread)
    end)

    it("says it over HTTP/2 too", function()
      assert.equal("100 200 hello\n", clients.python(WAITS, tostring(start_tls())))
    end)
  end)
end

describe("limits.connections #loop", function()
  local service

  after_each(function() cro.await(service:stop { now = true }) end)

  --- What a second client is told while a first one is there, and once it has gone.
  local function second(made)
    service = made
    service:start()
    local port = select(2, service:address())
    local first = cro.await(cro.tcp.connect("127.0.0.1", port))
    local refused = wire.exchange(port, "")
    first:close()
    local after
    repeat
      cro.sleep(0.01)
      after = wire.exchange(port, wire.request("GET", "/"))
    until after:find "^HTTP/1.1 200" or after == ""
    return refused, after
  end

  it("holds for servers that are composed", function()
    local refused, after = second(http.server {
      host = "127.0.0.1", port = 0, application = App, limits = { connections = 1 },
    })
    assert.matches("^HTTP/1.1 503 .*Service Unavailable$", refused)
    assert.matches("^HTTP/1.1 200 ", after)
  end)

  it("is the listener's in a pipeline by hand", function()
    local refused, after = second(cro.compose {
      cro.tcp.listener { host = "127.0.0.1", limits = { connections = 1 } },
      http.request_parser(), App, http.response_serializer(),
    })
    assert.equal("", refused)
    assert.matches("^HTTP/1.1 200 ", after)
  end)

  it("closes who comes to a full listener of TLS without a word", function()
    service = http.server {
      host = "127.0.0.1", port = 0, application = App, limits = { connections = 1 }, tls = certificates.options(),
    }
    service:start()
    local port = select(2, service:address())
    local first = cro.await(cro.tcp.connect("127.0.0.1", port))
    assert.equal("", wire.exchange(port, ""))
    first:close()
  end)
end)

describe("a path that cannot be read #loop", function()
  local service

  after_each(function()
    if service and service:address() then cro.await(service:stop { now = true }) end
  end)

  local ASKED = "GET /%s HTTP/1.1\r\nHost: a\r\n\r\nGET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

  it("is answered 400, and with HTTP/1 the connection ends", function()
    for _, more in ipairs { {}, { before = function() end } } do
      local reached = {}
      more.host, more.port = "127.0.0.1", 0
      more.application = r.route {
        r.get("/{name}", function(c, name) reached[#reached + 1] = name; c:text "reached" end),
        r.get("/{name}", { query = { q = "string!" } }, function(c, _) c:text "query" end),
      }
      service = http.server(more)
      service:start()
      for _, path in ipairs { "%zz", "%", "%4", "a%00", "%00", "a%00.txt", "deep/er/%00" } do
        local got = wire.exchange(select(2, service:address()), ASKED:format(path))
        assert.matches("^HTTP/1.1 400 Bad Request\r\n.*Connection: close\r\n.*Bad Request$", got)
      end
      assert.same({}, reached)
      local good = wire.exchange(select(2, service:address()), ASKED:format "%01")
      assert.equal(2, select(2, good:gsub("HTTP/1.1 200", "")))
      cro.await(service:stop())
    end
    service = nil
  end)
end)
