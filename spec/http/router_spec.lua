local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local http = require "cro.http"
local r = require "cro.http.router"

describe("cro.http.router", function()
  --- Answers "status body" for requests to the routes.
  local function server_of(entries)
    local app = r.route(entries):application()
    return function(method, target, given)
      local answer
      world.run(function() answer = fake.send(app, method, target, given) end)
      return answer.status, answer.body, answer
    end
  end

  --- A handler for any number of path parameters.
  local function say(text)
    return function(c, ...)
      assert(select("#", ...) >= 0)
      c:text(text)
    end
  end

  local function status_of(send, method, target, given) return (send(method, target, given)) end

  describe("matching", function()
    local send = server_of {
      r.get("/", say "root"),
      r.get("/catalogue", say "catalogue"),
      r.get("/product/{id:int}", function(c, id) c:text("product " .. type(id) .. " " .. id) end),
      r.get("/search/{term}", function(c, term) c:text("term " .. term) end),
      r.get("/opt/{a?}", function(c, a) c:text("opt " .. tostring(a)) end),
      r.get("/two/{a?}/{b?}", function(c, a, b) c:text(tostring(a) .. " " .. tostring(b)) end),
      r.get("/page/{n:int=1}", function(c, n) c:text("page " .. n) end),
      r.get("/tree/{path*}", function(c, path) c:text(#path .. " " .. table.concat(path, "|")) end),
      r.get("/encoded%2Fslash", say "slash"),
      r.get("/a+plus", say "plus"),
      r.get("/sized/{n:uint8}", function(c, n) c:text("sized " .. n) end),
    }

    local function matches(target, body)
      it(("gives %s to %q"):format(target, body), function()
        local status, text = send("GET", target)
        assert.same({ 200, body }, { status, text })
      end)
    end

    local function misses(target)
      it("answers 404 to " .. target, function() assert.equal(404, status_of(send, "GET", target)) end)
    end

    matches("/", "root")
    matches("/catalogue", "catalogue")
    matches("/%63atalogue", "catalogue")
    matches("/product/42", "product number 42")
    matches("/product/-1", "product number -1")
    matches("/search/blue%20sky", "term blue sky")
    matches("/search/a%2Fb", "term a/b")
    matches("/opt", "opt nil")
    matches("/opt/x", "opt x")
    matches("/two", "nil nil")
    matches("/two/1", "1 nil")
    matches("/two/1/2", "1 2")
    matches("/page", "page 1")
    matches("/page/7", "page 7")
    matches("/tree", "0 ")
    matches("/tree/a/b%2Fc", "2 a|b/c")
    matches("/encoded%2Fslash", "slash")
    matches("/encoded%2fslash", "slash")
    matches("/a%2Bplus", "plus")
    matches("/a+plus", "plus")
    matches("/sized/255", "sized 255")
    matches("/catalogue?x=1", "catalogue")

    misses "/catalogue/"
    misses "//catalogue"
    misses "/opt/"
    misses "/product/abc"
    misses "/product/1.5"
    misses "/product"
    misses "/search/"
    misses "/encoded/slash"
    misses "/sized/256"
    misses "/sized/-1"
    misses "/none"

    it("answers 400 to a path that is badly encoded", function()
      assert.equal(400, status_of(send, "GET", "/search/%zz"))
    end)
  end)

  it("answers 404 to every request when there is no route", function()
    assert.equal(404, status_of(server_of {}, "GET", "/"))
  end)

  describe("choosing", function()
    --- Sends to the same routes in the order written and in the reverse order.
    local function both_orders(entries, check)
      local reversed = {}
      for i = #entries, 1, -1 do
        reversed[#reversed + 1] = entries[i]
      end
      check(server_of(entries))
      check(server_of(reversed))
    end

    it("takes the most specific route, in whatever order they are written", function()
      both_orders({
        r.get("/x/new", say "literal"),
        r.get("/x/{id:int}", say "typed"),
        r.get("/x/{any}", say "untyped"),
        r.get("/x/{any?}", say "optional"),
        r.get("/x/{rest*}", say "slurpy"),
      }, function(send)
        local function body(target) return (select(2, send("GET", target))) end
        assert.equal("literal", body "/x/new")
        assert.equal("typed", body "/x/5")
        assert.equal("untyped", body "/x/other")
        assert.equal("optional", body "/x")
        assert.equal("slurpy", body "/x/a/b")
      end)
    end)

    it("prefers the longest literal prefix", function()
      both_orders({
        r.get("/{a}/list", say "variable first"),
        r.get("/users/{b}", say "literal first"),
      }, function(send)
        assert.equal("literal first", (select(2, send("GET", "/users/list"))))
        assert.equal("variable first", (select(2, send("GET", "/posts/list"))))
      end)
    end)

    it("tries the next route when a custom type says no", function()
      r.type("even", function(text)
        local n = tonumber(text)
        return n and n % 2 == 0 and n or nil
      end)
      both_orders({
        r.get("/n/{n:even}", function(c, n) c:text("even " .. n) end),
        r.get("/n/{any}", function(c, any) c:text("other " .. any) end),
      }, function(send)
        assert.equal("even 4", (select(2, send("GET", "/n/4"))))
        assert.equal("other 5", (select(2, send("GET", "/n/5"))))
      end)
    end)

    it("selects by required query parameters among routes of equal segments, those without last", function()
      both_orders({
        r.get("/form", say "plain"),
        r.get("/form", { query = { field1 = "string!" } }, say "first"),
        r.get("/form", { query = { field2 = "string!" } }, say "second"),
      }, function(send)
        assert.equal("first", (select(2, send("GET", "/form?field1=a"))))
        assert.equal("second", (select(2, send("GET", "/form?field2=a"))))
        assert.equal("plain", (select(2, send("GET", "/form"))))
      end)
    end)
  end)

  describe("refusing", function()
    local send = server_of {
      r.get("/item/{id:int}", say "item"),
      r.put("/item/{id:int}", say "put"),
      r.delete("/item/{id:int}", { query = { force = "bool!" } }, say "deleted"),
      r.get("/typed", { query = { page = "int", tag = "string" } }, function(c) c:text(tostring(c.query.page)) end),
      r.get("/sized", { query = { page = "uint8" } }, say "sized"),
      r.get("/must", { query = { term = "string!" } }, function(c) c:text(c.query.term) end),
      r.get("/header", { header = { ["X-Token"] = "int!" } }, function(c) c:text("token " .. c.headers["X-Token"]) end),
      r.get("/cookie", { cookie = { visit = "int!" } }, function(c) c:text("visit " .. c.cookies.visit) end),
      r.get("/me", { auth = true }, function(c) c:text(c.auth) end),
      r.get("/admin", { auth = function(who) return who == "root" end, query = { n = "int!" } }, say "admin"),
      r.post("/json", { body = "application/json" }, say "json"),
      r.before(function(c) c.auth = c.request:header "x-user" end),
    }

    local rows = {
      { "GET", "/none", 404 },
      { "GET", "/item/abc", 404 },
      { "POST", "/item/1", 405, allow = "GET, HEAD, PUT, DELETE, OPTIONS" },
      { "POST", "/item/abc", 404 },
      { "DELETE", "/item/1", 400 },
      { "DELETE", "/item/1?force=maybe", 400 },
      { "DELETE", "/item/1?force=true", 200 },
      { "GET", "/typed", 200, body = "nil" },
      { "GET", "/typed?page=3", 200, body = "3" },
      { "GET", "/typed?page=abc", 400 },
      { "GET", "/typed?page=", 400 },
      { "GET", "/typed?tag=a&tag=b", 400 },
      { "GET", "/typed?page=%zz", 400 },
      { "GET", "/sized?page=abc", 400 },
      { "GET", "/sized?page=256", 400 },
      { "GET", "/must", 400 },
      { "GET", "/must?term=", 200, body = "" },
      { "GET", "/must?term=a+b", 200, body = "a b" },
      { "GET", "/header", 400 },
      { "GET", "/header", 400, headers = { ["x-token"] = "abc" } },
      { "GET", "/header", 200, headers = { ["x-token"] = "12" }, body = "token 12" },
      { "GET", "/cookie", 400 },
      { "GET", "/cookie", 200, headers = { cookie = "a=b; visit=7" }, body = "visit 7" },
      { "GET", "/me", 401 },
      { "GET", "/me", 200, headers = { ["X-User"] = "ada" }, body = "ada" },
      { "GET", "/admin", 401 },
      { "GET", "/admin", 401, headers = { ["X-User"] = "ada" } },
      { "GET", "/admin", 400, headers = { ["X-User"] = "root" } },
      { "GET", "/admin?n=1", 200, headers = { ["X-User"] = "root" } },
      { "PUT", "/me", 405, allow = "GET, HEAD, OPTIONS" },
      { "POST", "/json", 415, headers = { ["content-type"] = "text/plain" }, sent = "x" },
      { "POST", "/json", 415, sent = "x" },
      { "POST", "/json", 200, headers = { ["content-type"] = "application/json; charset=utf-8" }, sent = "{}" },
      { "POST", "/json", 200 },
    }
    for _, row in ipairs(rows) do
      local method, target, expected = row[1], row[2], row[3]
      local with = row.headers and next(row.headers) .. ": " .. row.headers[next(row.headers)] or ""
      it(("answers %d to %s %s %s"):format(expected, method, target, with), function()
        local status, body, answer = send(method, target, { headers = row.headers, body = row.sent })
        assert.equal(expected, status)
        if row.body then assert.equal(row.body, body) end
        if row.allow then assert.equal(row.allow, answer.header "Allow") end
      end)
    end

    it("tells no more than the phrase of the status", function()
      local _, body, answer = send("GET", "/typed?page=<script>")
      assert.equal("Bad Request", body)
      assert.equal("text/plain; charset=utf-8", answer.content_type)
    end)
  end)

  it("answers 401 of the most specific route rather than the 400 of another", function()
    local send = server_of {
      r.get("/x/{id:int}", { auth = true }, say "one"),
      r.get("/x/{any}", { query = { q = "int!" } }, say "two"),
    }
    assert.equal(401, status_of(send, "GET", "/x/5"))
    assert.equal(400, status_of(send, "GET", "/x/y"))
    assert.equal(200, status_of(send, "GET", "/x/5?q=1"))
  end)

  describe("methods", function()
    local send = server_of {
      r.get("/doc", say "document"),
      r.post("/doc", say "posted"),
      r.options("/own", say "my options"),
      r.http("PROPFIND", "/dav", say "found"),
    }

    it("answers HEAD by the GET route", function() assert.equal(200, status_of(send, "HEAD", "/doc")) end)

    it("answers OPTIONS with what the path has", function()
      local status, _, answer = send("OPTIONS", "/doc")
      assert.same({ 204, "GET, HEAD, POST, OPTIONS" }, { status, answer.header "Allow" })
    end)

    it("leaves OPTIONS to a route that has it", function()
      assert.equal("my options", (select(2, send("OPTIONS", "/own"))))
    end)

    it("knows the methods of WebDAV", function() assert.equal("found", (select(2, send("PROPFIND", "/dav")))) end)

    it("makes one route of several methods, with one name", function()
      local both = server_of { r.http({ "GET", "PURGE" }, "/both/{x}", { name = "both" }, function(c, x)
        c:text(c.method .. x .. c:link("both", { x = 2 }))
      end) }
      assert.equal("GET1/both/2", (select(2, both("GET", "/both/1"))))
      assert.equal("PURGE1/both/2", (select(2, both("PURGE", "/both/1"))))
      assert.equal(405, status_of(both, "POST", "/both/1"))
      assert.error_matches(function() r.http({}, "/", say "") end, "the list of methods is empty")
      assert.error_matches(function() r.http({ "GET", 5 }, "/", say "") end, "expected the name of a method, got the number 5")
    end)

    it("refuses TRACE unless it is routed", function() assert.equal(405, status_of(send, "TRACE", "/doc")) end)

    it("refuses to build a route of an unknown method, and says which is near", function()
      assert.error_matches(function() r.http("PACTH", "/", say "") end, 'no such method "PACTH"; did you mean "PATCH"?')
      assert.error_matches(function() r.http("get", "/", say "") end, 'did you mean "GET"?')
    end)
  end)

  describe("with custom types", function()
    r.type("uuid_v4", function(text)
      return text:match "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89abAB]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
    end)
    local send = server_of {
      r.get("/log/{id:uuid_v4}", function(c, id) c:text(id) end),
      r.get("/u/{id:uuid_v4}", say "get"),
      r.put("/u/{any}", say "put"),
      r.get("/plain", say "plain"),
    }
    local id = "f47ac10b-58cc-4372-a567-0e02b2c3d479"

    it("matches what the type accepts", function()
      assert.same({ 200, id }, { status_of(send, "GET", "/log/" .. id), (select(2, send("GET", "/log/" .. id))) })
    end)

    it("answers 404 when no type accepts the segment", function()
      assert.equal(404, status_of(send, "GET", "/log/x"))
      assert.equal(404, status_of(send, "PUT", "/log/x"))
      assert.equal(404, status_of(send, "OPTIONS", "/log/x"))
    end)

    it("answers 405 with the methods whose types accept", function()
      for _, method in ipairs { "GET", "DELETE" } do
        local status, _, answer = send(method, "/u/x")
        assert.same({ 405, "PUT, OPTIONS" }, { status, answer.header "Allow" })
      end
      local _, _, answer = send("DELETE", "/u/" .. id)
      assert.equal("GET, HEAD, PUT, OPTIONS", answer.header "Allow")
      assert.equal("PUT, OPTIONS", select(3, send("OPTIONS", "/u/x")).header "Allow")
    end)

    it("leaves the other routes alone", function() assert.equal(200, status_of(send, "GET", "/plain")) end)
  end)

  it("keeps a plain handler as it is, with nothing round it", function()
    local function handler(c, id) c:text(tostring(id)) end
    local routes = r.route { r.get("/a/{id:int}", handler), r.get("/q", { query = { x = "int" } }, say "q") }
    local app = routes:application()
    assert.equal(handler, app.handlers[1])
    assert.is_nil(app.enter)
    assert.is_nil(app.miss)
    assert.is_function(app.conditional)
  end)

  it("has no conditional function when no route asks for more than its path", function()
    local app = r.route({ r.get("/", say "x"), r.post("/y/{z?}", say "y") }):application()
    assert.is_nil(app.conditional)
  end)

  it("describes its routes for tools", function()
    local routes = r.route { r.get("/a", { name = "a", summary = "The a" }, say "a"), name = "main" }
    local row = routes:list()[1]
    assert.same({ "GET", "/a", "main.a", "The a" }, { row.method, row.template, row.name, row.summary })
    assert.truthy(row.place:find "router_spec.lua:%d+")
  end)

  it("is a transform of requests to responses", function()
    local routes = r.route {}
    assert.equal(http.Request, routes.consumes)
    assert.equal(http.Response, routes.produces)
    local native = routes:native()
    assert.equal("router", native.kind)
    assert.equal(native.options.server, routes:native().options.server)
  end)
end)
