local assert = require "luassert"
local page = require "spec.support.page"
local wire = require "spec.support.wire"

return {
  {
    check = function(run)
      local json = { ["Content-Type"] = "application/json" }
      assert.equal("Hello, Lua", wire.ask(run.service, "GET", "/hello/Lua").body)
      assert.equal('{"sum":5}', wire.ask(run.service, "GET", "/add/2/3").body)
      assert.equal('["as",1]', wire.ask(run.service, "POST", "/echo", json, '["as",1]').body)
    end,
  },
  [5] = {
    prints = true, -- and what else happens in the folder meanwhile
    check = function(run)
      local seen = {}
      for _, line in ipairs(run.printed) do
        seen[line] = true
      end
      assert.is_true(seen.compiling and seen.done and seen["exit 0"])
    end,
  },
  [6] = { check = function(run) assert.equal("LOUD\n", page.say(run.service, "loud\n")) end },
}
