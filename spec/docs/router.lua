local assert = require "luassert"
local page = require "spec.support.page"
local wire = require "spec.support.wire"

return {
  {
    names = function()
      local r = require "cro.http.router"
      return {
        load_product = function(id) return { id = id } end,
        find = function(term) return { term } end,
        admin_routes = r.route { r.get("/users", function(c) c:text "users" end) },
      }
    end,
    rewrite = page.returning "app",
    check = function(run)
      page.serve(run, run.value)
      local function body(target) return wire.ask(run.service, "GET", target).body end
      assert.equal("Hello\n", body "/")
      assert.equal('{"id":7}', body "/products/7")
      assert.equal('["tea"]', body "/search?term=tea")
      assert.equal("users", body "/admin/users")
      assert.equal(400, wire.ask(run.service, "GET", "/search").status)
    end,
  },
  {
    names = function(run)
      return {
        r = page.noting_router(run),
        handler = function(c, name) c:text(name .. " " .. c.query.min_price .. " " .. c.query.page) end,
      }
    end,
    check = function(run)
      local r = require "cro.http.router"
      page.serve_entries(run, r.before(function(c) c.auth = { is_admin = c.headers.authorization ~= nil } end))
      local token = "9f4a1c3e-5d6b-4c7a-8e9f-0123456789ab"
      local headers = { ["X-Token"] = token, Authorization = "yes" }
      assert.equal("tea 2.5 1", wire.ask(run.service, "GET", "/category/tea?min_price=2.5", headers).body)
      assert.equal(401, wire.ask(run.service, "GET", "/category/tea?min_price=2.5", { ["X-Token"] = token }).status)
      assert.equal(400, wire.ask(run.service, "GET", "/category/tea", { Authorization = "yes" }).status)
    end,
  },
}
