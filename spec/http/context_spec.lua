local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local cro = require "cro"
local r = require "cro.http.router"
require "cro.http"

describe("cro.http.context", function()
  --- What a handler of "/x" (or the template) answers.
  local function answer_of(handler, given)
    given = given or {}
    local routes = r.route { r.http(given.method or "GET", given.template or "/x", given.spec or {}, handler) }
    local method, target, answer = given.method or "GET", given.target or "/x", nil
    world.run(function() answer = fake.send(routes:application(), method, target, given) end)
    return answer
  end

  describe("default status", function()
    it("is 200 with a body and 204 without", function()
      assert.equal(200, answer_of(function(c) c:text "x" end).status)
      assert.equal(204, answer_of(function() end).status)
      assert.equal(404, answer_of(function(c) c:not_found() end).status)
    end)
  end)

  describe("named statuses", function()
    for name, code in pairs {
      not_found = 404, bad_request = 400, unauthorized = 401, forbidden = 403, conflict = 409,
      unprocessable = 422, teapot = 418, server_error = 500, not_supported = 505, no_content = 204,
    } do
      it(("c:%s() is %d"):format(name, code), function()
        assert.equal(code, answer_of(function(c) c[name](c) end).status)
      end)
    end

    it("take a type and a body", function()
      local answer = answer_of(function(c) c:conflict("application/json", { taken = true }) end)
      assert.same({ 409, '{"taken":true}', "application/json" }, { answer.status, answer.body, answer.content_type })
    end)

    it("have nothing sent ahead where the protocol cannot", function()
      local answer = answer_of(function(c)
        c:push("/style.css", { headers = { accept = "text/css" } })
        c:text "page"
      end)
      assert.same({ 200, "page" }, { answer.status, answer.body })
      local said
      answer_of(function(c) said = select(2, pcall(c.push, c, "style.css")) end)
      assert.matches('c:push: the path "style.css" does not begin with a slash', said, 1, true)
    end)

    it("say where what was made is", function()
      local answer = answer_of(function(c) c:created("/item/7", "text/plain", "made") end)
      assert.same({ 201, "/item/7", "made" }, { answer.status, answer.header "Location", answer.body })
      assert.equal("", answer_of(function(c) c:created "/item/7" end).body)
    end)
  end)

  describe("redirect", function()
    for kind, code in pairs { temporary = 307, permanent = 308, see_other = 303, found = 302, moved = 301 } do
      it(("%s is %d"):format(kind, code), function()
        local answer = answer_of(function(c) c:redirect("/there", kind) end)
        assert.same({ code, "/there" }, { answer.status, answer.header "Location" })
        assert.equal(code, answer_of(function(c) c:redirect("/there", code) end).status)
      end)
    end

    it("is temporary when nothing is said", function()
      assert.equal(307, answer_of(function(c) c:redirect "/there" end).status)
    end)

    it("refuses what is no kind of redirect", function()
      local message
      answer_of(function(c) message = select(2, pcall(c.redirect, c, "/there", "gone")) end)
      assert.truthy(message:find('c:redirect: the string "gone" is no kind of redirect', 1, true))
    end)

    it("refuses a location that would split the answer", function()
      assert.equal(500, answer_of(function(c) c:redirect "/a\r\nX-Evil: 1" end).status)
    end)
  end)

  describe("cache_control", function()
    local rows = {
      { { no_store = true }, "no-store" },
      { { max_age = 0 }, "max-age=0" },
      { { max_age = 60, public = true }, "public, max-age=60" },
      {
        { no_transform = true, proxy_revalidate = true, must_revalidate = true, s_maxage = 1, no_cache = true,
          private = true },
        "private, no-cache, s-maxage=1, must-revalidate, proxy-revalidate, no-transform",
      },
      { { public = false, no_cache = true }, "no-cache" },
    }
    for _, row in ipairs(rows) do
      it("writes " .. row[2], function()
        assert.equal(row[2], answer_of(function(c) c:cache_control(row[1]) end).header "Cache-Control")
      end)
    end

    it("replaces what was set", function()
      local answer = answer_of(function(c)
        c:cache_control { public = true }
        c:cache_control { no_store = true }
      end)
      assert.equal("no-store", answer.header "Cache-Control")
    end)

    local function complaint(given)
      local message
      answer_of(function(c) message = select(2, pcall(c.cache_control, c, given)) end)
      return message
    end

    it("refuses what makes no sense", function()
      assert.truthy(complaint { public = true, private = true }:find "public and private exclude each other")
      assert.truthy(complaint {}:find "no directive given")
      assert.truthy(complaint { max_age = -1 }:find "seconds, 0 or more")
      assert.truthy(complaint { maxage = 1 }:find 'did you mean "max_age"%?')
    end)
  end)

  describe("query", function()
    local function query_of(target, spec)
      local query
      answer_of(function(c) query = c.query end, { target = target, spec = spec })
      return query
    end

    it("has text by name, decoded", function()
      assert.same({ a = "1 2", b = "", ["c d"] = "é" }, query_of "/x?a=1+2&b=&c%20d=%C3%A9")
    end)

    it("has a list for a repeated name, which is text joined by commas", function()
      local query = query_of "/x?tag=a&tag=b&tag=c"
      assert.equal("a,b,c", tostring(query.tag))
      assert.equal("tags: a,b,c", "tags: " .. query.tag)
      assert.same({ "a", "b", "c" }, { query.tag[1], query.tag[2], query.tag[3] })
    end)

    it("has the types that the route declares", function()
      local spec = {
        query = { n = "int", on = "bool", tags = "string[]", ids = "int[]", size = "int=20", x = "number" },
      }
      local query = query_of("/x?n=3&on=true&tags=a&ids=1&ids=2&x=0.5&other=7", spec)
      assert.same({
        n = 3, on = true, tags = { "a" }, ids = { 1, 2 }, size = 20, x = 0.5, other = "7",
      }, { n = query.n, on = query.on, tags = query.tags, ids = { query.ids[1], query.ids[2] }, size = query.size,
        x = query.x, other = query.other })
      assert.same({}, query_of("/x", spec).tags)
    end)

    it("takes a function as a type", function()
      local spec = { query = { color = function(text) return ({ red = "#f00" })[text] end } }
      assert.equal("#f00", query_of("/x?color=red", spec).color)
      assert.equal(400, answer_of(function() end, { target = "/x?color=blue", spec = spec }).status)
    end)

    it("requires one value at least of a list with a mark", function()
      local spec = { query = { ids = "int[]!" } }
      assert.equal(400, answer_of(function() end, { spec = spec }).status)
      assert.equal(204, answer_of(function() end, { target = "/x?ids=1", spec = spec }).status)
    end)

    it("refuses a request whose query is badly encoded when it is read", function()
      assert.equal(400, answer_of(function(c) c:text(c.query.a) end, { target = "/x?a=%z" }).status)
      assert.equal(204, answer_of(function() end, { target = "/x?a=%z" }).status)
    end)
  end)

  describe("headers and cookies", function()
    it("are read by name", function()
      local answer = answer_of(function(c) c:text(c.headers["X-One"] .. c.cookies.a .. tostring(c.cookies.none)) end,
        { headers = { ["x-one"] = "1", cookie = "a=b=c; b=2; a=later" } })
      assert.equal("1b=cnil", answer.body)
    end)

    it("of a repeated name reach a declared list one by one", function()
      local spec = { header = { ["X-Id"] = "int[]" } }
      local answer = answer_of(function(c) c:text(tostring(c.headers["X-Id"][2] + 1)) end,
        { spec = spec, headers = { ["x-id"] = { "1", "2" } } })
      assert.equal("3", answer.body)
    end)
  end)

  describe("set_cookie", function()
    it("is safe unless told otherwise", function()
      local answer = answer_of(function(c) c:set_cookie("id", "1") end)
      assert.equal("id=1; Path=/; HttpOnly; SameSite=Lax", answer.header "Set-Cookie")
      answer = answer_of(function(c) c:set_cookie("id", "1") end, { secure = true })
      assert.equal("id=1; Path=/; Secure; HttpOnly; SameSite=Lax", answer.header "Set-Cookie")
    end)

    it("takes options, and refuses unknown ones", function()
      local answer = answer_of(function(c)
        c:set_cookie("id", "1", { http_only = false, same_site = "Strict", max_age = 60, path = "/a" })
      end)
      assert.equal("id=1; Max-Age=60; Path=/a; SameSite=Strict", answer.header "Set-Cookie")
      assert.equal(500, answer_of(function(c) c:set_cookie("id", "1", { httponly = true }) end).status)
    end)

    it("appends a second name and refuses the same one", function()
      local message
      local answer = answer_of(function(c)
        c:set_cookie("a", "1")
        c:set_cookie("b", "2")
        message = select(2, pcall(c.set_cookie, c, "a", "3"))
      end)
      assert.equal(2, #answer.headers)
      assert.truthy(message:find('the cookie "a" is already set', 1, true))
    end)
  end)

  describe("params, route and link", function()
    local routes = r.route {
      r.get("/p/{id:int}/{page:int=1}", { name = "page", summary = "A page" }, function(c, ...)
        assert(select("#", ...) == 2)
        c:text(("%d %d %s %s %s"):format(c.params.id, c.params.page, c.route.name, c.route.template,
          c:link("page", { id = 9, page = 2 })))
      end),
    }
    local with_query = r.route {
      r.get("/q/{id:int}", { name = "q", query = { x = "int" } }, function(c, id)
        assert(id == c.params.id)
        c:text(c.params.id .. " " .. c.route.template)
      end),
    }

    local function body_of(app, target)
      local answer
      world.run(function() answer = fake.send(app, "GET", target) end)
      return answer.body
    end

    it("tell what was matched, by the core and by Lua", function()
      assert.equal("7 1 page /p/{id:int}/{page:int=1} /p/9/2", body_of(routes:application(), "/p/7"))
      assert.equal("8 /q/{id:int}", body_of(with_query:application(), "/q/8?x=1"))
    end)
  end)

  it("has a table free for middleware, and takes any other field", function()
    local routes = r.route {
      r.before(function(c)
        c.state.seen, c.mine = "state", "field"
      end),
      r.get("/", function(c) c:text(c.state.seen .. c.mine) end),
    }
    local answer
    world.run(function() answer = fake.send(routes:application(), "GET", "/") end)
    assert.equal("statefield", answer.body)
  end)

  it("says what was used after the request had ended", function()
    local kept
    answer_of(function(c) kept = c end)
    for _, use in ipairs {
      function() kept:redirect "/" end,
      function() kept:body() end,
      function() return kept.query end,
      function() kept:set_cookie("a", "b") end,
    } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.truthy(tostring(err):find "used after its request has ended", err)
    end
  end)

  describe("body", function()
    local function posted(handler, content_type, body, extra)
      local given = extra or {}
      given.method, given.body = "POST", body
      given.headers = content_type and { ["content-type"] = content_type } or {}
      return answer_of(handler, given)
    end

    local function kind_of_body(c)
      local value = cro.await(c:body())
      c:text(type(value) == "table" and "table " .. tostring(value.a) or type(value) .. " " .. tostring(value))
    end

    local rows = {
      { "application/json", '{"a":5}', "table 5" },
      { "application/JSON; charset=utf-8", '{"a":5}', "table 5" },
      { "application/vnd.api+json", '{"a":5}', "table 5" },
      { "application/json", "5", "number 5" },
      { "text/plain", "caf\195\169", "string caf\195\169" },
      { "text/plain", "caf\233", "string caf\195\169" },
      { "text/plain; charset=iso-8859-1", "caf\233", "string caf\195\169" },
      { "text/plain; charset=utf-8", "\239\187\191x", "string x" },
      { "application/octet-stream", "\233", "string \233" },
      { nil, "raw", "string raw" },
    }
    for _, row in ipairs(rows) do
      it(("of type %s is %q"):format(tostring(row[1]), row[3]), function()
        local answer = posted(kind_of_body, row[1], row[2])
        assert.same({ 200, row[3] }, { answer.status, answer.body })
      end)
    end

    local refused = {
      { "application/json", "{", 400 },
      { "application/json", "", 400 },
      { "text/plain; charset=utf-8", "caf\233", 400 },
      { "text/plain; charset=klingon", "x", 415 },
      { "nonsense", "x", 415 },
    }
    for _, row in ipairs(refused) do
      it(("of type %s with %q is refused with %d"):format(row[1], row[2], row[3]), function()
        fake.reports = {}
        assert.equal(row[3], posted(kind_of_body, row[1], row[2]).status)
        assert.same({}, fake.reports, "what a peer got wrong is not reported as a failure")
      end)
    end

    it("that is too large is refused with 413, by the route's own limit", function()
      assert.equal(413, posted(kind_of_body, "text/plain", ("x"):rep(11), { spec = { max_body = 10 } }).status)
      assert.equal(200, posted(kind_of_body, "text/plain", ("x"):rep(10), { spec = { max_body = 10 } }).status)
      assert.equal(200, posted(kind_of_body, "text/plain", ("x"):rep(2048), { spec = { max_body = "2K" } }).status)
      assert.equal(413, posted(kind_of_body, "text/plain", ("x"):rep(1048577)).status)
    end)

    it("may be handled when it cannot be read", function()
      local answer = posted(function(c)
        local value, err = cro.pawait(c:body())
        c:text(tostring(value) .. " " .. err.status .. " " .. tostring(err))
      end, "application/json", "{")
      assert.equal("nil 400 a body that is no JSON", answer.body)
    end)

    it("may be asked for again, in any form", function()
      local answer = posted(function(c)
        local text, blob = cro.await { c:body_text(), c:body_blob() }
        if type(text) == "table" then text, blob = text[1], text[2] end
        c:text(text .. blob .. cro.await(c:body()).a)
      end, "application/json", '{"a":1}')
      assert.equal('{"a":1}{"a":1}1', answer.body)
    end)

    it("that comes later is waited for", function()
      local exchange
      local answer = posted(kind_of_body, "application/json", nil, {
        prepare = function(x)
          exchange, x.late_body = x, true
          cro.start(function()
            cro.sleep(1)
            exchange.late_body '{"a":"late"}'
          end)
        end,
      })
      assert.equal("table late", answer.body)
    end)

    it("that breaks off breaks the promise", function()
      fake.reports = {}
      local answer = posted(kind_of_body, "application/json", nil, {
        prepare = function(x)
          x.late_body = true
          cro.start(function() x.late_body(nil, { kind = "eof", message = "the peer closed early" }) end)
        end,
      })
      assert.equal(500, answer.status)
    end)

    it("streams in chunks", function()
      local answer = posted(function(c)
        local sizes = {}
        cro.react(function()
          cro.whenever(c:body_stream(), function(chunk)
            cro.sleep(0.1)
            sizes[#sizes + 1] = #chunk
          end)
        end)
        c:text(table.concat(sizes, " "))
      end, "application/octet-stream", nil, { chunks = { "abc", "de", "f" } })
      assert.equal("3 2 1", answer.body)
    end)

    it("of a value nobody can serialize is a 500 that is reported", function()
      fake.reports = {}
      assert.equal(500, answer_of(function(c) c:content("text/html", { 1 }) end).status)
      assert.truthy(tostring(fake.reports[1]):find("no applicable body serializer for a table as text/html", 1, true))
      assert.truthy(tostring(fake.reports[1]):find("GET /x", 1, true))
    end)
  end)
end)
