local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("an answer with an announced length #loop", function()
  local service, url, heard

  before_each(function()
    heard = {}
    service = http.server {
      host = "127.0.0.1", port = 0, http = { "1.1", "2" },
      application = r.route {
        r.get("/short", function(c)
          c.response:start_stream(10)
          c.response:write "1234"
          heard = { c.response:finish() }
        end),
        r.get("/long", function(c)
          c.response:start_stream(6)
          c.response:write "1234"
          heard = { c.response:write "56789" }
          c.response:write "56"
          c.response:finish()
        end),
      },
    }
    service:start()
    url = ("http://127.0.0.1:%d"):format(select(2, service:address()))
  end)
  after_each(function() cro.await(service:stop { now = true }) end)

  for _, version in ipairs { "--http1.1", "--http2-prior-knowledge" } do
    it("says what it is short of, and is no whole answer: " .. version, function()
      local _, _, code = clients.curl(version, url .. "/short")
      assert.is_true(code ~= 0)
      assert.same({ "finish: 10 bytes were announced, 4 written", "too_short" }, { heard[2].message, heard[2].kind })
      assert.is_nil(heard[1])
    end)

    it("takes no more, and says of how much: " .. version, function()
      assert.equal("123456", (clients.curl(version, url .. "/long")))
      assert.same({ "write: 6 bytes were announced, 9 written", "too_long" }, { heard[2].message, heard[2].kind })
    end)
  end
end)
