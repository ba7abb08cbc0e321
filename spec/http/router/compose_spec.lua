local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("composing routes", function()
  local function say(text)
    return function(c) c:text(text) end
  end

  local function send(routes, method, target, given)
    local answer
    world.run(function() answer = fake.send(routes:application(), method, target, given) end)
    return answer
  end

  describe("include", function()
    local inner = r.route { r.get("/", say "index"), r.get("/x/{id:int}", function(c, id) c:text("x" .. id) end) }

    it("puts the prefix before every route", function()
      local routes = r.route { r.include("/admin", inner), r.get("/", say "home") }
      assert.equal("index", send(routes, "GET", "/admin").body)
      assert.equal("x7", send(routes, "GET", "/admin/x/7").body)
      assert.equal("home", send(routes, "GET", "/").body)
      assert.equal(404, send(routes, "GET", "/x/7").status)
      assert.equal(404, send(routes, "GET", "/admin/").status)
    end)

    it("needs no prefix, and may be nested", function()
      local middle = r.route { r.include("/b", inner) }
      local routes = r.route { r.include(middle), r.include("/a", middle) }
      assert.equal("index", send(routes, "GET", "/b").body)
      assert.equal("x1", send(routes, "GET", "/a/b/x/1").body)
    end)

    it("lets included routes compete with local ones by how specific they are", function()
      local routes = r.route {
        r.get("/admin/{any}/{id}", function(c, a, b) c:text("local" .. a .. b) end),
        r.include("/admin", inner),
      }
      assert.equal("x7", send(routes, "GET", "/admin/x/7").body)
      assert.equal("localxy", send(routes, "GET", "/admin/x/y").body)
    end)

    it("answers 405 for a path whose other method is in another table", function()
      local slurpy = r.route { r.get("/{rest*}", function(c, rest) c:text(tostring(#rest)) end) }
      local routes = r.route { r.post("/x", say "post"), r.include(slurpy) }
      assert.equal(405, send(routes, "DELETE", "/x").status)
      assert.equal("GET, HEAD, POST, OPTIONS", send(routes, "DELETE", "/x").header "Allow")
      assert.equal(405, send(routes, "POST", "/y").status)
    end)
  end)

  describe("body parsers and serializers", function()
    local function parser(tag)
      return {
        is_applicable = function(request) return request:header "content-type" == "x/y" end,
        parse = function(text) return tag .. ":" .. text end,
      }
    end

    local function body_of(routes, target)
      local given = { headers = { ["content-type"] = "x/y" }, body = "b" }
      return send(routes, "POST", target, given).body
    end

    local function echo(c) c:text(tostring(cro.await(c:body()))) end

    it("reach the routes of an included table, whose own come first and do not leak", function()
      local inner = r.route { r.post("/in", echo), r.body_parser(parser "inner") }
      local plain = r.route { r.post("/plain", echo) }
      local routes = r.route {
        r.post("/out", echo), r.include(inner), r.include(plain), r.body_parser(parser "outer"),
      }
      assert.equal("inner:b", body_of(routes, "/in"))
      assert.equal("outer:b", body_of(routes, "/plain"))
      assert.equal("outer:b", body_of(routes, "/out"))
      assert.equal("b", body_of(r.route { r.post("/out", echo) }, "/out"))
    end)

    it("may give a promise", function()
      local routes = r.route {
        r.post("/x", echo),
        r.body_parser {
          is_applicable = function() return true end,
          parse = function(text)
            return cro.start(function()
              cro.sleep(1)
              return "late " .. text
            end)
          end,
        },
      }
      assert.equal("late b", body_of(routes, "/x"))
    end)

    it("serialize what is no string", function()
      local routes = r.route {
        r.get("/x", function(c) c:content("text/csv", { 1, 2 }) end),
        r.get("/json", function(c) c:content("application/json", { a = 1 }) end),
        r.body_serializer {
          is_applicable = function(_, media_type) return media_type == "text/csv" end,
          serialize = function(value) return table.concat(value, ";") end,
        },
      }
      local answer = send(routes, "GET", "/x")
      assert.same({ "1;2", "text/csv; charset=utf-8" }, { answer.body, answer.content_type })
      assert.equal('{"a":1}', send(routes, "GET", "/json").body)
    end)
  end)

  describe("delegate", function()
    local app = r.route {
      r.get("/", function(c) c:text("root of " .. c.request.original_target) end),
      r.get("/item/{id}", function(c, id) c:text(id .. " " .. c.path .. " " .. tostring(c.query.q)) end),
      r.before(function(c) c:set_header("X-Inner", "yes") end),
    }
    local routes = r.route {
      r.delegate("/proxy/{path*}", app),
      r.delegate("/exact", app),
      r.get("/proxy/own", say "own"),
    }

    it("hands what lies beneath to the other application, without the prefix", function()
      local answer = send(routes, "GET", "/proxy/item/7%2F8?q=z")
      assert.equal("7/8 /item/7%2F8 z", answer.body)
      assert.equal("yes", answer.header "X-Inner")
    end)

    it("hands the path itself as the root, and keeps the original target", function()
      assert.equal("root of /proxy", send(routes, "GET", "/proxy").body)
      assert.equal("root of /exact?a=1", send(routes, "GET", "/exact?a=1").body)
      assert.equal(404, send(routes, "GET", "/exact/more").status)
    end)

    it("does not take what is routed more specifically", function()
      assert.equal("own", send(routes, "GET", "/proxy/own").body)
    end)

    it("leaves methods and refusals to the other application", function()
      assert.equal(405, send(routes, "POST", "/proxy/item/7").status)
      assert.equal(404, send(routes, "DELETE", "/proxy/none").status)
    end)

    it("gives back the target for what runs after", function()
      local seen
      local outer = r.route { r.delegate("/p/{path*}", app), r.after(function(c) seen = c.target end) }
      send(outer, "GET", "/p/item/1")
      assert.equal("/p/item/1", seen)
    end)

    it("lets a transform answer", function()
      local hello = cro.transform {
        name = "Hello", consumes = http.Request, produces = http.Response,
        transformer = function(_, requests)
          return requests:map(function(request)
            local response = http.Response { request = request, status = 200 }
            response:set_body("hello " .. request.target)
            return response
          end)
        end,
      }
      assert.equal("hello /b", send(r.route { r.delegate("/a/{rest*}", hello) }, "GET", "/a/b").body)
    end)
  end)
end)
