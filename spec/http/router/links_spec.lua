require("spec.support.fake_http").install()
local r = require "cro.http.router"

describe("links", function()
  local function any(...) return ... end

  local routes = r.route {
    r.get("/", { name = "home" }, any),
    r.get("/product/{id:int}", { name = "product" }, any),
    r.get("/search", { name = "search", query = { term = "string!", page = "int" }, header = { x = "int" } }, any),
    r.get("/opt/{a?}/{b?}", { name = "opt" }, any),
    r.get("/files/{path*}", { name = "files" }, any),
    r.get("/a%2Fb/{x}", { name = "odd" }, any),
    r.include("/admin", r.route { r.get("/users/{id}", { name = "user" }, any) }, { name = "admin" }),
  }

  local rows = {
    { "home", nil, "/" },
    { "home", { b = 2, a = "x y" }, "/?a=x%20y&b=2" },
    { "home", { t = { "1", "2" } }, "/?t=1&t=2" },
    { "product", { id = 42 }, "/product/42" },
    { "product", { id = 42, sort = "a&b" }, "/product/42?sort=a%26b" },
    { "product", { id = "a/b é" }, "/product/a%2Fb%20%C3%A9" },
    { "product", { id = ".." }, "/product/%2E%2E" },
    { "search", { term = "x", page = 2 }, "/search?page=2&term=x" },
    { "opt", nil, "/opt" },
    { "opt", { a = 1 }, "/opt/1" },
    { "opt", { a = 1, b = 2 }, "/opt/1/2" },
    { "files", nil, "/files" },
    { "files", { path = { "a", "b c" } }, "/files/a/b%20c" },
    { "odd", { x = 1 }, "/a%2Fb/1" },
    { "admin.user", { id = "ada" }, "/admin/users/ada" },
  }
  for _, row in ipairs(rows) do
    it(("to %s are %s"):format(row[1], row[3]), function() assert.equal(row[3], routes:link(row[1], row[2])) end)
  end

  local refused = {
    { "prodcut", nil, 'no route is called the string "prodcut"; did you mean "product"?' },
    { "product", nil, 'link "product": missing id' },
    { "search", { tern = 1 }, 'link "search": missing term; no parameter called tern' },
    { "search", { term = 1, x = 1 }, "no parameter called x" },
    { "opt", { b = 2 }, "b stands behind a, which is missing" },
    { "files", { path = 5 }, "a list of segments, got the number 5" },
    { 5, nil, "link: argument 1: expected string" },
  }
  for _, row in ipairs(refused) do
    it("refuse: " .. row[3], function()
      local ok, err = pcall(routes.link, routes, row[1], row[2])
      assert.is_false(ok)
      assert.truthy(err:find(row[3], 1, true), err)
    end)
  end

  it("carry the name of the table before the route's", function()
    local named = r.route {
      name = "main",
      r.get("/", { name = "home" }, any),
      r.include("/x", routes, { name = "sub" }),
    }
    assert.equal("/", named:link "main.home")
    assert.equal("/x/admin/users/7", named:link("main.sub.admin.user", { id = 7 }))
  end)
end)
