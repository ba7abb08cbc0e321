local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

describe("http.server over sockets #loop", function()
  local service, seen

  local function start(application, options)
    options = options or {}
    options.host, options.port, options.application = "127.0.0.1", 0, application
    service = http.server(options)
    service:start()
    return service
  end

  before_each(function() seen = {} end)

  after_each(function()
    if service and service:address() then cro.await(service:stop { now = true }) end
    service = nil
  end)

  --- The body of an `it`, in virtual time: what sleeps costs nothing.
  local function timed(fn)
    return function() cro.test.clock(fn) end
  end

  local function ask(...) return wire.ask(service, ...) end

  it("takes the host of an absolute target for the request's, whatever Host says", function()
    start(r.route { r.get("/who", function(c) c:text(c.request.authority .. " " .. c.request:header "host") end) })
    assert.equal("other:81 other:81", ask("GET", "http://other:81/who").body)
    assert.equal("localhost localhost", ask("GET", "/who").body)
  end)

  it("tells OPTIONS * every method that some route has", function()
    start(r.route { r.get("/a", function() end), r.post("/b", function() end), r.http("PURGE", "/c", function() end) })
    local answer = ask("OPTIONS", "*")
    assert.same({ 204, "GET, HEAD, POST, OPTIONS, PURGE" }, { answer.status, answer.headers.allow })
  end)

  describe("with routes", function()
    before_each(function()
      r.type("low", function(text) return text:match "^%l+$" and text:upper() or nil end)
      start(r.route {
        r.get("/", function(c) c:text "root" end),
        r.get("/item/{id:int}/{page:int=1}", { name = "item" }, function(c, id, page)
          c:json { id = id, page = page, named = c.params.id, link = c:link("item", { id = 9 }), of = c.route.template }
        end),
        r.get("/low/{word:low}", function(c, word) c:text(word .. c.params.word) end),
        r.put("/low/{any}", function(c, any) c:text(any) end),
        r.get("/tree/{path*}", function(c, path) c:text(table.concat(path, "|")) end),
        r.get("/q", { query = { n = "int!", tags = "string[]" } }, function(c)
          c:text(c.query.n + 1 .. " " .. table.concat(c.query.tags, "+"))
        end),
        r.get("/multi", function(c) c:text(tostring(c.query.a)) end),
        r.post("/body", function(c)
          local value = cro.await(c:body())
          c:text(type(value) == "table" and value.a or value)
        end),
        r.post("/small", { max_body = 4 }, function(c) c:text(cro.await(c:body_text())) end),
        r.post("/count", function(c)
          local bytes = 0
          cro.react(function()
            cro.whenever(c:body_stream(), function(chunk) bytes = bytes + #chunk end)
          end)
          c:text(tostring(bytes))
        end),
        r.get("/cookie", function(c)
          c:set_cookie("a", "b", { max_age = 60 })
          c:text(c.cookies.seen)
        end),
        r.get("/raise", function() error "raised on purpose" end),
        r.get("/table", function(c) c:content("application/json", { 1 }) end),
        r.delegate("/sub/{rest*}", r.route {
          r.get("/x", function(c) c:text(c.path .. c.request.original_target) end),
        }),
      })
    end)

    local rows = {
      { "GET", "/", 200, "root" },
      { "HEAD", "/", 200, "" },
      { "GET", "/none", 404, "Not Found" },
      { "POST", "/", 405, allow = "GET, HEAD, OPTIONS" },
      { "OPTIONS", "/", 204, "", allow = "GET, HEAD, OPTIONS" },
      { "GET", "/item/x", 404 },
      { "GET", "/low/abc", 200, "ABCABC" },
      { "GET", "/low/ABC", 405, allow = "PUT, OPTIONS" },
      { "OPTIONS", "/low/ABC", 204, allow = "PUT, OPTIONS" },
      { "DELETE", "/low/abc", 405, allow = "GET, HEAD, PUT, OPTIONS" },
      { "GET", "/tree/a%2Fb/c", 200, "a/b|c" },
      { "GET", "/tree", 200, "" },
      { "GET", "/tree/%zz", 400 },
      { "GET", "/q", 400 },
      { "GET", "/q?n=x", 400 },
      { "GET", "/q?n=1&tags=a&tags=b", 200, "2 a+b" },
      { "GET", "/multi?a=1&a=2", 200, "1,2" },
      { "GET", "/multi?a=%", 400 },
      { "POST", "/body", 200, "json", sent = '{"a":"json"}', type = "application/json" },
      { "POST", "/body", 400, sent = "{", type = "application/json" },
      { "POST", "/body", 400, sent = ("["):rep(200) .. ("]"):rep(200), type = "application/json" },
      { "POST", "/body", 415, sent = "x", type = "text/plain; charset=klingon" },
      { "POST", "/body", 415, sent = "x", type = "nonsense" },
      { "POST", "/body", 200, "caf\195\169", sent = "caf\233", type = "text/plain" },
      { "POST", "/small", 200, "1234", sent = "1234" },
      { "POST", "/small", 413, sent = "12345" },
      { "POST", "/count", 200, "2000000", sent = ("x"):rep(2000000) },
      { "GET", "/table", 200, "[1]" },
      { "GET", "/sub/x", 200, "/x/sub/x" },
      { "GET", "/sub/y", 404 },
    }
    for _, row in ipairs(rows) do
      local shown = row.sent and " " .. row.sent:sub(1, 12) or ""
      it(("answers %d to %s %s%s"):format(row[3], row[1], row[2], shown), function()
        local answer = ask(row[1], row[2], row.type and { ["Content-Type"] = row.type }, row.sent)
        assert.equal(row[3], answer.status)
        if row[4] then assert.equal(row[4], answer.body) end
        if row.allow then assert.equal(row.allow, answer.headers.allow) end
      end)
    end

    it("tells a handler what was matched, by position and by name", function()
      local value = cro.json.decode(ask("GET", "/item/7").body)
      assert.same({ id = 7, page = 1, named = 7, link = "/item/9", of = "/item/{id:int}/{page:int=1}" }, value)
    end)

    it("reads and sets cookies", function()
      local answer = ask("GET", "/cookie", { Cookie = "seen=b=c" })
      assert.equal("b=c", answer.body)
      local cookie = answer.headers["set-cookie"]
      for _, part in ipairs { "a=b", "Max-Age=60", "Path=/", "HttpOnly", "SameSite=Lax" } do
        assert.truthy(cookie:find(part, 1, true), cookie)
      end
    end)

    it("answers 500 to a handler that raises, reports it once, and goes on", function()
      local reports = {}
      local whose, where
      cro.on_error(function(err, traceback, context)
        reports[#reports + 1] = tostring(err)
        whose, where = context.what, traceback
      end)
      local answer = ask("GET", "/raise?token=secret")
      cro.on_error(nil)
      assert.equal("error in the handler of GET /raise", whose)
      assert.matches("serving_spec.lua:%d+", where)
      assert.same({ 500, "Internal Server Error" }, { answer.status, answer.body })
      assert.equal(1, #reports)
      assert.truthy(reports[1]:find "raised on purpose")
      assert.equal(200, ask("GET", "/").status)
    end)
  end)

  describe("middleware", function()
    it("runs round routes of the core, a stage that answers included", function()
      start(r.route {
        r.before(function(c) if c.path == "/stop" then c:forbidden() end end),
        r.after(function(c) c:set_header("X-Status", tostring(c.response.status)) end),
        r.around(function(c, run)
          run()
          c:append_header("X-Around", "1")
        end),
        r.get("/x/{a}", function(c, a) c:text(a) end),
        r.get("/nothing", function() cro.sleep(0.01) end),
      }, { before = function(c) c:set_header("X-Server", "1") end })
      local answer = ask("GET", "/x/y")
      assert.same({ 200, "y", "200", "1", "1" }, { answer.status, answer.body, answer.headers["x-status"],
        answer.headers["x-around"], answer.headers["x-server"] })
      assert.same({ 403, "403" }, { ask("GET", "/stop").status, ask("GET", "/stop").headers["x-status"] })
      assert.equal("404", ask("GET", "/none").headers["x-status"])
      assert.equal("204", ask("GET", "/nothing").headers["x-status"])
    end)
  end)

  describe("streams", function()
    local function ticking()
      return cro.supply(function()
        cro.closing(function() seen[#seen + 1] = "closed" end)
        cro.whenever(cro.Supply.interval(0.01), function(n) cro.emit(n .. " ") end)
      end)
    end

    before_each(function()
      start(r.route {
        r.get("/three", function(c) c:stream("text/plain", cro.Supply.from_list { "a", "b", "c" }) end),
        r.get("/ticks", function(c) c:stream("text/plain", ticking()) end),
        r.get("/events", function(c) c:sse(cro.Supply.from_list { "one", { event = "two", data = "2" } }) end),
        r.get("/large", function(c)
          c:stream("application/octet-stream", cro.supply(function()
            for _ = 1, 64 do
              cro.emit(("x"):rep(65536))
            end
          end))
        end),
        r.after(function(c) c:set_header("X-After", "1") end),
      })
    end)

    it("send what the supply emits, after the middleware", function()
      local answer = ask("GET", "/three")
      assert.same({ 200, "abc", "1", "chunked" },
        { answer.status, answer.body, answer.headers["x-after"], answer.headers["transfer-encoding"] })
    end)

    it("of events are text/event-stream", function()
      local answer = ask("GET", "/events")
      assert.equal("data: one\n\nevent: two\ndata: 2\n\n", answer.body)
      assert.truthy(answer.headers["content-type"]:find("text/event-stream", 1, true))
    end)

    it("larger than any buffer arrive whole", function()
      assert.equal(64 * 65536, #ask("GET", "/large").body)
    end)

    it("close their supply when the peer has gone", timed(function()
      local _, port = service:address()
      local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
      cro.await(conn:write(wire.request("GET", "/ticks")))
      cro.await(conn:supply():head(1))
      conn:close()
      for _ = 1, 250 do -- a close may take 2 s to reach a peer that keeps sending
        if #seen > 0 then break end
        cro.sleep(0.02)
      end
      assert.same({ "closed" }, seen)
    end))
  end)

  describe("starting and stopping", function()
    local app = r.route {
      r.get("/slow", function(c)
        cro.sleep(0.2)
        c:text "slow"
      end),
    }

    it("says who holds the port, at the line that started it", function()
      start(app)
      local _, port = service:address()
      local second = http.server { host = "127.0.0.1", port = port, application = app }
      local ok, err = pcall(second.start, second)
      assert.is_false(ok)
      local expected = ("address already in use: 127.0.0.1:%d; choose another port"):format(port)
      assert.truthy(tostring(err):find(expected, 1, true), tostring(err))
    end)

    it("lets a running request come to its end", timed(function()
      start(app)
      local asked = cro.start(function() return ask("GET", "/slow") end)
      cro.sleep(0.05)
      local stopped = service:stop()
      assert.equal("slow", cro.await(asked).body)
      assert.is_true(cro.await(stopped))
      assert.is_nil(service:address())
    end))

    it("ends at once when told so", timed(function()
      start(app)
      local began = cro.now()
      local asked = cro.start(function() return pcall(ask, "GET", "/slow") end)
      cro.sleep(0.05)
      assert.is_false(cro.await(service:stop { now = true }))
      assert.is_false(cro.await(asked))
      assert.is_true(cro.now() - began < 0.2)
    end))
  end)

  describe("with a transform as application", function()
    local Echo = cro.transform {
      name = "Echo", consumes = http.Request, produces = http.Response,
      transformer = function(_, requests)
        return requests:map(function(request)
          return http.Response {
            request = request, status = 200, content_type = "text/plain",
            body = request.method .. " " .. cro.await(request:body_text()),
          }
        end)
      end,
    }

    it("answers by it", function()
      start(Echo)
      assert.equal("POST hello", ask("POST", "/", nil, "hello").body)
    end)

    it("puts middleware round it", function()
      start(Echo, {
        before = function(c) if c.path == "/stop" then c:status(403, "text/plain", "no") end end,
        after = function(c) c:set_header("X-Status", tostring(c.response.status)) end,
      })
      local answer = ask("GET", "/")
      assert.same({ "GET ", "200" }, { answer.body, answer.headers["x-status"] })
      answer = ask("GET", "/stop")
      assert.same({ 403, "no", "403" }, { answer.status, answer.body, answer.headers["x-status"] })
    end)
  end)
end)
