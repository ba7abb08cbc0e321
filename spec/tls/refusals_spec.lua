local cro = require "cro"
local certificates = require "spec.support.certificates"
local program = require "spec.support.program"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await = cro.await
local broken = sockets.broken

--- A listener with such a certificate; a client's promise.
local function meet(issue, connect, host)
  local failures = {}
  local options = certificates.issue(issue)
  options = { certificate_file = options.certificate_file, private_key_file = options.private_key_file }
  options.on_handshake_error = function(err) failures[#failures + 1] = err end
  local port, tap = secured.listen(function(connection) connection:close() end, options)
  return cro.tls.connect(host or "127.0.0.1", port, secured.trusting(connect)), tap, failures
end

describe("a TLS client #loop", function()
  secured.each(before_each, after_each)

  local rows = {
    { "is fine", {} },
    { "is for its address", { names = "IP:127.0.0.1" } },
    { "is for its name", { names = "DNS:localhost" }, { server_name = "localhost" } },
    { "is for its name beyond ASCII", { names = "DNS:xn--bcher-kva.example" }, { server_name = "bücher.example" } },
    { "is for all names below one", { names = "DNS:*.spec.example" }, { server_name = "a.spec.example" } },
    { "has expired", { days = -1 }, nil, "certificate has expired %(depth 0, .*CN=localhost.*%)$" },
    { "nobody trusted has signed", { ca = "other_ca" }, nil, "unable to get local issuer certificate: not signed by a CA "
      .. "that is trusted here .*; ca_file names a CA to trust$" },
    { "it has signed itself", { ca = "self" }, nil, "self%-signed certificate .*; ca_file names a certificate to trust$" },
    { "is for another name", { names = "DNS:other.example" }, { server_name = "localhost" },
      "the certificate is for other.example, not for localhost; server_name says whose certificate is expected$" },
    { "is for another address", { names = "IP:127.0.0.2" }, nil, "the certificate is for 127.0.0.2, not for 127.0.0.1" },
    { "has the address as a name", { names = "DNS:127.0.0.1" }, nil, "the certificate is for .*, not for 127.0.0.1" },
    { "has the name as its common name alone", { names = false }, { server_name = "localhost" },
      "the certificate names no host %(subjectAltName%), and so is not for localhost$" },
    { "has a wildcard for two levels", { names = "DNS:*.spec.example" }, { server_name = "a.b.spec.example" },
      "the certificate is for %*.spec.example, not for a.b.spec.example" },
    { "is for clients", { usage = "clientAuth" }, nil, "unsuitable certificate purpose" },
  }
  for _, row in ipairs(rows) do
    local what, issue, connect, text = row[1], row[2], row[3], row[4]
    it((text and "refuses a server whose certificate " or "trusts a server whose certificate ") .. what, function()
      local promise, tap, failures = meet(issue, connect)
      if text then
        local err = broken(promise, "certificate")
        assert.matches("^connect 127.0.0.1:%d+: TLS: " .. text, err.message)
        assert.equal("handshake", err.phase)
        while #failures == 0 do
          cro.sleep(0.005)
        end
        assert.equal("tls", failures[1].kind)
        assert.matches("^handshake 127.0.0.1:%d+: TLS: .*alert", failures[1].message)
        assert.matches("^127.0.0.1:%d+$", failures[1].address)
      else
        await(promise):close()
      end
      tap:close()
    end)
  end

  it("is refused where it asks for a name that no certificate is for, and the server says which", function()
    local failures, own = {}, certificates.issue { names = "DNS:a.example" }
    local pair = { certificate_file = own.certificate_file, private_key_file = own.private_key_file }
    local port, tap = secured.listen(function() end, {
      sni = { ["a.example"] = pair }, sni_strict = true,
      on_handshake_error = function(err) failures[#failures + 1] = err.message end,
    })
    broken(cro.tls.connect("127.0.0.1", port, secured.trusting { server_name = "unknown.example" }), "tls")
    broken(cro.tls.connect("127.0.0.1", port, secured.trusting { server_name = "a(b" }), "tls")
    while #failures < 2 do
      cro.sleep(0.005)
    end
    tap:close()
    assert.matches("TLS: the peer asked for unknown.example, which no certificate is for$", failures[1])
    assert.matches("TLS: the peer asked for a name that no certificate is for$", failures[2])
  end)

  it("trusts anybody when it is told to, and says so once for each place", function()
    local folder = program.folder()
    local options = certificates.options({ port = 0, host = "127.0.0.1" }, { ca = "self" })
    local listener = cro.tls.listen(options)
    local tap = listener:tap(function(connection) connection:close() end)
    program.write(folder .. "/client.lua", [[
      local cro = require "cro"
      for _ = 1, 2 do
        local connection = cro.await(cro.tls.connect("127.0.0.1", tonumber(arg[1]), { insecure_skip_verify = true }))
        print(connection.tls.verified, connection.tls.peer.common_name)
        connection:close()
      end
    ]])
    local port = await(listener:address()).port
    local ran = await(cro.process.run { program.crolua(), folder .. "/client.lua", tostring(port) })
    assert.equal("false\tlocalhost\nfalse\tlocalhost\n", ran.stdout)
    assert.matches("client.lua:3: cro.tls.connect: insecure_skip_verify: anybody may be at the other end", ran.stderr, 1, true)
    assert.equal(1, select(2, ran.stderr:gsub("insecure_skip_verify", "")))
    program.remove(folder)
    tap:close()
  end)

  it("says that there is no TLS at the other end", function()
    local plain = cro.tcp.listen("127.0.0.1", 0)
    local tap = plain:tap(function(connection)
      connection:write "HTTP/1.1 400 Bad Request\r\n\r\n"
      connection:close()
    end)
    local err = broken(cro.tls.connect("127.0.0.1", await(plain:address()).port), "protocol")
    assert.matches("TLS: the peer speaks plain HTTP; check the port$", err.message)
    tap:close()
  end)

  it("says that the other end has gone away", function()
    local plain = cro.tcp.listen("127.0.0.1", 0)
    local tap = plain:tap(function(connection) connection:abort() end)
    local _, err = cro.pawait(cro.tls.connect("127.0.0.1", await(plain:address()).port))
    assert.is_true(err.kind == "reset" or err.kind == "eof", err.kind)
    tap:close()
  end)

  it("does not wait for ever for a silent server", function()
    local plain = cro.tcp.listen("127.0.0.1", 0)
    local connections = {}
    local tap = plain:tap(function(connection) connections[1] = connection end)
    local port = await(plain:address()).port
    for _, option in ipairs { "handshake_timeout", "timeout" } do
      local err = broken(cro.tls.connect("127.0.0.1", port, { [option] = 0.05 }), "timeout")
      assert.matches("^connect 127.0.0.1:%d+: TLS: ", err.message)
      connections[1]:close()
    end
    tap:close()
  end)

  it("asks for a name without its last dot", function()
    local names = cro.Promise.new()
    local port, tap = secured.listen(function(connection)
      names:keep(connection.tls.server_name)
      connection:close()
    end)
    await(cro.tls.connect("127.0.0.1", port, secured.trusting { server_name = "localhost." })):close()
    assert.equal("localhost", await(names))
    tap:close()
  end)

  it("resumes sessions of the same server, and not when it shall not", function()
    local port, tap = secured.listen(function(connection)
      connection:write "x"
      connection:close()
    end)
    local function resumed(more)
      local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting(more)))
      sockets.read_all(client)
      client:close()
      return client.tls.resumed
    end
    resumed()
    assert.is_true(resumed())
    assert.is_false(resumed { session_cache = false })
    assert.is_false(resumed { server_name = "localhost" })
    resumed { min_version = "1.3" }
    assert.is_true(resumed { min_version = "1.3" })
    tap:close()
  end)
end)
