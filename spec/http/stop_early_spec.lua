--- Stopping a service that has not come to listening yet.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("http.server stopped while it starts #loop", function()
  --- Both run in one turn, between which no I/O is looked at: the name cannot be found yet.
  local function stopped_at_once(service, how)
    local outcome = cro.start(function() service:start() end)
    local stopped = cro.start(function() cro.await(service:stop(how)) end)
    return outcome, stopped
  end

  it("does not listen, says so to who started it, and can be started again", function()
    for _, now in ipairs { true, false } do
      local before = cro.stats().listeners
      local service = http.server { host = "localhost", port = 0, application = r.route {} }
      local outcome, stopped = stopped_at_once(service, { now = now })
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
