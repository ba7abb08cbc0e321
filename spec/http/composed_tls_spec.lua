local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local curl, run = clients.curl, clients.run

describe("pipelines over TLS #loop", function()
  local service, url

  --- Answers with what it knows of the request, some of them later.
  local App = cro.transform {
    name = "App", consumes = http.Request, produces = http.Response,
    transformer = function(_, requests)
      return cro.supply(function()
        cro.whenever(requests, function(request)
          local said = ("%s %s %s"):format(request.path, request.version, tostring(request.tls and request.tls.version))
          local late = cro.Promise.after(request.path == "/slow" and 0.1 or 0)
          cro.whenever(late, function()
            cro.emit(http.Response { request = request, status = 200, content_type = "text/plain", body = said })
          end)
        end)
      end)
    end,
  }

  local function begin(made)
    service = made
    service:start()
    url = ("https://localhost:%d"):format(select(2, service:address()))
  end

  after_each(function()
    if service:address() then cro.await(service:stop { now = true }) end
    assert.equal(0, cro.stats().listeners)
  end)

  it("serve HTTP/2 and HTTP/1.1 by swapping the listener", function()
    for _, listener in ipairs { cro.tls.listener, cro.tcp.listener } do
      local secure = listener == cro.tls.listener
      local options = secure and certificates.options { alpn = { "h2", "http/1.1" } } or {}
      options.host, options.port = "127.0.0.1", 0
      begin(cro.compose {
        listener(options), http.request_parser(), App, http.response_serializer(),
      })
      if secure then
        assert.equal("/a 2.0 TLSv1.3", (curl("--http2", url .. "/a")))
        assert.equal("/a 1.1 TLSv1.3", (curl("--http1.1", url .. "/a")))
      else
        assert.equal("/a 1.1 nil", (curl(url:gsub("^https", "http") .. "/a")))
      end
      assert.is_true(cro.await(service:stop()))
    end
  end)

  it("answer streams in the order in which answers are ready", function()
    begin(http.server { host = "127.0.0.1", port = 0, application = App, tls = certificates.options() })
    local out = run("nghttp", "-v", url .. "/slow", url .. "/quick").stdout
    local slow, quick = out:find("/slow 2.0", 1, true), out:find("/quick 2.0", 1, true)
    assert.is_true(quick < slow)
    assert.matches("1000 succeeded, 0 failed", run("h2load", "-n", "1000", "-c", "3", "-m", "20", url .. "/x").stdout)
  end)

  it("answer many streams through routes behind transforms of bytes", function()
    local Same = cro.map(cro.tcp.Message, cro.tcp.Message, function(message) return message end)
    begin(http.server {
      host = "127.0.0.1", port = 0, tls = certificates.options(), before_parse = Same, after_serialize = Same,
      application = r.route {
        r.get("/", function(c) c:text(("%s %s"):format(c.request.version, c.tls.alpn)) end),
        r.post("/echo", function(c) c:stream("text/plain", c:body_stream()) end),
      },
    })
    assert.equal("2.0 h2", (curl(url)))
    assert.equal("1.1 http/1.1", (curl("--http1.1", url)))
    local echoed = run("sh", "-c", ("head -c 1000000 /dev/zero | curl -skN --data-binary @- %s/echo | wc -c"):format(url))
    assert.equal("1000000", echoed.stdout:match "%d+")
    assert.matches("1000 succeeded, 0 failed", run("h2load", "-n", "1000", "-c", "3", "-m", "20", url).stdout)
    assert.equal("2 421", (select(2, curl("-H", "Host: elsewhere.test", url))))
    assert.is_true(cro.await(service:stop()))
  end)

  it("finish what runs when they stop", function()
    local Same = cro.map(cro.tcp.Message, cro.tcp.Message, function(message) return message end)
    for _, option in ipairs { "--http2", "--http1.1" } do
      for _, first in ipairs { {}, { Same } } do
        local arrived = cro.Promise.new()
        local Arrive = cro.map(http.Request, http.Request, function(request)
          arrived:keep()
          return request
        end)
        begin(http.server {
          host = "127.0.0.1", port = 0, application = cro.compose { Arrive, App }, before_parse = first,
          tls = certificates.options(),
        })
        local asked = cro.start(function() return (curl(option, url .. "/slow")) end)
        cro.await(arrived)
        assert.is_true(cro.await(service:stop()))
        assert.matches("^/slow [12]", cro.await(asked))
      end
    end
  end)
end)
