local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

local WRONG = {
  value = { "inform: malformed header 'Link'", 103, { Link = "a\r\nb: c" } },
  name = { "inform: malformed header 'bad name'", 103, { ["bad name"] = "x" } },
  framing = { "inform: 'Content-Length' is written by the server itself", 103, { ["Content-Length"] = "3" } },
  status = { "c:inform: a status from 102 to 199 expected, got 200; c:status sets the answer's", 200 },
  switch = { "c:inform: a status from 102 to 199 expected, got 101", 101 },
}

describe("interim answers #loop", function()
  local service, port, failure

  before_each(function()
    service = http.server {
      host = "127.0.0.1",
      port = 0,
      application = r.route {
        r.get("/page", function(c)
          c:set_header("X-Own", "1")
          c:early_hints { "</a.css>; rel=preload", "</b.js>; rel=preload" }
          cro.sleep(0.02)
          c:inform(102)
          c:text "page"
        end),
        r.get("/named", function(c)
          c:early_hints { Link = "</a>", ["X-More"] = { "1", "2" } }
          c:text "named"
        end),
        r.get("/wrong/{what}", function(c, what)
          failure = { pcall(c.inform, c, WRONG[what][2], WRONG[what][3]) }
          c:text "went on"
        end),
      },
    }
    service:start()
    port = select(2, service:address())
  end)

  after_each(function() cro.await(service:stop { now = true }) end)

  it("come before the answer, with their own fields only", function()
    local got = wire.exchange(port, wire.request("GET", "/page"))
    local hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n"
      .. "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n"
    assert.equal(hints, got:sub(1, #hints))
    assert.matches("X%-Own: 1\r\n\r\npage$", got)
    assert.is_nil(got:find("Link", #hints, true))
  end)

  it("take headers by name", function()
    local got = wire.exchange(port, wire.request("GET", "/named"))
    local head = got:match "^(HTTP/1.1 103 Early Hints\r\n.-)\r\n\r\n"
    assert.is_truthy(head:find("Link: </a>", 1, true))
    assert.is_truthy(head:find("X-More: 1\r\nX-More: 2", 1, true))
  end)

  it("are not sent to HTTP/1.0", function()
    local got = wire.exchange(port, "GET /page HTTP/1.0\r\nHost: a\r\n\r\n")
    assert.matches("^HTTP/1.1 200 OK\r\n.*page$", got)
  end)

  it("stay in the order of pipelined requests", function()
    local one = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n"
    local got = wire.exchange(port, one .. wire.request("GET", "/named"))
    local statuses = {}
    for status in got:gmatch "HTTP/1.1 (%d+)" do
      statuses[#statuses + 1] = status
    end
    assert.same({ "103", "102", "200", "103", "200" }, statuses)
  end)

  for what, case in pairs(WRONG) do
    it(("refuse a wrong %s, and nothing of it is sent"):format(what), function()
      local got = wire.exchange(port, wire.request("GET", "/wrong/" .. what))
      assert.matches("^HTTP/1.1 200 OK\r\n.*went on$", got)
      assert.is_false(failure[1])
      assert.is_truthy(tostring(failure[2]):find(case[1], 1, true), tostring(failure[2]))
    end)
  end
end)
