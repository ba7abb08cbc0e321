local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local cro = require "cro"
local errors = require "cro.errors"
local http = require "cro.http"
local r = require "cro.http.router"

describe("cro.http.router.middleware", function()
  local log

  before_each(function() log = {} end)

  local function note(name)
    return function() log[#log + 1] = name end
  end

  local function wrap(name)
    return function(_, handler)
      log[#log + 1] = name .. "("
      handler()
      log[#log + 1] = ")" .. name
    end
  end

  local function handler(c)
    log[#log + 1] = "handler"
    c:text "done"
  end

  local function send(routes, method, target, server, given)
    local answer
    world.run(function() answer = fake.send(routes:application(server), method, target, given) end)
    return answer, table.concat(log, " ")
  end

  local function nested()
    local inner = r.route {
      r.after_matched(note "inner after"),
      r.around(wrap "i1"),
      r.get("/x", handler),
      r.around(wrap "i2"),
      r.before_matched(note "inner before"),
    }
    return r.route {
      r.after(note "after"),
      r.around(wrap "o"),
      r.include("/in", inner),
      r.get("/out", handler),
      r.before_matched(note "outer before"),
      r.after_matched(note "outer after"),
      r.before(note "before"),
    }
  end

  it("runs before, outer then inner before_matched, around, handler, after_matched, after", function()
    local answer, order = send(nested(), "GET", "/in/x")
    assert.equal(200, answer.status)
    assert.equal("before outer before inner before o( i1( i2( handler )i2 )i1 )o inner after outer after after", order)
  end)

  it("applies to all routes of its table, wherever it is written", function()
    local _, order = send(nested(), "GET", "/out")
    assert.equal("before outer before o( handler )o outer after after", order)
  end)

  it("shows unmatched requests to before and after only", function()
    local routes = r.route {
      r.before(note "before"),
      r.after(function(c) log[#log + 1] = "after " .. c.response.status end),
      r.before_matched(note "never"),
      r.get("/x", handler),
    }
    local answer, order = send(routes, "GET", "/none")
    assert.same({ 404, "before after 404" }, { answer.status, order })
    log = {}
    assert.same({ 405, "before after 405" }, { send(routes, "POST", "/x").status, table.concat(log, " ") })
  end)

  it("lets a before that sets a status answer, and skips the afters written before it", function()
    local routes = r.route {
      r.after(note "early after"),
      r.before(note "first"),
      r.before(function(c) c:status(403, "text/plain", "no") end),
      r.before(note "never"),
      r.after(note "late after"),
      r.get("/x", handler),
    }
    local answer, order = send(routes, "GET", "/x")
    assert.same({ 403, "no", "first late after" }, { answer.status, answer.body, order })
  end)

  it("does the same for before_matched, inside of the outer table's", function()
    local inner = r.route {
      r.after_matched(note "skipped"),
      r.before_matched(function(c) c:forbidden() end),
      r.after_matched(note "inner after"),
      r.get("/x", handler),
    }
    local routes = r.route { r.include("/in", inner), r.after_matched(note "outer after") }
    local answer, order = send(routes, "GET", "/in/x")
    assert.same({ 403, "inner after outer after" }, { answer.status, order })
  end)

  it("gives path parameters to handlers through every layer", function()
    local routes = r.route {
      r.before_matched(note "b"),
      r.around(function(_, run) return run() end),
      r.after_matched(note "a"),
      r.get("/{x}/{y:int}/{z=last}", function(c, x, y, z) c:text(x .. (y + 1) .. z) end),
    }
    assert.equal("p8last", send(routes, "GET", "/p/7").body)
    assert.equal("p8end", send(routes, "GET", "/p/7/end").body)
  end)

  it("lets around skip the handler, or catch what it raises", function()
    local routes = r.route {
      r.around(function(c, run)
        if c.path == "/skip" then return c:no_content() end
        local ok = pcall(run)
        if not ok then c:server_error("text/plain", "caught") end
      end),
      r.get("/skip", handler),
      r.get("/raise", function() error "oops" end),
    }
    assert.equal(204, send(routes, "GET", "/skip").status)
    assert.equal("caught", send(routes, "GET", "/raise").body)
    assert.same({}, log)
  end)

  describe("with CRO_DEV=1", function()
    local middleware = require "cro.http.router.middleware"
    local getenv = middleware.getenv

    before_each(function() middleware.getenv = function(name) return name == "CRO_DEV" and "1" or getenv(name) end end)
    after_each(function() middleware.getenv = getenv end)

    it("answers with the error and its traceback, still reported once", function()
      local function raises() error "oops" end
      for _, routes in ipairs {
        r.route { r.get("/{x}", function(c, x) return raises(c, x) end) },
        r.route { r.after(note "after"), r.get("/{x}", function(c, x) return raises(c, x) end) },
        r.route { r.before(raises), r.after(note "after"), r.get("/{x}", function(_, x) return x end) },
      } do
        local before = #fake.reports
        local answer = send(routes, "GET", "/x")
        assert.equal(500, answer.status)
        assert.matches("^[^\n]*middleware_spec.lua:%d+: oops\nstack traceback:\n", answer.body)
        assert.equal(before + 1, #fake.reports)
      end
    end)

    it("changes no other answer", function()
      local routes = r.route {
        r.get("/fine", handler),
        r.get("/refused", function() error(errors.new("mine", "no", { status = 409 })) end),
      }
      assert.equal("done", send(routes, "GET", "/fine").body)
      local answer = send(routes, "GET", "/refused")
      assert.equal(409, answer.status)
      assert.is_nil(answer.body:find("traceback", 1, true))
    end)
  end)

  it("says nothing of an error to whoever asks", function()
    local routes = r.route { r.get("/", function() error "oops" end) }
    local answer = send(routes, "GET", "/")
    assert.equal(500, answer.status)
    assert.is_nil(answer.body:find("oops", 1, true))
  end)

  it("shows a handler's error as 500 to what runs after it, and reports it once", function()
    fake.reports = {}
    local seen
    local routes = r.route {
      r.after_matched(function(c) seen = c.response.status end),
      r.get("/x", function() error "broken" end),
    }
    assert.equal(500, send(routes, "GET", "/x").status)
    assert.equal(500, seen)
    assert.equal(1, #fake.reports)
    assert.truthy(tostring(fake.reports[1]):find "broken")
  end)

  it("goes on with the later afters when one raises", function()
    local routes = r.route {
      r.after(function() error "after broke" end),
      r.after(function(c) log[#log + 1] = c.response.status end),
      r.get("/x", handler),
    }
    assert.same({ 500, "handler 500" }, { send(routes, "GET", "/x").status, table.concat(log, " ") })
  end)

  it("answers with the status that a refusal carries, unreported", function()
    fake.reports = {}
    local routes = r.route {
      r.after(note "after"),
      r.get("/x", function() error(errors.new("http", "bad", { status = 422 }), 0) end),
    }
    assert.equal(422, send(routes, "GET", "/x").status)
    assert.same({}, fake.reports)
  end)

  it("settles the status before anything runs after the handler", function()
    local seen = {}
    local routes = r.route {
      r.after(function(c) seen[#seen + 1] = c.response.status end),
      r.get("/nothing", function() end),
      r.get("/body", function(c) c.response:set_body "x" end),
    }
    send(routes, "GET", "/nothing")
    send(routes, "GET", "/body")
    assert.same({ 204, 200 }, seen)
  end)

  it("may wait", function()
    local routes = r.route {
      r.before(function() cro.sleep(1) end),
      r.after_matched(function() cro.sleep(1) end),
      r.get("/x", handler),
    }
    assert.equal(200, send(routes, "GET", "/x").status)
  end)

  it("puts the server's own round everything", function()
    local stage = require "cro.http.router.stage"
    local stages = stage.list("t", "before", note "server before")
    stages[2] = stage.list("t", "after", note "server after")[1]
    local routes = r.route { r.before(note "before"), r.get("/x", handler), r.after(note "after") }
    local _, order = send(routes, "GET", "/x", { stages = stages })
    assert.equal("server before before handler after server after", order)
  end)

  describe("as transforms", function()
    local function requests(fn)
      return cro.transform {
        name = "requests", consumes = http.Request, produces = http.Request,
        transformer = function(_, supply) return supply:map(fn) end,
      }
    end

    local function responses(fn)
      return cro.transform {
        name = "responses", consumes = http.Response, produces = http.Response,
        transformer = function(_, supply) return supply:map(fn) end,
      }
    end

    it("passes the request on, and answers when a response comes out", function()
      local routes = r.route {
        r.before(requests(function(request)
          if request.path ~= "/stop" then return request end
          return http.Response { request = request, status = 401, body = "who?" }
        end)),
        r.get("/x", handler),
      }
      assert.same({ 200, 401 }, { send(routes, "GET", "/x").status, send(routes, "GET", "/stop").status })
    end)

    it("sends what comes out of a transform of responses", function()
      local routes = r.route {
        r.after(responses(function(response)
          response:set_header("X-Seen", "yes")
          return response
        end)),
        r.after_matched(responses(function(response)
          local other = http.Response { status = 202, content_type = "text/plain", body = "other" }
          other:set_header("X-Was", tostring(response.status))
          return other
        end)),
        r.get("/x", handler),
      }
      local answer = send(routes, "GET", "/x")
      assert.same({ 202, "other", "200", "yes" },
        { answer.status, answer.body, answer.header "X-Was", answer.header "X-Seen" })
    end)

    it("fails the request when something else comes out, naming the transform", function()
      fake.reports = {}
      local routes = r.route {
        r.after(responses(function() return "text" end)),
        r.after_matched(function() end),
        r.get("/x", handler),
      }
      assert.equal(500, send(routes, "GET", "/x").status)
      assert.truthy(tostring(fake.reports[1]):find("r.after: responses must emit a response", 1, true))
    end)
  end)
end)
