local assert = require "luassert"
local page = require "spec.support.page"
local wire = require "spec.support.wire"

return {
  {
    names = function()
      local cro, http = require "cro", require "cro.http"
      return {
        http = http,
        MyApp = cro.map(http.Request, http.Response, function(request)
          return http.Response { request = request, status = 200, content_type = "text/plain", body = request.path }
        end, "MyApp"),
      }
    end,
    rewrite = function(code)
      return (code:gsub("http%.log%.file%(%)", "http.log.file { logs = '/dev/null' }"))
    end,
    check = function(run) assert.equal("/here", wire.ask(run.service, "GET", "/here").body) end,
  },
  {
    names = function(run)
      return { r = page.noting_router(run), store = function(order) return order.name end }
    end,
    check = function(run)
      page.serve_entries(run)
      local json = { ["Content-Type"] = "application/json" }
      local answer = wire.ask(run.service, "POST", "/orders", json, '{ "name": "tea" }')
      assert.equal(201, answer.status)
      assert.equal("/orders/tea", answer.headers.location)
      assert.equal(422, wire.ask(run.service, "POST", "/orders", json, "{").status)
    end,
  },
  {
    names = function(run)
      return {
        r = page.noting_router(run),
        parse_csv = function(text) return { rows = select(2, text:gsub("\n", "")) } end,
        format_csv = function(value) return "rows\n" .. value.rows .. "\n" end,
      }
    end,
    check = function(run)
      local cro, r = require "cro", require "cro.http.router"
      page.serve_entries(run, r.post("/", function(c) c:content("text/csv", cro.await(c:body())) end))
      local answer = wire.ask(run.service, "POST", "/", { ["Content-Type"] = "text/csv" }, "a,b\n1,2\n")
      assert.equal("rows\n2\n", answer.body)
    end,
  },
}
