local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

describe("trailers of answers #loop", function()
  local service, port, failures

  before_each(function()
    failures = {}
    service = http.server {
      host = "127.0.0.1", port = 0, http = { "1.1", "2" },
      application = r.route {
        r.get("/whole", function(c)
          c:append_trailer("X-Sum", 42)
          c:text "whole"
        end),
        r.get("/stream", function(c)
          c:stream("text/plain", cro.supply(function()
            cro.emit "part"
            c:append_trailer("X-Sum", "43")
          end))
        end),
        r.get("/wrong", function(c)
          for _, given in ipairs { { "Content-Length", "3" }, { "bad name", "x" }, { "X-A", "a\r\nb" }, { "Host", "x" } } do
            failures[#failures + 1] = tostring(select(2, pcall(c.append_trailer, c, given[1], given[2])))
          end
          c:text "went on"
        end),
      },
    }
    service:start()
    port = select(2, service:address())
  end)

  after_each(function() cro.await(service:stop { now = true }) end)

  it("come behind the last chunk of HTTP/1.1", function()
    for path, sum in pairs { ["/whole"] = "42", ["/stream"] = "43" } do
      local got = wire.exchange(port, wire.request("GET", path))
      assert.matches("\r\nTransfer%-Encoding: chunked\r\n", got)
      assert.matches("\r\n0\r\nX%-Sum: " .. sum .. "\r\n\r\n$", got)
    end
  end)

  it("come behind the last DATA of HTTP/2", function()
    for path, sum in pairs { ["/whole"] = "42", ["/stream"] = "43" } do
      local got = clients.run("nghttp", "-v", ("http://127.0.0.1:%d%s"):format(port, path)).stdout
      local data = got:find("recv DATA", 1, true)
      assert.matches("x%-sum: " .. sum, got:sub(data))
    end
  end)

  it("are left out for HTTP/1.0", function()
    local got = wire.exchange(port, "GET /whole HTTP/1.0\r\nHost: a\r\n\r\n")
    assert.matches("whole$", got)
  end)

  it("are refused where they may not stand", function()
    assert.matches("went on$", wire.exchange(port, wire.request("GET", "/wrong")))
    local wanted = {
      "append_trailer: 'Content-Length' may not come after the body; set it as a header",
      "append_trailer: malformed trailer 'bad name'", "append_trailer: malformed trailer 'X-A'",
      "'Host' may not come after the body",
    }
    for i, text in ipairs(wanted) do
      assert.truthy(failures[i]:find(text, 1, true), failures[i])
    end
  end)
end)
