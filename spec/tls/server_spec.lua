local cro = require "cro"
local certificates = require "spec.support.certificates"
local program = require "spec.support.program"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await, pawait = cro.await, cro.pawait
local broken, read_all = sockets.broken, sockets.read_all

local function say_hello(connection)
  connection:write "hello"
  connection:close()
end

describe("a TLS listener #loop", function()
  secured.each(before_each, after_each)

  --- What the listener says to a client with these options.
  local function hear(port, more)
    local client, err = pawait(cro.tls.connect("127.0.0.1", port, secured.trusting(more)))
    if not client then return nil, err end
    local ok, heard = pcall(read_all, client)
    client:close()
    return ok and heard or nil, heard
  end

  describe("with client certificates", function()
    local mine = { certificate_file = false, private_key_file = false }
    local seen

    setup(function() mine = certificates.issue { name = "alice", names = false, usage = "clientAuth" } end)

    local function listen(verify)
      seen = {}
      return secured.listen(function(connection)
        seen[#seen + 1] = connection.tls.peer and connection.tls.peer.common_name or "nobody"
        connection:write(tostring(connection.tls.verified))
        connection:close()
      end, { verify = verify, client_ca_file = verify ~= "none" and certificates.ca() or nil, on_handshake_error = function() end })
    end

    local others = { ca = "other_ca", name = "mallory", usage = "clientAuth", names = false }
    local rows = {
      { "none", nil, "false", "nobody" },
      { "optional", nil, "false", "nobody" },
      { "optional", "mine", "true", "alice" },
      { "optional", "others", nil },
      { "require", nil, nil },
      { "require", "mine", "true", "alice" },
      { "require", "others", nil },
      { "require", "expired", nil },
      { "require", "wrong purpose", nil },
    }
    for _, row in ipairs(rows) do
      local verify, whose, said, name = unpack(row)
      it(("verify = %q %s a client with %s certificate"):format(
        verify, said and "takes" or "refuses", whose and "this: " .. whose .. ", a" or "no"), function()
        local given = whose == "mine" and mine or whose == "others" and certificates.issue(others)
          or whose == "expired" and certificates.issue { name = "old", days = -1, usage = "clientAuth" }
          or whose == "wrong purpose" and certificates.issue { name = "srv", usage = "serverAuth" } or {}
        for _, version in ipairs { "1.2", "1.3" } do
          local port, tap = listen(verify)
          local more = { certificate_file = given.certificate_file, private_key_file = given.private_key_file }
          more.min_version = version
          local heard, err = hear(port, more)
          assert.equal(said, heard)
          if said then
            assert.same({ name }, seen)
          else
            assert.same({}, seen)
            assert.matches("TLS: the peer sent alert: ", err.message)
            assert.is_true(err.kind == "tls" or err.kind == "certificate" or err.kind == "reset", err.kind)
          end
          tap:close()
        end
      end)
    end
  end)

  describe("with several certificates", function()
    local function listen(more)
      local given = { sni = {
        ["a.example"] = certificates.issue { name = "a.example", names = "DNS:a.example" },
        ["*.b.example"] = certificates.issue { name = "b.example", names = "DNS:*.b.example" },
      } }
      for key, value in pairs(more or {}) do
        given[key] = value
      end
      return secured.listen(say_hello, given)
    end

    local function shown(port, name)
      local client, err = pawait(cro.tls.connect("127.0.0.1", port, { insecure_skip_verify = true, server_name = name }))
      if not client then return nil, err end
      local peer = client.tls.peer.common_name
      client:abort()
      return peer
    end

    it("shows the one that is asked for, else the first", function()
      local port, tap = listen()
      assert.equal("a.example", shown(port, "a.example"))
      assert.equal("a.example", shown(port, "A.Example"))
      assert.equal("b.example", shown(port, "x.b.example"))
      assert.equal("localhost", shown(port, "x.y.b.example"))
      assert.equal("localhost", shown(port, "unknown.example"))
      assert.equal("localhost", shown(port))
      assert.equal("hello", (hear(port, { server_name = "a.example" })))
      tap:close()
    end)

    it("refuses unknown names where it shall", function()
      local said
      local port, tap = listen { sni_strict = true, on_handshake_error = function(failure) said = failure.message end }
      assert.equal("a.example", shown(port, "a.example"))
      local _, err = shown(port, "unknown.example")
      assert.matches("alert: unrecognized name: it has no certificate for unknown.example$", err.message)
      assert.matches("TLS: the peer asked for unknown.example, which no certificate is for$", said)
      tap:close()
    end)
  end)

  it("agrees on a protocol, or refuses a client that speaks none of them", function()
    local agreed, failures = {}, {}
    local port, tap = secured.listen(function(connection)
      agreed[#agreed + 1] = connection.tls.alpn or "none"
      connection:close()
    end, { alpn = { "h2", "http/1.1" }, on_handshake_error = function(err) failures[#failures + 1] = err end })
    for _, offered in ipairs { { "http/1.1", "h2" }, { "http/1.1" }, {} } do
      hear(port, { alpn = #offered > 0 and offered or nil })
    end
    assert.same({ "h2", "http/1.1", "none" }, agreed)
    local _, err = hear(port, { alpn = "smtp" })
    assert.equal("alpn", err.kind)
    while #failures == 0 do
      cro.sleep(0.005)
    end
    assert.equal("alpn", failures[1].kind)
    tap:close()
  end)

  it("counts handshakes, and those that fail, and goes on", function()
    local failures = {}
    local port, tap = secured.listen(say_hello, {
      handshake_timeout = 0.1,
      on_handshake_error = function(err) failures[err.kind] = (failures[err.kind] or 0) + 1 end,
    })
    local before = cro.stats()
    local hurt = {}
    for i, bytes in ipairs { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ("\0"):rep(1000), "\22\3\1\255\255", "" } do
      hurt[i] = await(cro.tcp.connect("127.0.0.1", port))
      hurt[i]:write(bytes)
    end
    assert.equal("hello", (hear(port)))
    cro.sleep(0.3)
    for _, connection in ipairs(hurt) do
      connection:abort()
    end
    assert.equal("hello", (hear(port)))
    local after = cro.stats()
    assert.equal(4, after.tls_handshakes - before.tls_handshakes) -- both ends are ours
    assert.equal(4, after.tls_failures - before.tls_failures)
    assert.same({ protocol = 2, tls = 1, timeout = 1 }, failures)
    tap:close()
  end)

  it("says on stderr that handshakes fail, now and then", function()
    local folder = program.folder()
    local mine = certificates.issue()
    program.write(folder .. "/server.lua", ([[
      local cro = require "cro"
      local listener = cro.tls.listen("127.0.0.1", 0, { certificate_file = %q, private_key_file = %q })
      listener:tap(function(connection) connection:close() end)
      local port = cro.await(listener:address()).port
      for _ = 1, 3 do
        local client = cro.await(cro.tcp.connect("127.0.0.1", port))
        client:write "GET / HTTP/1.1\r\n\r\n"
        cro.pawait(client:supply():promise())
      end
      local scanner = cro.await(cro.tcp.connect("127.0.0.1", port))
      scanner:close()
      cro.sleep(0.05)
      os.exit(0)
    ]]):format(mine.certificate_file, mine.private_key_file))
    local ran = await(cro.process.run { program.crolua(), folder .. "/server.lua" })
    assert.matches("^crolua: TLS listener 127.0.0.1:[1-9]%d+: handshake 127.0.0.1:%d+: TLS: the peer speaks plain HTTP\n$", ran.stderr)
    program.remove(folder)
  end)

  it("knows what was agreed on when the connection has closed", function()
    local client, server, tap = secured.pair({ alpn = "echo" }, { alpn = "echo", server_name = "localhost" })
    client:close()
    server:close()
    await(server:closed())
    await(client:closed())
    for _ = 1, 3 do
      collectgarbage()
      cro.sleep(0.005)
    end
    assert.equal("localhost", client.tls.peer.common_name)
    assert.matches("BEGIN CERTIFICATE", client.tls.peer.pem)
    assert.is_nil(server.tls.peer)
    local function shown(info) return { info.version, info.alpn, info.server_name, info.resumed, info.verified } end
    assert.same({ "TLSv1.3", "echo", "localhost", false, true }, shown(client.box:tls_info()))
    assert.same({ "TLSv1.3", "echo", "localhost", false, false }, shown(server.box:tls_info()))
    tap:close()
  end)

  it("quits with kind eof when the peer ends without saying so", function()
    local ended = cro.Promise.new()
    local port, tap = secured.listen(function(connection)
      connection:supply():tap { done = function() ended:keep "done" end, quit = function(err) ended:keep(err) end }
    end)
    local relay = cro.tcp.listen("127.0.0.1", 0)
    local through = relay:tap(function(inner) -- passes bytes on, and ends when it likes
      cro.start(function()
        local outer = await(cro.tcp.connect("127.0.0.1", port))
        inner:supply():tap { value = function(bytes) outer:write(bytes):observe() end, quit = function() end }
        outer:supply():tap { value = function(bytes) inner:write(bytes):observe() end, quit = function() end }
        cro.sleep(0.1)
        outer:shutdown()
        cro.sleep(0.1)
        inner:close()
        outer:close()
      end)
    end)
    local client = await(cro.tls.connect("127.0.0.1", await(relay:address()).port, secured.trusting()))
    local err = await(ended)
    assert.equal("eof", err.kind)
    assert.matches("^TLS connection 127.0.0.1:%d+: TLS: the peer closed the connection without a close_notify$", err.message)
    client:abort()
    through:close()
    tap:close()
  end)

  it("hears a client that has said its last, and answers", function()
    local port, tap = secured.listen(function(connection)
      connection:supply():list():and_then(function(all)
        connection:write("got " .. #table.concat(all))
        connection:close()
      end)
    end)
    local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting()))
    client:write(("x"):rep(100000))
    client:shutdown()
    assert.equal("got 100000", read_all(client))
    client:close()
    tap:close()
  end)

  it("holds the writer back, and carries 10 MiB each way", function()
    local size, chunk = 10 * 1024 * 1024, ("0123456789abcdef"):rep(4096)
    local function pump(connection)
      local most = 0
      for _ = 1, size / #chunk do
        await(connection:write(chunk))
        most = math.max(most, connection:queued())
      end
      connection:shutdown()
      return most
    end
    local client, server, tap = secured.pair()
    local slow = cro.start(function() return pump(server) end)
    cro.sleep(0.05)
    assert.equal("planned", slow:status()) -- nobody reads
    local up = cro.start(function() return pump(client) end)
    local got, there = 0, 0
    local ends = {}
    for i, connection in ipairs { client, server } do
      ends[i] = cro.Promise.new()
      connection:supply():tap {
        value = function(bytes)
          if i == 1 then got = got + #bytes else there = there + #bytes end
        end,
        done = function() ends[i]:keep(true) end,
        quit = function(err) ends[i]:fail(err) end,
      }
    end
    await(ends)
    assert.equal(size, got)
    assert.equal(size, there)
    assert.is_true(await(slow) <= 512 * 1024 and await(up) <= 512 * 1024)
    client:close()
    server:close()
    tap:close()
  end)

  it("takes keys with a password, and PKCS12 files", function()
    local folder, mine = program.folder(), certificates.issue()
    certificates.run(folder, ("openssl pkey -in %s -aes256 -passout pass:secret -out key.pem && "
      .. "openssl pkcs12 -export -in %s -inkey %s -passout pass:secret -out all.p12 && cat %s %s > both.pem"):format(
      mine.private_key_file, mine.certificate_file, mine.private_key_file, mine.certificate_file, mine.private_key_file))
    local ways = {
      { certificate_file = mine.certificate_file, private_key_file = folder .. "/key.pem", password = "secret" },
      { pkcs12_file = folder .. "/all.p12", password = "secret" },
      { certificate_file = folder .. "/both.pem" },
    }
    for _, way in ipairs(ways) do
      way.host, way.port = "127.0.0.1", 0
      local listener = cro.tls.listen(way)
      local tap = listener:tap(say_hello)
      assert.equal("hello", (hear(await(listener:address()).port)))
      tap:close()
    end
    ways[1].password, ways[2].password = "wrong", "wrong"
    for i = 1, 2 do
      local _, err = pawait(cro.tls.listen(ways[i]):promise())
      assert.matches("cro.tls.listen: p[rk][ic]", err.message)
      assert.matches("password", err.message)
    end
    program.remove(folder)
  end)

  it("logs keys for those who may look", function()
    local folder = program.folder()
    local port, tap = secured.listen(say_hello, { key_log_file = folder .. "/server.log" })
    assert.equal("hello", (hear(port, { key_log_file = folder .. "/client.log" })))
    local there = program.read(folder .. "/server.log")
    assert.matches("^CLIENT_HANDSHAKE_TRAFFIC_SECRET %x+ %x+\n", there:gsub("^.-(CLIENT_HANDSHAKE)", "%1"))
    local secret = there:match "CLIENT_TRAFFIC_SECRET_0 %x+ %x+\n"
    assert.matches(secret, program.read(folder .. "/client.log"), 1, true)
    program.remove(folder)
    tap:close()
  end)

  it("stands in a pipeline in the place of the TCP listener", function()
    local Upper = cro.map(cro.tls.Message, cro.tls.Message, function(message)
      return cro.tls.Message { data = message.data:upper() }
    end)
    local service = cro.compose { cro.tls.listener(certificates.options { host = "127.0.0.1" }), Upper }
    service:start()
    local _, port = service:address()
    local connector = cro.compose { cro.tls.connector { host = "127.0.0.1", port = port, ca_file = certificates.ca() } }
    local asked = cro.supply(function() cro.emit(cro.tls.Message { data = "quiet" }) end)
    local heard = connector:establish(asked):promise()
    assert.equal("QUIET", await(heard).data)
    await(service:stop { now = true })
  end)

  it("says where it cannot listen", function()
    local port, tap = secured.listen(say_hello)
    local listener = cro.tls.listen(certificates.options { host = "127.0.0.1", port = port })
    broken(listener:promise(), "address_in_use")
    tap:close()
  end)
end)
