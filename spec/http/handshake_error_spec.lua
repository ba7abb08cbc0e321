--- Handshakes that fail, told to the script, and certificates read again: of every service
--- that speaks TLS, however it was made.
local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local program = require "spec.support.program"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

local App = cro.transform {
  name = "App", consumes = http.Request, produces = http.Response,
  transformer = function(_, requests)
    return requests:map(function(request)
      return http.Response { request = request, status = 200, content_type = "text/plain", body = "fine" }
    end)
  end,
}

local MAKERS = {
  ["http.server with routes"] = function(tls, handler)
    return http.server {
      host = "127.0.0.1", port = 0, tls = tls, on_handshake_error = handler,
      application = r.route { r.get("/", function(c) c:text "fine" end) },
    }
  end,
  ["http.server with a transform"] = function(tls, handler)
    return http.server { host = "127.0.0.1", port = 0, tls = tls, on_handshake_error = handler, application = App }
  end,
  ["a composed service"] = function(tls, handler)
    tls.host, tls.port, tls.on_handshake_error = "127.0.0.1", 0, handler
    return cro.compose { cro.tls.listener(tls), http.request_parser(), App, http.response_serializer() }
  end,
}

describe("a service over TLS #loop", function()
  local service, port

  local function start(made)
    service = made
    service:start()
    port = select(2, service:address())
  end

  local function ask() return (clients.curl(("https://127.0.0.1:%d/"):format(port))) end

  local function until_true(condition)
    local latest = cro.now() + 5
    while not condition() and cro.now() < latest do
      cro.sleep(0.005)
    end
  end

  after_each(function()
    if service and service:address() then cro.await(service:stop { now = true }) end
    cro.on_error(nil)
  end)

  for name, make in pairs(MAKERS) do
    it(("tells of each handshake that fails: %s"):format(name), function()
      local heard = {}
      start(make(certificates.options(), function(err) heard[#heard + 1] = err end))
      for _ = 1, 3 do
        wire.exchange(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      end
      cro.await(cro.tcp.connect("127.0.0.1", port)):close()
      until_true(function() return #heard >= 3 end)
      for i = 1, 3 do
        assert.equal("protocol", heard[i].kind)
        assert.matches("^handshake 127.0.0.1:%d+: TLS: the peer speaks plain HTTP$", heard[i].message)
        assert.matches("^127.0.0.1:%d+$", heard[i].address)
      end
      assert.equal("fine", ask())
    end)

    it(("is harmed by no callback that raises or waits for ever: %s"):format(name), function()
      local calls, reported = 0, {}
      cro.on_error(function(err, _, context) reported[#reported + 1] = tostring(err) .. " in " .. context.what end)
      start(make(certificates.options(), function()
        calls = calls + 1
        if calls == 1 then error("oops", 0) end
        cro.await(cro.Promise.new())
      end))
      for _ = 1, 4 do
        wire.exchange(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      end
      until_true(function() return calls == 4 end)
      assert.equal(4, calls)
      assert.equal(1, #reported)
      assert.matches("^oops in on_handshake_error of ", reported[1])
      assert.equal("fine", ask())
    end)

    it(("reads its certificates again when it is told to: %s"):format(name), function()
      local folder = program.folder()
      local function put(given)
        local issued = certificates.issue(given)
        program.write(folder .. "/crt.pem", program.read(issued.certificate_file))
        program.write(folder .. "/key.pem", program.read(issued.private_key_file))
      end
      local function shown()
        local client = cro.await(cro.tls.connect("127.0.0.1", port, { ca_file = certificates.ca(), alpn = "http/1.1" }))
        client:abort()
        return client.tls.peer.common_name
      end
      put { name = "first" }
      start(make({
        certificate_file = folder .. "/crt.pem", private_key_file = folder .. "/key.pem", alpn = { "h2", "http/1.1" },
      }))
      assert.equal("first", shown())
      put { name = "second" }
      assert.is_true(cro.await(service:reload_tls()))
      assert.equal("second", shown())
      program.write(folder .. "/crt.pem", "nothing")
      local _, err = cro.pawait(service:reload_tls())
      assert.matches("crt.pem: no certificate in it", err.message)
      assert.equal("second", shown())
      program.remove(folder)
    end)
  end

  it("has certificates only where a listener of TLS is its first part, and while it runs", function()
    local plain = cro.compose { cro.tcp.listener { port = 0 }, http.request_parser(), App, http.response_serializer() }
    local ok, message = pcall(plain.reload_tls, plain)
    assert.is_false(ok)
    assert.matches("service:reload_tls: this service is not started; certificates are read when it is", message, 1, true)
    start(plain)
    ok, message = pcall(plain.reload_tls, plain)
    assert.is_false(ok)
    assert.matches("service:reload_tls: TCP Listener, its first part, has no certificates", message, 1, true)
  end)

  it("has no handshakes to tell of without tls", function()
    local ok, message = pcall(http.server, { port = 0, application = App, on_handshake_error = print })
    assert.is_false(ok)
    assert.matches('option "on_handshake_error" is told of handshakes of TLS: give tls, too', message, 1, true)
  end)

  it("tells no more than it can remember of a flood", function()
    local heard, gate = 0, cro.Promise.new()
    start(MAKERS["http.server with routes"](certificates.options(), function()
      heard = heard + 1
      cro.await(gate)
    end))
    for _ = 1, 10 do
      local all = {}
      for i = 1, 20 do
        all[i] = cro.start(function() wire.exchange(port, "GET / HTTP/1.1\r\n\r\n") end)
      end
      cro.await(cro.Promise.all_of(all))
    end
    assert.equal(200, service:stats().tls_failed)
    assert.equal(64, heard)
    gate:keep(true)
  end)
end)
