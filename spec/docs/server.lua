local assert = require "luassert"
local wire = require "spec.support.wire"

return {
  {
    names = function()
      local http, r = require "cro.http", require "cro.http.router"
      return { http = http, app = r.route { r.get("/", function(c) c:text "here" end) } }
    end,
    rewrite = function(code)
      return (code:gsub("http%.log%.file%(%)", "http.log.file { logs = '/dev/null' }"))
    end,
    check = function(run) assert.equal("here", wire.ask(run.service, "GET", "/").body) end,
  },
}
