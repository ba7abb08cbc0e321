local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

local curl, run = clients.curl, clients.run

describe("http.server over TLS #loop", function()
  local service, url, port

  local function application()
    return r.route {
      r.get("/", function(c)
        local q, tls = c.request, c.tls
        c:json {
          version = q.version, secure = c.secure, scheme = c.scheme, numbered = q.stream_id ~= nil,
          tls = tls and tls.version, alpn = tls and tls.alpn, asked = tls and tls.server_name,
          cipher = tls and tls.cipher, resumed = tls and tls.resumed,
          peer = tls and tls.peer and tls.peer.common_name, verified = tls and tls.verified,
        }
      end),
      r.get("/slow", function(c)
        cro.sleep(0.2)
        c:text "slow"
      end),
      r.get("/cookie", function(c)
        c:set_cookie("a", "b")
        c:no_content()
      end),
    }
  end

  local function start(options, tls)
    options.host, options.port = "127.0.0.1", 0
    options.application = options.application or application()
    if tls ~= false then options.tls = certificates.options(tls) end
    service = http.server(options)
    service:start()
    port = select(2, service:address())
    url = ("https://localhost:%d"):format(port)
    return service
  end

  --- What the first route says.
  local function ask(...)
    local body, last, code = curl(...)
    return code == 0 and last:match " 200$" and cro.json.decode(body) or {}, last, code
  end

  after_each(function()
    if service and service:address() then cro.await(service:stop { now = true }) end
    service = nil
  end)

  it("serves one application to HTTP/2 and HTTP/1.1, as the client has chosen", function()
    start {}
    local two, one = ask("--http2", url), ask("--http1.1", url)
    assert.same({ "2.0", "h2", true }, { two.version, two.alpn, two.numbered })
    assert.same({ "1.1", "http/1.1", false }, { one.version, one.alpn, one.numbered })
    for _, said in ipairs { two, one } do
      assert.same({ true, "https", "TLSv1.3", "localhost", false },
        { said.secure, said.scheme, said.tls, said.asked, said.verified })
    end
    assert.equal("TLSv1.2", ask("--tls-max", "1.2", url).tls)
  end)

  it("speaks HTTP/1.1 to who knows nothing of ALPN", function()
    start {}
    local said = ask("--no-alpn", url)
    assert.same({ "1.1" }, { said.version, said.alpn })
  end)

  it("takes ssl for another name of tls", function()
    start({ ssl = certificates.issue() }, false)
    assert.equal("2.0", ask(url).version)
  end)

  it("speaks what http names, and refuses the other in the handshake", function()
    start { http = "1.1" }
    assert.equal("1.1", ask(url).version)
    cro.await(service:stop { now = true })
    start { http = "2" }
    assert.equal("2.0", ask(url).version)
    local _, _, code = ask("--http1.1", url)
    assert.equal(35, code)
    assert.equal(1, service:stats().tls_failed)
  end)

  it("takes a context that was made before", function()
    local context = cro.tls.context(certificates.options())
    start({ tls = context }, false)
    assert.equal("2.0", ask(url).version)
    cro.await(service:stop())
    start({ tls = cro.tls.context(certificates.options { alpn = "http/1.1" }) }, false)
    assert.equal("1.1", ask(url).version)
  end)

  it("marks cookies Secure", function()
    start {}
    local got = run("curl", "-sk", "-i", url .. "/cookie")
    assert.matches("[Ss]et%-[Cc]ookie: a=b;[^\n]*Secure", got.stdout)
  end)

  it("tells handlers who the client is", function()
    start({}, { verify = "require", ca_file = certificates.ca() })
    local who = certificates.issue { name = "alice", names = false, usage = "clientAuth" }
    local said = ask("--cert", who.certificate_file, "--key", who.private_key_file, url)
    assert.same({ "alice", true, "2.0" }, { said.peer, said.verified, said.version })
    local _, _, code = ask(url)
    assert.is_true(code ~= 0)
    assert.equal(1, service:stats().tls_failed)
  end)

  it("reads a certificate once for all requests that come with it", function()
    local seen = {}
    local shows = r.route { r.get("/", function(c)
      seen[#seen + 1] = c.tls.peer
      c:no_content()
    end) }
    start({ application = shows }, { verify = "require", ca_file = certificates.ca() })
    local function come(name)
      local who = certificates.issue { name = name, names = "DNS:" .. name, usage = "clientAuth" }
      curl("--cert", who.certificate_file, "--key", who.private_key_file, url, url)
    end
    come "alice"
    come "bob"
    assert.equal(4, #seen)
    assert.same({ "alice", "bob" }, { seen[1].common_name, seen[3].common_name })
    assert.same({ "DNS:bob" }, seen[3].names)
    assert.is_true(rawequal(seen[1], seen[2]) and rawequal(seen[3], seen[4]))
  end)

  it("harms nobody with a handshake that fails, and counts it", function()
    local before = cro.stats()
    start {}
    assert.equal("", wire.exchange(port, "\0\1\2\3 what is no TLS"))
    assert.equal("\21", wire.exchange(port, ("\22\3\1\0\4\1\0\0\0")):sub(1, 1)) -- a record with an alert
    assert.equal("2.0", ask(url).version)
    local stats = service:stats()
    assert.same({ 2, 3, 0 }, { stats.tls_failed, stats.accepted, stats.handshakes })
    local after = cro.stats()
    assert.equal(2, after.tls_failures - before.tls_failures)
    assert.equal(1, after.tls_handshakes - before.tls_handshakes)
  end)

  it("tells who asks in plain HTTP that it speaks HTTPS", function()
    start {}
    for _, request in ipairs { wire.request("GET", "/"), "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" .. ("x"):rep(300000) } do
      local answer = wire.parse(wire.exchange(port, request))
      assert.equal(400, answer.status)
      assert.equal("This port speaks HTTPS: ask for https://, please.\n", answer.body)
    end
    assert.same({ 3, 0 }, { service:stats().tls_failed, service:stats().requests })
    assert.equal("", wire.exchange(port, "HTTP/1.1 200 OK\r\n\r\n"))
  end)

  --- A client that begins to shake hands and says no more.
  local function staller()
    local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
    cro.await(conn:write "\22\3\1")
    while service:stats().accepted == 0 do
      cro.sleep(0.005)
    end
    return conn
  end

  it("ends a handshake that stalls", function()
    start { timeouts = { tls_handshake = 0.1 } }
    local conn = staller()
    assert.same({ 1, 1 }, { service:stats().handshakes, service:stats().connections })
    pcall(cro.react, function() cro.whenever(conn, function() end) end)
    assert.same({ 0, 0 }, { service:stats().handshakes, service:stats().connections })
  end)

  it("aborts handshakes when it is to end at once", function()
    start {}
    local conn = staller()
    cro.await(service:stop { now = true })
    conn:close()
    assert.is_nil(service:address())
  end)

  it("closes connections beyond its limit without a word", function()
    start { limits = { connections = 1 } }
    local first = staller()
    assert.equal("", wire.exchange(port, "\22\3\1"))
    assert.equal(1, service:stats().refused)
    first:close()
  end)

  it("negotiates with nobody again, however often they ask, and serves the others meanwhile", function()
    start {}
    local flood, used = {}, os.clock()
    for i = 1, 8 do
      local command = "{ sleep 0.2; yes R | head -2000; } 2>/dev/null | timeout 10 openssl s_client -tls1_2 -connect 127.0.0.1:%d 2>&1"
      flood[i] = cro.start(function() return run("sh", "-c", command:format(port)).stdout end)
    end
    for _ = 1, 10 do
      assert.equal("TLSv1.3", ask(url).tls)
      cro.sleep(0.05)
    end
    for i = 1, 8 do
      local _, asked = cro.await(flood[i]):gsub("RENEGOTIATING", "")
      assert.is_true(asked >= 1)
      assert.matches("no renegotiation", cro.await(flood[i]))
    end
    assert.is_true(os.clock() - used < 3)
    assert.equal(0, service:stats().running)
  end)

  it("lets what runs come to its end when it stops, over either version", function()
    for _, version in ipairs { "--http1.1", "--http2" } do
      start {}
      local asked = cro.start(function() return (curl(version, url .. "/slow")) end)
      while service:stats().running == 0 do
        cro.sleep(0.005)
      end
      assert.is_true(cro.await(service:stop()))
      assert.equal("slow", cro.await(asked))
    end
  end)

  it("answers 421 to HTTP/2 for a host that its certificate is not for", function()
    start({}, certificates.issue { name = "two", names = "DNS:localhost,DNS:*.app.example,IP:127.0.0.1" })
    local function of(host, where, ...)
      local _, last = curl(where or url, "-H", "Host: " .. host, ...)
      return last
    end
    assert.equal("2 421", of "elsewhere.test")
    assert.equal("2 421", of "localhost.evil.test")
    assert.equal("2 200", of "localhost")
    assert.equal("2 200", of "LOCALHOST.:1234")
    assert.equal("2 200", of "other.app.example:8443")
    assert.equal("2 421", of "a.b.app.example")
    assert.equal("1.1 200", of("elsewhere.test", nil, "--http1.1"))
    -- an address is never asked for in a handshake
    local by_address = ("https://127.0.0.1:%d/"):format(port)
    assert.equal("2 200", of("elsewhere.test", by_address))
  end)

  it("says at the line of the script which file is wrong", function()
    local ok, err = pcall(http.server, {
      port = 0, application = application(),
      tls = { certificate_file = "/nowhere/cert.pem", private_key_file = "/nowhere/key.pem" },
    })
    assert.is_false(ok)
    assert.matches("^%S+:%d+: http.server: tls: certificate_file /nowhere/cert.pem: no such file", tostring(err))
  end)

  it("resumes sessions", function()
    start {}
    local script = ([[
      const https = require('https'), tls = require('tls');
      const options = { port: %d, host: 'localhost', rejectUnauthorized: false, servername: 'localhost' };
      let session;
      function once(next) {
        const s = tls.connect({ ...options, session }, () => {
          s.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        });
        let text = '';
        s.on('session', (given) => { session = given; });
        s.on('data', (part) => { text += part; });
        s.on('end', () => next(/"resumed":true/.test(text)));
      }
      once((first) => once((second) => console.log(first, second)));
    ]]):format(port)
    assert.equal("false true\n", clients.node(script))
  end)
end)
