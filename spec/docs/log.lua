local assert = require "luassert"
local wire = require "spec.support.wire"

return {
  {
    rewrite = function(code, run)
      local folder = os.tmpname()
      os.remove(folder)
      run.log = folder
      run.finally[1] = function() os.execute("rm -f " .. folder .. "*") end
      return (code:gsub('"(%a+%.log)"', '"' .. folder .. '.%1"'))
    end,
    check = function(run)
      assert.equal("all of it\n", wire.ask(run.service, "GET", "/catalogue").body)
      assert.equal(404, wire.ask(run.service, "GET", "/nowhere").status)
      assert.matches('"GET /catalogue HTTP/1.1" 200 10', io.open(run.log .. ".access.log"):read "*a", 1, true)
      assert.matches('"GET /nowhere HTTP/1.1" 404', io.open(run.log .. ".error.log"):read "*a", 1, true)
    end,
  },
}
