local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

local curl = clients.curl

describe("HTTP/2 in the clear #loop", function()
  local service, url, port

  local function start(options)
    options.host, options.port = "127.0.0.1", 0
    options.application = options.application or r.route {
      r.get("/", function(c) c:text(c.request.version .. " " .. c.scheme) end),
    }
    service = http.server(options)
    service:start()
    port = select(2, service:address())
    url = ("http://127.0.0.1:%d"):format(port)
  end

  after_each(function() cro.await(service:stop { now = true }) end)

  it("is not there unless it is asked for", function()
    start {}
    assert.equal("1.1 http", (curl("--http2", url)))
    local _, _, code = curl("--http2-prior-knowledge", url)
    assert.is_true(code ~= 0)
    assert.matches("^HTTP/1.1 505 ", wire.exchange(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
  end)

  it("is told from HTTP/1.1 by the first bytes", function()
    start { http = { "1.1", "2" } }
    assert.equal("2.0 http", (curl("--http2-prior-knowledge", url)))
    assert.equal("1.1 http", (curl("--http1.1", url)))
    assert.matches("1.1 http$", wire.exchange(port, wire.request("GET", "/")))
    assert.same({ 0, 3 }, { service:stats().http2, service:stats().requests })
  end)

  it("is not upgraded to", function()
    start { http = { "1.1", "2" } }
    assert.equal("1.1 http", (curl("--http2", url)))
  end)

  it("is all there is when only that is asked for", function()
    start { http = "2" }
    assert.equal("2.0 http", (curl("--http2-prior-knowledge", url)))
    local frames = wire.exchange(port, wire.request("GET", "/"))
    assert.equal("\0\0", frames:sub(1, 2)) -- SETTINGS, then GOAWAY
    assert.is_nil(frames:find("HTTP/1.1", 1, true))
  end)

  it("waits for the first bytes no longer than for a head", function()
    start { http = { "1.1", "2" }, timeouts = { header = 0.05 } }
    assert.matches("^HTTP/1.1 408 ", wire.exchange(port, "P"))
  end)

  it("keeps a half-closed HTTP/1 client that has asked", function()
    start { http = { "1.1", "2" } }
    local conn, got = cro.await(cro.tcp.connect("127.0.0.1", port)), ""
    cro.await(conn:write "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    conn:shutdown()
    cro.react(function() cro.whenever(conn, function(bytes) got = got .. bytes end) end)
    conn:close()
    assert.matches("^HTTP/1.1 405 ", got)
  end)

  it("is told from HTTP/1.1 by pipelines that are composed", function()
    local App = cro.map(http.Request, http.Response, function(request)
      return http.Response { request = request, status = 200, body = request.version }
    end)
    local Same = cro.map(cro.tcp.Message, cro.tcp.Message, function(message) return message end)
    for _, options in ipairs {
      { application = App }, { before_parse = Same }, { application = App, after_serialize = Same },
      { application = App, before_parse = Same, after_serialize = Same },
    } do
      options.http, options.timeouts = { "1.1", "2" }, { header = 0.2 }
      start(options)
      assert.matches("^2.0", (curl("--http2-prior-knowledge", url)))
      assert.matches("^1.1", (curl("--http1.1", url)))
      assert.matches("1.1[^\r\n]*$", wire.exchange(port, wire.request("GET", "/")))
      assert.matches("^HTTP/1.1 408 ", wire.exchange(port, "P"))
      assert.matches("^HTTP/1.1 505 ", wire.exchange(port, "PRI * HTTP/2.0\r\n\r\nS?"))
      assert.equal("", wire.exchange(port, "")) -- who says nothing is closed
      assert.matches("1000 succeeded, 0 failed", clients.run("h2load", "-n", "1000", "-c", "3", "-m", "20", url).stdout)
      local idle = cro.await(cro.tcp.connect("127.0.0.1", port))
      assert.is_true(cro.await(service:stop()))
      idle:close()
    end
    start { application = App }
  end)

  it("serves a pipeline with transforms of bytes round it", function()
    local seen = {}
    local Count = cro.map(cro.tcp.Message, cro.tcp.Message, function(message)
      seen[#seen + 1] = #message.data
      return message
    end)
    start { http = "2", before_parse = Count, after_serialize = Count }
    assert.equal("2.0 http", (curl("--http2-prior-knowledge", url)))
    assert.is_true(#seen >= 2)
    assert.is_true(cro.await(service:stop()))
    start { http = "2", before_parse = Count }
    assert.equal("2.0 http", (curl("--http2-prior-knowledge", url)))
  end)
end)
