local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

--- Pooled coroutines, recycled tables and compiled traces must not mix the arguments of one
--- call into another: the same scene again and again, with other calls in between.
describe("a server that is started, asked and stopped two hundred times #loop", function()
  local function app()
    return r.route {
      r.get("/slow", function(c)
        cro.sleep(0.002)
        c:text "slow"
      end),
      r.put("/low/{any}", function(c, any) c:text(any) end),
    }
  end

  it("takes each call's own options, and drains each time", function()
    for round = 1, 200 do
      local service = http.server { host = "127.0.0.1", port = 0, application = app() }
      service:start()
      local asked = cro.start(function() return wire.ask(service, "GET", "/slow") end)
      assert.equal(tostring(round), wire.ask(service, "PUT", "/low/" .. round).body)
      assert.is_false((pcall(cro.tcp.connect, { host = "127.0.0.1", port = 1, any = round })))
      local stopped = service:stop(round % 2 == 0 and { timeout = 5 } or nil)
      assert.equal("slow", cro.await(asked).body)
      assert.is_true(cro.await(stopped))
    end
  end)
end)
