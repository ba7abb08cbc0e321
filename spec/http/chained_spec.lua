local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local wire = require "spec.support.wire"

describe("routes in a composed pipeline #loop", function()
  local service, seen

  before_each(function() seen = {} end)

  after_each(function()
    if service and service:address() then cro.await(service:stop { now = true }) end
    service = nil
  end)

  local function ask(...) return wire.ask(service, ...) end

  it("gives bytes to transforms before they are parsed and after they are written", function()
    local function counting(name)
      return cro.map(cro.tcp.Message, cro.tcp.Message, function(m)
        seen[#seen + 1] = name
        return cro.tcp.Message { data = m.data:gsub("hidden", "/shown") }
      end)
    end
    service = http.server {
      host = "127.0.0.1",
      port = 0,
      application = r.route { r.get("/shown", function(c) c:text(c.path) end) },
      before_parse = counting "in",
      after_serialize = { counting "out" },
    }
    service:start()
    assert.equal("/shown", ask("GET", "hidden").body)
    assert.equal("in", seen[1])
    assert.equal("out", seen[#seen])
  end)

  it("says what an application emitted instead of a response, and serves on", function()
    local emitted = { "hello", {} }
    service = http.server {
      host = "127.0.0.1",
      port = 0,
      label = "mine",
      application = cro.map(http.Request, http.Response, function(request)
        local number = tonumber(request.path:sub(2))
        if number == 3 then return request end
        return number and emitted[number] or http.Response { request = request, status = 204 }
      end),
    }
    service:start()
    local reports = {}
    cro.on_error(function(err, _, context) reports[#reports + 1] = context.label .. ": " .. tostring(err) end)
    for number = 1, 3 do
      assert.is_false((pcall(ask, "GET", "/" .. number)))
    end
    cro.on_error(nil)
    local text = "mine: http.response_serializer takes messages of type http.Response, but the part before it emitted "
    assert.same({ text .. 'the string "hello"', text .. "a table", text .. "a userdata" },
      reports)
    assert.equal(204, ask("GET", "/fine").status)
  end)

  it("works without a connection, on bytes from anywhere", function()
    local whole = cro.compose {
      http.request_parser(), r.route { r.get("/{n:int}", function(c, n) c:text("got " .. n) end) },
      cro.map(http.Response, http.Response, function(response) return response end), http.response_serializer(),
    }
    local bytes, out, ended = cro.Supplier.new(), {}, cro.Promise.new()
    whole:transformer(bytes:supply()):tap {
      value = function(message) out[#out + 1] = message.data end, done = function() ended:keep "done" end,
    }
    for n = 1, 3 do
      bytes:emit(cro.tcp.Message { data = ("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"):format(n) })
    end
    bytes:done()
    assert.equal("done", cro.await(ended))
    local got = {}
    for body in table.concat(out):gmatch "\r\n\r\n(got %d)" do
      got[#got + 1] = body
    end
    assert.same({ "got 1", "got 2", "got 3" }, got)
  end)

  it("says what is wrong with an answer that nobody waits for", function()
    service = http.server {
      host = "127.0.0.1", port = 0,
      application = cro.map(http.Request, http.Response, function() return http.Response { status = 200 } end),
    }
    service:start()
    local reports = {}
    cro.on_error(function(err) reports[#reports + 1] = tostring(err) end)
    assert.is_false((pcall(ask, "GET", "/")))
    cro.on_error(nil)
    assert.equal(1, #reports)
    assert.matches("^http.response_serializer: this response answers no request that waits for one", reports[1])
  end)

  it("has one parser and one serializer", function()
    local App = cro.map(http.Request, http.Response, function(request) return request.response end)
    local first = cro.compose { http.request_parser(), App, http.response_serializer() }
    local ok, err = pcall(cro.compose, { cro.tcp.listener { port = 0 }, first, http.request_parser(), App,
      http.response_serializer() })
    assert.is_false(ok)
    assert.equal("OnlyOne", err.code)
    assert.matches("Cannot compose a pipeline with more than one http.request_parser", tostring(err))
  end)

  it("streams through a transform of answers", function()
    service = http.server {
      host = "127.0.0.1", port = 0,
      application = cro.compose {
        r.route { r.get("/", function(c) c:stream("text/plain", cro.Supply.from_list { "a", "b", "c" }) end) },
        cro.map(http.Response, http.Response, function(response) return response end),
      },
    }
    service:start()
    assert.equal("abc", ask("GET", "/").body)
  end)

  it("keeps what is said last, when only what comes out is transformed", function()
    local Late = cro.map(cro.tcp.Message, cro.tcp.Message, function(message)
      cro.sleep(0.01)
      return message
    end)
    service = http.server {
      host = "127.0.0.1", port = 0, after_serialize = Late,
      application = r.route { r.get("/", function(c) cro.sleep(0.01); c:text "last" end) },
    }
    service:start()
    assert.equal("last", ask("GET", "/").body)
  end)

  it("serves routes in a pipeline composed by hand", function()
    service = cro.compose {
      cro.tcp.listener { host = "127.0.0.1", port = 0 },
      http.request_parser(),
      r.route { r.get("/x/{n:int}", { name = "x" }, function(c, n) c:text(c:link("x", { n = n + 1 })) end) },
      http.response_serializer(),
    }
    service:start()
    assert.equal("/x/8", ask("GET", "/x/7").body)
    assert.equal(404, ask("GET", "/y").status)
  end)
end)
