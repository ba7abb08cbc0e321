local assert = require "luassert"
local page = require "spec.support.page"
local wire = require "spec.support.wire"

return {
  {
    rewrite = page.returning "app",
    check = function(run)
      local cro = require "cro"
      page.serve(run, run.value)
      local answer = wire.ask(run.service, "GET", "/greet/Lua?times=2")
      assert.equal("Hello, Lua\nHello, Lua\n", answer.body)
      assert.equal("/greet/{name}", answer.headers["x-route"])
      answer = wire.ask(run.service, "POST", "/sum", { ["Content-Type"] = "application/json" }, "[1, 2, 3.5]")
      assert.equal(6.5, cro.json.decode(answer.body).sum)
    end,
  },
}
