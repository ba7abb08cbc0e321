local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

describe("the access log of a server #loop", function()
  local service, entries, lines

  before_each(function()
    entries, lines = {}, {}
    local sink = { write = function(_, ...) lines[#lines + 1] = table.concat { ... } end, flush = function() end }
    service = http.server {
      host = "127.0.0.1",
      port = 0,
      application = r.route {
        r.get("/slow", function(c)
          cro.sleep(0.05)
          c:text "late"
        end),
        r.get("/stream", function(c)
          c:stream("text/plain", cro.Supply.interval(0.02):head(3):map(function() return "tick" end))
        end),
      },
      after = {
        http.log.file { logs = sink },
        http.log.file { logs = sink, format = function(entry)
          entries[#entries + 1] = entry
          return "entry"
        end },
      },
    }
    service:start()
  end)

  after_each(function() cro.await(service:stop { now = true }) end)

  --- The body of an `it`, in virtual time: what sleeps costs nothing, and how long is exact.
  local function timed(fn)
    return function() cro.test.clock(fn) end
  end

  it("says how long a handler took, and how many bytes were sent", timed(function()
    wire.ask(service, "GET", "/slow")
    cro.sleep(0.01)
    assert.equal("[OK] 200 /slow - 127.0.0.1 - 50.000 ms\n", lines[1])
    assert.equal(4, entries[1].bytes)
    assert.near(0.05, entries[1].duration, 1e-9)
  end))

  it("counts until the end of a stream in formats written then", timed(function()
    wire.ask(service, "GET", "/stream")
    cro.sleep(0.01)
    assert.equal(12, entries[1].bytes)
    assert.near(0.04, entries[1].duration, 1e-9)
  end))

  it("counts each pipelined request from its own head", timed(function()
    local _, port = service:address()
    local slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
    wire.exchange(port, slow .. wire.request("GET", "/slow"))
    cro.sleep(0.01)
    assert.equal(2, #entries)
    assert.near(0.05, entries[2].duration, 1e-9)
  end))
end)
