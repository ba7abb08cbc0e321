require("spec.support.fake_http").install()
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("building routes", function()
  local function handler(c) c:text "x" end
  local function one(c, id) c:text(id) end

  local function complains(fn, ...)
    local ok, err = pcall(fn)
    assert.is_false(ok, "no error was raised")
    err = tostring(err)
    for _, text in ipairs { ... } do
      assert.truthy(err:find(text, 1, true), err)
    end
    assert.truthy(err:find("^spec/http/router/build_spec.lua:%d+: "), "it names the script's line: " .. err)
  end

  it("refuses two routes that no request can tell apart, naming both places", function()
    local first = debug.getinfo(1, "l").currentline + 2
    complains(function() r.route {
      r.get("/a/{x}", one),
      r.get("/a/{y}", one),
    } end, "GET /a/{x} at", ("build_spec.lua:%d"):format(first), "GET /a/{y} at",
      ("build_spec.lua:%d"):format(first + 1))
  end)

  it("refuses a duplicate that an include brings", function()
    local inner = r.route { r.get("/x", handler) }
    complains(function() r.route { r.get("/admin/x", handler), r.include("/admin", inner) } end,
      "GET /admin/x at", "match the same requests")
  end)

  it("refuses a delegate and a route of the same path", function()
    complains(function() r.route { r.get("/p", handler), r.delegate("/p", r.route {}) } end, "match the same requests")
  end)

  it("accepts equal paths that differ by method, by type, or by a parameter", function()
    r.route {
      r.get("/a/{x}", one),
      r.put("/a/{x}", one),
      r.get("/a/{x:int}", one),
      r.get("/a/{x?}", one),
      r.get("/a/{x}", { query = { q = "string!" } }, one),
    }
  end)

  it("compares the handler's parameters with the template's", function()
    complains(function() r.get("/a/{x}/{y}", one) end,
      'the handler takes 1 path parameter, the template "/a/{x}/{y}" has 2; write function(c, x, y)')
    complains(function() r.get("/a", one) end, "takes 1 path parameter, the template \"/a\" has 0; write function(c)")
    complains(function() r.get("/a/{x}", handler) end, "takes 0 path parameters")
  end)

  it("accepts handlers of any number of arguments, and callable objects", function()
    r.get("/a/{x}/{y}", function(...) return ... end)
    r.get("/a", function() end)
    r.get("/a/{x}", setmetatable({}, { __call = function(_, c, x) c:text(x) end }))
    r.get("/a/{x}", print)
  end)

  it("says what is missing or of the wrong kind", function()
    complains(function() r.get("/a") end, "r.get: no handler")
    complains(function() r.get("/a", { query = {} }) end, "r.get: no handler")
    complains(function() r.get("/a", "x") end, "r.get: no handler")
    complains(function() r.get("/a", {}, 5) end, "r.get: argument 3: expected callable, got the number 5")
    complains(function() r.get(nil, handler) end, "r.get: argument 1: expected string, got nothing")
    complains(function() r.route(5) end, "r.route: argument 1: expected table")
    complains(function() r.route { "x" } end, 'r.route: entry 1: expected r.get(...)', 'got the string "x"')
    complains(function() r.route { r.route {} } end, "write r.include(routes)")
    complains(function() r.route { r.get("/", handler), nil, r.get("/b", handler) } end, "entry 2 is nil")
    complains(function() r.route { handlers = {} } end, 'unknown key the string "handlers"')
    complains(function() r.around(5) end, "r.around: argument 1: expected function")
    complains(function() r.before(5) end, "r.before: expected a function of the context or a transform")
    complains(function() r.body_parser { parse = print } end, 'r.body_parser: option "is_applicable" is required')
    complains(function() r.type("x", 5) end, "r.type: argument 2: expected callable")
  end)

  describe("specs", function()
    local rows = {
      { { querry = {} }, 'r.get: unknown option "querry"; did you mean "query"?' },
      { { query = { page = "itn" } }, 'unknown type "itn"; did you mean "int"?' },
      { { query = { page = "int?" } }, 'cannot read the type "int?"' },
      { { query = { page = "int=x" } }, 'the default "x" is no int' },
      { { query = { page = "int!=1" } }, "has a default and a mark" },
      { { query = { page = 5 } }, "expected a type name or a function, got the number 5" },
      { { query = { "int" } }, "expected names with types" },
      { { cookie = { c = "int[]" } }, "a cookie has one value" },
      { { max_body = "1 MB" }, 'like 65536 or "64K"' },
      { { timeout = 0 }, "expected seconds above 0" },
      { { timeout = "1s" }, 'option "timeout": expected number' },
      { { body = "json" }, 'media types like "application/json"' },
      { { body = { 5 } }, "got the number 5" },
    }
    for _, row in ipairs(rows) do
      it("refuses: " .. row[2], function() complains(function() r.get("/a", row[1], handler) end, row[2]) end)
    end
  end)

  describe("include", function()
    it("refuses routes that have before or after, and says what to do", function()
      local inner = r.route { r.before(function() end), r.get("/", handler) }
      complains(function() r.include("/x", inner) end, "r.before or r.after", "try r.delegate")
    end)

    it("refuses what are no routes, and prefixes that are none", function()
      local inner = r.route {}
      complains(function() r.include("/x", {}) end, "expected what r.route { ... } returns, got a table")
      complains(function() r.include("/x/{id}", inner) end, "has a parameter; a prefix is literal")
      complains(function() r.include("/x/", inner) end, 'ends in a slash; write "/x"')
      complains(function() r.include("x", inner) end, "must begin with a slash")
      complains(function() r.include("/x", inner, { nmae = "a" }) end, 'did you mean "name"?')
    end)
  end)

  describe("delegate", function()
    it("refuses parameters but a rest at the end", function()
      complains(function() r.delegate("/x/{id}", r.route {}) end, "may only end in {rest*}")
    end)

    it("refuses a transform of other types, naming both", function()
      local upper = cro.transform {
        name = "Upper", consumes = http.Response, produces = http.Response,
        transformer = function(_, responses) return responses end,
      }
      complains(function() r.delegate("/x", upper) end, "Upper consumes http.Response and produces http.Response",
        "must consume http.Request and produce http.Response")
      complains(function() r.delegate("/x", 5) end, "expected routes or a transform")
    end)
  end)

  it("refuses a transform of the wrong types as middleware", function()
    local answer = cro.transform {
      name = "Answer", consumes = http.Request, produces = http.Response,
      transformer = function(_, requests) return requests end,
    }
    complains(function() r.before(answer) end, "r.before: Answer consumes http.Request and produces http.Response")
    complains(function() r.after_matched(answer) end, "r.after_matched: Answer consumes")
  end)

  it("refuses a link name that stands twice", function()
    local home = { name = "home" }
    complains(function() r.route { r.get("/a", home, handler), r.get("/b", home, handler) } end,
      'the link name "home" stands at')
    local foo = r.route { r.get("/a", { name = "home" }, handler) }
    complains(function() r.route { r.include("/1", foo, { name = "foo" }), r.include("/2", foo, { name = "foo" }) } end,
      '"foo.home"')
  end)
end)
