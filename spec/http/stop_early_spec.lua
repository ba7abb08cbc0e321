--- Stopping a service that has not come to listening yet.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("http.server stopped while it starts #loop", function()
  local function starting(host)
    local service = http.server { host = host, port = 0, application = r.route {} }
    local outcome = cro.start(function() service:start() end)
    cro.await(cro.start(function() end)) -- the start has got as far as it can at once
    return service, outcome
  end

  it("does not listen, says so to who started it, and can be started again", function()
    for _, now in ipairs { true, false } do
      local before = cro.stats().listeners
      local service, outcome = starting "localhost" -- a name takes a turn or more
      local stopped = service:stop { now = now }
      local _, err = cro.pawait(outcome)
      cro.await(stopped)
      assert.is_table(err, "it had started already: nothing was shown")
      assert.equal("aborted", err.kind)
      assert.matches("stopped before it listened", err.message, 1, true)
      assert.is_nil(service:address())
      assert.equal(before, cro.stats().listeners)
      service:start()
      assert.is_truthy(service:address())
      cro.await(service:stop())
      assert.equal(before, cro.stats().listeners)
    end
  end)
end)
