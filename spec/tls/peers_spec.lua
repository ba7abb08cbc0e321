local cro = require "cro"
local certificates = require "spec.support.certificates"
local program = require "spec.support.program"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await = cro.await
local read_all = sockets.read_all

local function sh(script)
  return await(cro.process.run { "sh", "-c", script })
end

--- Does such a program exist?
local function have(name) return sh("command -v " .. name).code == 0 end

--- Answers one request of HTTP.
local function answer(connection)
  cro.start(function()
    repeat local line = await(connection:read_line()) until not line or line == ""
    connection:write "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    connection:close()
  end):observe()
end

local function quiet() end

describe("programs of others #loop", function()
  secured.each(before_each, after_each)

  local clients = {
    curl = "curl -s --cacert $CA https://localhost:$PORT/",
    ["curl with TLS 1.2"] = "curl -s --tls-max 1.2 --cacert $CA https://127.0.0.1:$PORT/",
    node = [[node -e '
      const ca = require("fs").readFileSync(process.env.CA);
      require("https").get({ host: "localhost", port: process.env.PORT, ca }, r => r.pipe(process.stdout));']],
    python3 = [[python3 -c '
import os, ssl, urllib.request
context = ssl.create_default_context(cafile=os.environ["CA"])
print(urllib.request.urlopen("https://localhost:" + os.environ["PORT"], context=context).read().decode(), end="")']],
    openssl = [[printf 'GET / HTTP/1.0\n\n' | openssl s_client -connect localhost:$PORT -CAfile $CA -quiet -crlf \
      -verify_return_error -ign_eof 2>/dev/null | tail -c 5]],
  }
  for name, script in pairs(clients) do
    it("are served: " .. name, function()
      if not have(name:match "^%w+") then return pending(name .. " is not installed") end
      local port, tap = secured.listen(answer)
      local ran = sh(("export CA=%s PORT=%d\n%s"):format(certificates.ca(), port, script))
      assert.equal("hello", ran.stdout, ran.stderr)
      tap:close()
    end)
  end

  it("are connected to: openssl s_server, with resumption", function()
    local mine = certificates.issue()
    local port, tap = sockets.listen(quiet) -- a port that is free in a moment
    tap:close()
    local server = cro.process("openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-cert", mine.certificate_file,
      "-key", mine.private_key_file, "-www", "-alpn", "http/1.1", "-quiet")
    local ended = server:start()
    local resumed = {}
    for i = 1, 2 do
      local client
      repeat
        client = cro.pawait(cro.tls.connect("127.0.0.1", port, secured.trusting { alpn = "http/1.1" }))
        if not client then cro.sleep(0.02) end
      until client
      client:write "GET / HTTP/1.0\r\n\r\n"
      assert.matches("^HTTP/1.0 200 ok\r\n.*New, TLSv1.3", (read_all(client):gsub("Reused", "New")))
      assert.equal("http/1.1", client.tls.alpn)
      resumed[i] = client.tls.resumed
      client:close()
    end
    assert.same({ false, true }, resumed)
    server:kill "TERM"
    await(ended)
  end)

  --- What openssl s_client says of a listener.
  local function probe(options, more, input)
    local port, tap = secured.listen(function(connection) connection:supply():tap { quit = quiet } end, more)
    local ran = sh(("{ %s sleep 0.3; } | timeout 5 openssl s_client -connect 127.0.0.1:%d -CAfile %s %s 2>&1"):format(
      input or "", port, certificates.ca(), options))
    tap:close()
    return ran.stdout
  end

  local refused = {
    { "TLS 1.1", "-tls1_1 -cipher ALL:@SECLEVEL=0" },
    { "TLS 1.0", "-tls1 -cipher ALL:@SECLEVEL=0" },
    { "keys that are sent (RSA)", "-tls1_2 -cipher AES128-GCM-SHA256", "rsa" },
    { "keys of finite fields (DHE)", "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:DHE-RSA-CHACHA20-POLY1305", "rsa" },
    { "ciphers of blocks (CBC)", "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA" },
    { "small curves", "-tls1_2 -groups P-192" },
  }
  for _, row in ipairs(refused) do
    it("are refused " .. row[1], function()
      local said = probe(row[2], certificates.options({ on_handshake_error = quiet }, { key = row[3] }))
      assert.matches("Cipher is %(NONE%)", said)
    end)
  end

  it("get an RSA certificate with keys of elliptic curves", function()
    local said = probe("-tls1_2", certificates.issue { key = "rsa" })
    assert.matches("Cipher is ECDHE%-RSA%-", said)
  end)

  it("get TLS 1.2 with what is safe, and no compression", function()
    local said = probe "-tls1_2 -comp"
    assert.matches("Cipher is ECDHE%-ECDSA%-", said)
    assert.matches("Compression: NONE", said)
    assert.matches("Secure Renegotiation IS supported", said)
    assert.matches("Verify return code: 0", said)
  end)

  it("may not negotiate again", function()
    local said = probe("-tls1_2", { on_handshake_error = quiet }, "sleep 0.2; printf 'R\\n';")
    assert.matches("RENEGOTIATING", said)
    assert.matches("no renegotiation", said)
  end)

  it("get the answer about the certificate that is stapled", function()
    local mine, folder = certificates.issue(), program.folder()
    certificates.run(folder, ("openssl ocsp -issuer %s -cert %s -reqout q.der && printf 'V\\t300101000000Z\\t\\t%%s\\tunknown\\t/CN=x\\n' "
      .. "$(openssl x509 -in %s -noout -serial | cut -d= -f2) > index.txt && openssl ocsp -index index.txt -CA %s -rsigner %s -rkey %s "
      .. "-reqin q.der -respout answer.der -ndays 7"):format(certificates.ca(), mine.certificate_file, mine.certificate_file,
      certificates.ca(), certificates.ca(), certificates.path "key.pem"))
    local said = probe("-status", { ocsp_file = folder .. "/answer.der" })
    assert.matches("OCSP Response Status: successful", said)
    assert.matches("Cert Status: good", said)
    assert.matches("OCSP response: no response sent", probe "-status")
    program.remove(folder)
  end)

  it("read what was said with the keys of the log", function()
    local folder = program.folder()
    local port, tap = secured.listen(answer, { key_log_file = folder .. "/keys" })
    sh(("curl -s --cacert %s https://localhost:%d/"):format(certificates.ca(), port))
    for _, label in ipairs { "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
      "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0" } do
      assert.matches(label .. " " .. ("%x"):rep(64) .. " %x+\n", program.read(folder .. "/keys"))
    end
    program.remove(folder)
    tap:close()
  end)

  it("tell of keys where the environment says so", function()
    local folder, mine = program.folder(), certificates.issue()
    program.write(folder .. "/a.lua", ([[
      local cro = require "cro"
      local listener = cro.tls.listen("127.0.0.1", 0, { certificate_file = %q, private_key_file = %q })
      listener:tap(function(connection) connection:close() end)
      cro.await(cro.tls.connect("127.0.0.1", cro.await(listener:address()).port, { ca_file = %q }))
      os.exit(0)
    ]]):format(mine.certificate_file, mine.private_key_file, certificates.ca()))
    sh(("SSLKEYLOGFILE=%s/keys %s %s/a.lua"):format(folder, program.crolua(), folder))
    local _, count = program.read(folder .. "/keys"):gsub("CLIENT_TRAFFIC_SECRET_0", "")
    assert.equal(2, count) -- both ends
    program.remove(folder)
  end)
end)
