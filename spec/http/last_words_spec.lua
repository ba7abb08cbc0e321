--- What a server says last arrives, although the client is still talking: closed at once,
--- the kernel would answer the client's next bytes with a reset, which overtakes the answer.
local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local program = require "spec.support.program"
local r = require "cro.http.router"

local TRIES = 25
local PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" .. "\0\0\0\4\0\0\0\0\0"

describe("the last words of a server #loop", function()
  local service, port

  local function start(options)
    options.host, options.port = "127.0.0.1", 0
    options.application = r.route { r.post("/", function(c) c:text(cro.await(c:body_text())) end) }
    service = http.server(options)
    service:start()
    port = select(2, service:address())
  end

  after_each(function()
    cro.await(service:stop { now = true })
    while cro.stats().lingers > 0 do
      cro.sleep(0.02)
    end
  end)

  --- Asks, talks on when the server has closed, and only then listens.
  local function talk_on(first)
    local conn, parts = cro.await(cro.tcp.connect("127.0.0.1", port)), {}
    cro.await(conn:write(first))
    for _ = 1, 4 do
      cro.sleep(0.02)
      cro.await(conn:write "\0\0\8\6\0\0\0\0\0pingping")
    end
    cro.react(function()
      cro.whenever(conn, function(chunk) parts[#parts + 1] = chunk end)
    end)
    conn:close()
    return table.concat(parts)
  end

  for _, version in ipairs { "--http1.1", "--http2" } do
    for _, tls in ipairs { "1.2", "1.3" } do
      it(("name the missing certificate to curl %s over TLS %s"):format(version, tls), function()
        start { tls = certificates.options { verify = "require", client_ca_file = certificates.ca() } }
        local alert = tls == "1.3" and "alert certificate required" or "alert handshake failure"
        for _ = 1, TRIES do
          local got = clients.run("curl", "-sSk", version, "--tls-max", tls, ("https://127.0.0.1:%d/"):format(port))
          assert.matches(alert, got.stderr, 1, true)
        end
        assert.equal(TRIES, service:stats().tls_failed)
      end)
    end
  end

  it("are a GOAWAY that tells what was wrong", function()
    start { http = "2" }
    local said = talk_on(PREFACE .. "\0\0\4\8\0\0\0\0\0\0\0\0\0") -- WINDOW_UPDATE by nothing
    assert.matches("\7%z%z%z%z%z%z%z%z%z%z%z%z\1", said) -- GOAWAY of stream 0, last stream 0, PROTOCOL_ERROR
  end)

  it("are the 503 of one connection too many", function()
    start { limits = { connections = 1 } }
    local first = cro.await(cro.tcp.connect("127.0.0.1", port))
    cro.await(first:write "GET")
    while service:stats().connections == 0 do
      cro.sleep(0.005)
    end
    assert.matches("^HTTP/1.1 503 ", talk_on "GET")
    first:abort()
  end)

  it("are the 400 to what is no request", function()
    start {}
    assert.matches("^HTTP/1.1 400 ", talk_on "GET\r\n\r\n")
  end)

  it("are the 413 to an upload that goes on, in the clear and over TLS", function()
    local folder = program.folder()
    program.write(folder .. "/big", ("x"):rep(8 * 1024 * 1024))
    local function upload(version, scheme)
      local url = ("%s://127.0.0.1:%d/"):format(scheme, port)
      return (select(2, clients.curl(version, "-H", "Expect:", "--data-binary", "@" .. folder .. "/big", url)))
    end
    start { limits = { body_bytes = 1000 } }
    for _ = 1, 10 do
      assert.equal("1.1 413", upload("--http1.1", "http"))
    end
    cro.await(service:stop { now = true })
    start { limits = { body_bytes = 1000 }, tls = certificates.options() }
    for _ = 1, 10 do
      assert.equal("1.1 413", upload("--http1.1", "https"))
      assert.equal("2 413", upload("--http2", "https"))
    end
    program.remove(folder)
  end)
end)
