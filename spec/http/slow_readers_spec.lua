local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

local GREETING = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" .. "\0\0\6\4\0\0\0\0\0" .. "\0\4\0\0\0\1" -- windows of a byte
local CANCEL = "\0\0\4\3\0\0\0\0\1\0\0\0\8" -- RST_STREAM of stream 1

--- HEADERS of a GET that ends its stream.
local function get(stream, path)
  local block = "\130\134\4" .. string.char(#path) .. path .. "\1\1h"
  return "\0\0" .. string.char(#block) .. "\1\5\0\0\0" .. string.char(stream) .. block
end

local function window(stream, bytes) return "\0\0\4\8\0\0\0\0" .. string.char(stream) .. "\0\0\0" .. string.char(bytes) end

describe("answers that are not taken #loop", function()
  local service, port

  local function start(options)
    options.host, options.port, options.http = "127.0.0.1", 0, { "1.1", "2" }
    options.application = r.route {
      r.get("/much", function(c) c:text(("x"):rep(64 * 1024 * 1024)) end),
      r.get("/later", function(c)
        cro.sleep(1)
        c:text "z"
      end),
    }
    service = http.server(options)
    service:start()
    port = select(2, service:address())
  end

  after_each(function() cro.await(service:stop { now = true }) end)

  --- Reads some now and then, until the server has had enough, or for so long; whether it has.
  local function sip(conn, seconds)
    local till = cro.now() + seconds
    while cro.now() < till do
      local chunk, err = cro.pawait(conn:read())
      if err then return true end
      if chunk == nil then return true end
      cro.sleep(0.02)
    end
    return false
  end

  local function ask()
    local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
    cro.await(conn:write(wire.request("GET", "/much")))
    return conn
  end

  it("are reset over HTTP/1 when they are taken too slowly", function()
    start { timeouts = { write_idle = 0.2 }, limits = { write_min_rate = "4G" } }
    local conn = ask()
    assert.is_true(sip(conn, 10))
    conn:abort()
  end)

  it("may be taken slowly, above the floor", function()
    start { timeouts = { write_idle = 0.2 } }
    local conn = ask()
    assert.is_false(sip(conn, 1))
    conn:abort()
  end)

  it("are reset over HTTP/2 when a byte at a time is taken, and nothing else is", function()
    start { timeouts = { write_idle = 0.3 } }
    local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
    local heard = {}
    cro.await(conn:write(GREETING .. get(1, "/much") .. get(3, "/later")))
    cro.react(function()
      cro.whenever(conn, function(chunk)
        heard[#heard + 1] = chunk
        if table.concat(heard):find "%z%z\1%z\1%z%z%z\3z" then cro.done() end
      end)
      cro.whenever(cro.Supply.interval(0.02), function() conn:write(window(1, 1)):observe() end)
    end)
    local said = table.concat(heard)
    assert.is_truthy(said:find(CANCEL, 1, true))
    assert.is_truthy(said:find(CANCEL, 1, true) < #said - 10) -- before the answer of a second
    conn:close()
  end)
end)

describe("a body that is collected #loop", function()
  it("is as large as is allowed and no larger, over HTTP/1 and HTTP/2", function()
    local service = http.server {
      host = "127.0.0.1",
      port = 0,
      http = { "1.1", "2" },
      limits = { body_bytes = 10 },
      application = r.route {
        r.post("/", function(c) c:text(tostring(#cro.await(c:body_blob()))) end),
      },
    }
    service:start()
    local url = ("http://127.0.0.1:%d/"):format((select(2, service:address())))
    for version, flag in pairs { ["1.1"] = "--http1.1", ["2"] = "--http2-prior-knowledge" } do
      for size, status in pairs { [9] = 200, [10] = 200, [11] = 413 } do
        local _, known = clients.curl(flag, "-H", "Expect:", "-d", ("x"):rep(size), url)
        assert.equal(("%s %d"):format(version, status), known)
      end
    end
    cro.await(service:stop { now = true })
  end)
end)
