local cro = require "cro"
local certificates = require "spec.support.certificates"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await = cro.await
local broken, read_all, refused = sockets.broken, sockets.read_all, sockets.refused

describe("TLS #loop", function()
  secured.each(before_each, after_each)

  local function finish(client, server, tap)
    client:abort()
    server:abort()
    tap:close()
  end

  it("carries bytes both ways, and tells what was agreed on", function()
    local client, server, tap = secured.pair({ alpn = { "h2", "spec/1" } }, { alpn = "spec/1" })
    client:write "ping"
    client:shutdown()
    assert.equal("ping", read_all(server))
    server:write "pong"
    server:close()
    assert.equal("pong", read_all(client))
    for _, connection in ipairs { client, server } do
      assert.equal("TLSv1.3", connection.tls.version)
      assert.matches("^TLS_", connection.tls.cipher)
      assert.equal("spec/1", connection.tls.alpn)
      assert.equal("spec/1", connection.alpn_result)
      assert.is_false(connection.tls.resumed)
      assert.matches("^TLS connection 127.0.0.1:%d+$", tostring(connection))
    end
    client:close()
    tap:close()
  end)

  it("tells the client who the server is, and the server who asked for what", function()
    local client, server, tap = secured.pair({}, { server_name = "localhost" })
    assert.is_true(client.tls.verified)
    local peer = client.tls.peer
    assert.equal("localhost", peer.common_name)
    assert.matches("CN=localhost", peer.subject)
    assert.matches("Spec CA ca", peer.issuer)
    assert.same({ "DNS:localhost", "IP:127.0.0.1", "IP:::1" }, peer.names)
    assert.matches("^%x+$", peer.fingerprint)
    assert.equal(64, #peer.fingerprint)
    assert.matches("BEGIN CERTIFICATE", peer.pem)
    assert.is_true(peer.not_before <= os.time() and peer.not_after > os.time())
    assert.equal(peer, client.tls.peer)
    assert.equal("localhost", server.tls.server_name)
    assert.is_false(server.tls.verified)
    assert.is_nil(server.tls.peer)
    finish(client, server, tap)
  end)

  it("takes a table in the place of host and port", function()
    local port, tap = secured.listen(function(connection) connection:close() end)
    local client = await(cro.tls.connect { host = "127.0.0.1", port = port, ca_file = certificates.ca() })
    assert.equal("", read_all(client))
    client:close()
    tap:close()
  end)

  it("goes over sockets of the unix family", function()
    local path, accepted = os.tmpname(), cro.Promise.new()
    os.remove(path)
    local listener = cro.tls.listen(certificates.options { path = path })
    local tap = listener:tap(function(connection) accepted:keep(connection) end)
    assert.equal(path, await(listener:address()).path)
    local client = await(cro.tls.connect { path = path, server_name = "localhost", ca_file = certificates.ca() })
    local server = await(accepted)
    server:write "hello"
    server:close()
    assert.equal("hello", read_all(client))
    assert.equal("TLS connection " .. path, tostring(client))
    assert.equal(path, client.path)
    client:close()
    tap:close()
  end)

  describe("options", function()
    local tls = cro.tls
    local rows = {
      { "a port is needed", 'cro.tls.connect: option "port" is required (number)', tls.connect, "localhost" },
      { "a certificate is needed", 'cro.tls.listen: option "certificate_file" is required', tls.listen, "localhost", 0 },
      { "a name is known", 'cro.tls.connect: unknown option "nodely"; did you mean "nodelay"?',
        tls.connect, "localhost", 1, { nodely = true } },
      { "they are of this side", 'cro.tls.connect: option "verify" is for servers', tls.connect, "localhost", 1,
        { verify = "none" } },
      { "a path stands alone", 'option "path" goes without host, port and fd', tls.connect,
        { path = "/x", port = 1, server_name = "x" } },
      { "a path has a name", 'option "server_name" is required with path', tls.connect, { path = "/x" } },
      { "a server verifies with a CA", 'option "verify" = "require" needs client_ca_file', tls.listen,
        { port = 0, certificate_file = "x", verify = "require" } },
      { "a listener of a pipeline has a certificate", 'TLS Listener: option "certificate_file" is required', tls.listener,
        { port = 0 } },
      { "a connector of a pipeline is a client", 'TLS Connector: unknown option "sni"', tls.connector, { sni = {} } },
      { "a context has a certificate", 'cro.tls.context: option "certificate_file" is required', tls.context, {} },
      { "a context has a side", 'option "side": expected one of "server", "client"', tls.context, { side = "x" } },
      { "a function is called with a dot", "cro.tls.connect is called on cro.tls itself", function() tls:connect(1) end },
    }
    for _, row in ipairs(rows) do
      it("are refused unless " .. row[1], function() refused(row[2], row[3], row[4], row[5], row[6]) end)
    end

    it("name the file that is wrong, where the listener is tapped", function()
      local listener = cro.tls.listen("127.0.0.1", 0, { certificate_file = "/nowhere.pem", private_key_file = "/x" })
      local address = listener:address()
      local err = broken(listener:promise(), "not_found")
      assert.matches("cro.tls.listen: certificate_file /nowhere.pem", err.message, 1, true)
      broken(address, "not_found")
    end)

    it("name the file that is wrong in the promise of a connection", function()
      local err = broken(cro.tls.connect("127.0.0.1", 1, { ca_file = "/nowhere.pem" }), "not_found")
      assert.matches("cro.tls.connect: ca_file /nowhere.pem", err.message, 1, true)
    end)

    it("of a context raise where it is made", function()
      local ok, err = pcall(cro.tls.context, { certificate_file = "/nowhere.pem" })
      assert.is_false(ok)
      assert.equal("not_found", err.kind)
      assert.matches("cro.tls.context: certificate_file /nowhere.pem", err.message, 1, true)
    end)
  end)

  it("shares a context between listeners and connections", function()
    local server_side = cro.tls.context(certificates.options { alpn = "a" })
    local client_side = cro.tls.context { side = "client", ca_file = certificates.ca(), alpn = "a" }
    local greet = function(connection)
      connection:write(connection.tls.alpn)
      connection:close()
    end
    local taps = {}
    for i = 1, 2 do
      local listener = cro.tls.listen("127.0.0.1", 0, { context = server_side })
      taps[i] = listener:tap(greet)
      local client = await(cro.tls.connect("127.0.0.1", await(listener:address()).port, { context = client_side }))
      assert.equal("a", read_all(client))
      client:close()
    end
    assert.is_true(server_side:reload())
    taps[1]:close()
    taps[2]:close()
  end)

  it("belongs to the block that opened it", function()
    local port, tap = secured.listen(function(connection) connection:write "x" end)
    local client
    cro.react(function(block)
      client = await(cro.tls.connect("127.0.0.1", port, secured.trusting()))
      block.whenever(cro.Promise.after(0.01), block.done)
    end)
    broken(client:write "late", "closed")
    tap:close()
  end)

  it("gives up a connection that is cancelled in its handshake, and leaves nothing", function()
    local silent, plain = cro.Promise.new(), cro.tcp.listen("127.0.0.1", 0)
    local tap = plain:tap(function(connection) silent:keep(connection) end)
    local connecting = cro.tls.connect("127.0.0.1", await(plain:address()).port)
    local peer = await(silent)
    cro.sleep(0.02)
    connecting:cancel()
    broken(peer:supply():promise(), "reset")
    tap:close()
  end)

  it("gives up handshakes when the listener is closed", function()
    local port, tap = secured.listen(error)
    local client = await(cro.tcp.connect("127.0.0.1", port))
    cro.sleep(0.02)
    tap:close()
    broken(client:supply():promise(), "reset")
    client:close()
  end)
end)
