local cro = require "cro"
local certificates = require "spec.support.certificates"
local program = require "spec.support.program"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await, pawait = cro.await, cro.pawait
local broken, read_all, refused = sockets.broken, sockets.read_all, sockets.refused

--- A mail server as far as STARTTLS: the rest of the dialogue is under TLS. What it was
--- told there.
---@async
local function smtp(connection, given)
  local heard = {}
  local function say(text) return connection:write(text .. "\r\n") end
  local function next_line() return await(connection:read_line()) end
  await(say "220 spec ESMTP")
  for line in next_line do
    heard[#heard + 1] = line
    local verb = line:match("^%a+"):upper()
    if verb == "EHLO" then
      await(say "250-spec")
      await(say(connection.tls and "250 8BITMIME" or "250 STARTTLS"))
    elseif verb == "STARTTLS" then
      await(say "220 go ahead")
      connection = await(cro.tls.upgrade_server(connection, certificates.options(given)))
    elseif verb == "QUIT" then
      await(say "221 bye")
      break
    else
      await(say "250 ok")
    end
  end
  connection:close()
  return heard, connection
end

local function serve(given)
  local result = cro.Promise.new()
  local port, tap = sockets.listen(function(connection)
    cro.start(function() return smtp(connection, given) end):settled(function(job)
      if result:status() ~= "planned" then return end
      if job:status() == "kept" then result:keep(job:result()) else result:fail(job:cause()) end
      connection:abort()
    end)
  end)
  return port, tap, result
end

local function dialogue(port, commands)
  local connection = await(cro.tcp.connect("127.0.0.1", port))
  await(connection:read_line())
  for _, command in ipairs(commands) do
    await(connection:write(command .. "\r\n"))
    repeat local line = await(connection:read_line()) until line:match "^%d+ "
  end
  return connection
end

describe("an upgrade to TLS #loop", function()
  secured.each(before_each, after_each)

  it("goes on encrypted, on both sides", function()
    local port, tap, heard = serve()
    local plain = dialogue(port, { "EHLO me", "STARTTLS" })
    local connection = await(cro.tls.upgrade_client(plain, secured.trusting { server_name = "localhost" }))
    assert.equal("TLSv1.3", connection.tls.version)
    assert.is_true(connection.tls.verified)
    assert.matches("^TLS connection 127.0.0.1:", tostring(connection))
    await(connection:write "EHLO again\r\n")
    assert.equal("250-spec", await(connection:read_line()))
    assert.equal("250 8BITMIME", await(connection:read_line()))
    await(connection:write "QUIT\r\n")
    assert.equal("221 bye\r\n", read_all(connection))
    connection:close()
    assert.same({ "EHLO me", "STARTTLS", "EHLO again", "QUIT" }, await(heard))
    tap:close()
  end)

  it("works where nothing was said before", function()
    local client, server, tap = sockets.pair()
    local theirs = cro.tls.upgrade_server(server, certificates.options())
    local mine = await(cro.tls.upgrade_client(client, secured.trusting { server_name = "localhost" }))
    theirs = await(theirs)
    theirs:write "hello"
    theirs:close()
    assert.equal("hello", read_all(mine))
    mine:close()
    tap:close()
  end)

  it("works after a tap that keeps the connection open", function()
    local client, server, tap = sockets.pair()
    client:write "STARTTLS\n"
    local upgraded
    cro.react(function(block)
      block.whenever(server:supply { keep_open = true }, function(bytes)
        assert.equal("STARTTLS\n", bytes)
        block.done()
      end)
    end)
    upgraded = cro.tls.upgrade_server(server, certificates.options())
    local mine = await(cro.tls.upgrade_client(client, secured.trusting { server_name = "localhost" }))
    await(upgraded):write "x"
    await(upgraded):close()
    assert.equal("x", read_all(mine))
    mine:close()
    tap:close()
  end)

  it("refuses bytes that came in plain text and were not read: they are no protected ones", function()
    local port, tap, heard = serve()
    local connection = await(cro.tcp.connect("127.0.0.1", port))
    await(connection:write "EHLO me\r\nSTARTTLS\r\nMAIL FROM:<mallory@example>\r\n")
    local err = broken(heard, "protocol")
    assert.matches("^cro.tls.upgrade_server: 29 bytes that came before TLS have not been read: somebody may", err.message)
    connection:abort()
    tap:close()
  end)

  it("refuses bytes that nobody has taken from the core yet", function()
    local client, server, tap = sockets.pair()
    client:write "first\n"
    assert.equal("first", await(server:read_line()))
    client:write "one"
    cro.sleep(0.02)
    client:write "two"
    cro.sleep(0.02)
    broken(cro.tls.upgrade_server(server, certificates.options()), "protocol")
    assert.equal("one", await(server:read(3))) -- as it was before
    client:abort()
    server:abort()
    tap:close()
  end)

  it("has nobody use the old object, but to close it", function()
    local client, server, tap = sockets.pair()
    local theirs = cro.tls.upgrade_server(server, certificates.options())
    local mine = await(cro.tls.upgrade_client(client, secured.trusting { server_name = "localhost" }))
    refused("connection:write: this connection goes on as TLS: use the one that cro.tls.upgrade_client gives",
      function() client:write "x" end)
    refused("connection:start: this connection goes on as TLS", function() client:supply():tap() end)
    refused("goes on as TLS", function() server:read_line() end)
    refused("is under TLS already", cro.tls.upgrade_client, mine, { server_name = "x" })
    await(theirs)
    server:close()
    assert.equal("", read_all(mine))
    mine:close()
    tap:close()
  end)

  it("is not for a connection that is being read", function()
    local client, server, tap = sockets.pair()
    local reading = server:supply():tap { quit = function() end }
    local text = "is still read: what came next would be lost to it. Talk before TLS with connection:read_line()"
    refused(text, cro.tls.upgrade_server, server, certificates.options())
    client:read_line():observe()
    refused(text, cro.tls.upgrade_client, client, { server_name = "x" })
    reading:close()
    client:abort()
    tap:close()
  end)

  it("says why there is nothing to upgrade when a tap has closed the connection", function()
    local client, server, tap = sockets.pair()
    server:supply():tap(function() end):close()
    local err = broken(cro.tls.upgrade_server(server, certificates.options()), "closed")
    assert.matches("is closed; a tap closes it when it is closed, but for that of connection:supply { keep_open = true }",
      err.message, 1, true)
    client:abort()
    tap:close()
  end)

  local rows = {
    { "needs a name to expect", 'cro.tls.upgrade_client: option "server_name" is required (string)', "client", {} },
    { "needs a certificate to show", 'cro.tls.upgrade_server: option "certificate_file" is required', "server", {} },
    { "knows its options", 'unknown option "server_nam"; did you mean "server_name"?', "client", { server_nam = "x" } },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local client, server, tap = sockets.pair()
      refused(row[2], cro.tls["upgrade_" .. row[3]], client, row[4])
      client:abort()
      server:abort()
      tap:close()
    end)
  end

  for _, name in ipairs { "upgrade_client", "upgrade_server" } do
    it("begins with the connection: " .. name, function()
      local upgrade = cro.tls[name]
      refused(("cro.tls.%s: argument 1 (connection) is missing: cro.tls.%s(connection, options) takes"):format(name, name), upgrade)
      refused("argument 1 (connection) is missing", upgrade, nil, { server_nam = "x" })
      refused("argument 1: a connection of cro.tcp or cro.unix expected, got a table", upgrade, { server_name = "x" })
    end)
  end

  it("breaks with why the certificate is not trusted, and closes", function()
    local client, server, tap = sockets.pair()
    local theirs = cro.tls.upgrade_server(server, certificates.options(nil, { ca = "self" }))
    local err = broken(cro.tls.upgrade_client(client, secured.trusting { server_name = "localhost" }), "certificate")
    assert.matches("^upgrade 127.0.0.1:%d+: TLS: self%-signed certificate.*; ca_file names a certificate to trust$", err.message)
    broken(theirs, "tls")
    tap:close()
  end)

  it("breaks when the other side says nothing, or goes away, or is cancelled", function()
    for _, case in ipairs { "timeout", "gone", "cancelled", "closed" } do
      local client, server, tap = sockets.pair()
      local upgrading = cro.tls.upgrade_client(client, { server_name = "x", handshake_timeout = 0.05 })
      if case == "timeout" then
        broken(upgrading, "timeout")
      elseif case == "gone" then
        server:abort()
        broken(upgrading, "reset")
      elseif case == "cancelled" then
        upgrading:cancel()
        broken(server:supply():promise(), "reset")
      else
        client:close()
        local _, err = pawait(upgrading)
        assert.equal("closed", err.kind)
      end
      server:abort()
      tap:close()
    end
  end)

  it("belongs to who had the plain connection", function()
    local listener, mine, theirs = cro.tcp.listen("127.0.0.1", 0), nil, nil
    cro.react(function(block)
      block.whenever(listener, function(plain)
        theirs = await(cro.tls.upgrade_server(plain, certificates.options()))
        block.done()
      end)
      block.whenever(listener:address(), function(at)
        local plain = await(cro.tcp.connect("127.0.0.1", at.port))
        mine = cro.tls.upgrade_client(plain, secured.trusting { server_name = "localhost" })
        mine:observe()
      end)
    end)
    broken(theirs:write "late", "closed")
    assert.is_not.equal("planned", mine:status())
  end)

  it("is what openssl, as a mail client, asks for", function()
    local port, tap, heard = serve()
    local ran = await(cro.process.run { "sh", "-c", ("{ sleep 0.3; printf 'NOOP\\n'; sleep 0.2; printf 'QUIT\\n'; sleep 0.2; } | "
      .. "openssl s_client -connect 127.0.0.1:%d -starttls smtp -CAfile %s -verify_return_error -crlf -quiet"):format(
      port, certificates.ca()) })
    assert.matches("221 bye", ran.stdout, 1, true)
    assert.same({ "STARTTLS", "NOOP", "QUIT" }, { unpack(await(heard), 2) })
    tap:close()
  end)

  it("is what Python's smtplib asks for", function()
    local port, tap, heard = serve()
    local ran = await(cro.process.run { "python3", "-c", ([[
import smtplib, ssl
context = ssl.create_default_context(cafile=%q)
client = smtplib.SMTP("localhost", %d)
client.starttls(context=context)
client.ehlo("again")
client.quit()
print("fine")
]]):format(certificates.ca(), port) })
    assert.equal("fine\n", ran.stdout, ran.stderr)
    local lines = await(heard)
    assert.same({ "STARTTLS", "ehlo again", "quit" }, { unpack(lines, 2) })
    tap:close()
  end)

  it("is understood by a Python server", function()
    local folder, mine = program.folder(), certificates.issue()
    program.write(folder .. "/server.py", ([[
import socket, ssl
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
plain, _ = listener.accept()
plain.sendall(b"220 hello\r\n")
assert plain.recv(100) == b"STARTTLS\r\n"
plain.sendall(b"220 go\r\n")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(%q, %q)
secure = context.wrap_socket(plain, server_side=True)
secure.sendall(secure.recv(100).upper())
secure.unwrap()
]]):format(mine.certificate_file, mine.private_key_file))
    local child = cro.process("python3", folder .. "/server.py")
    local port = cro.Promise.new()
    child:stdout():lines():tap(function(line) port:keep(tonumber(line)) end)
    local info = child:start()
    local plain = dialogue(await(port), { "STARTTLS" })
    local connection = await(cro.tls.upgrade_client(plain, secured.trusting { server_name = "localhost" }))
    await(connection:write "quiet")
    assert.equal("QUIET", read_all(connection))
    connection:close()
    assert.equal(0, await(info).code)
    program.remove(folder)
  end)
end)
