local cro = require "cro"
local http = require "cro.http"
local program = require "spec.support.program"
local r = require "cro.http.router"

describe("HTTP over a unix socket #loop", function()
  local folder, path

  before_each(function()
    folder = program.folder()
    path = folder .. "/app.sock"
  end)
  after_each(function() program.remove(folder) end)

  --- What curl says, run beside this loop.
  local function curl(arguments)
    local out = folder .. "/out"
    os.execute(("(curl -s --max-time 5 --unix-socket %s %s >%s.part 2>&1; mv %s.part %s) &"):format(
      path, arguments, out, out, out))
    for _ = 1, 5000 do
      local file = io.open(out)
      if file then
        file:close()
        local text = program.read(out)
        os.remove(out)
        return text
      end
      cro.sleep(0.001)
    end
    error "curl has not ended"
  end

  local function application()
    return r.route {
      r.get("/", function(c) c:text("from " .. c.peer) end),
      r.post("/echo", function(c) c:text(cro.await(c:body_text())) end),
    }
  end

  local function serves(service)
    service:start()
    assert.same({ path }, { service:address() })
    assert.equal("from unix:", curl "http://localhost/")
    assert.equal(("x"):rep(100000), (function()
      program.write(folder .. "/body", ("x"):rep(100000))
      return curl("-H 'Content-Type: text/plain' --data-binary @" .. folder .. "/body http://localhost/echo")
    end)())
    assert.equal("from unix:from unix:", curl "http://localhost/ http://localhost/")
    cro.await(service:stop())
    assert.is_nil(io.open(path))
  end

  it("serves routes", function() serves(http.server { path = path, application = application() }) end)

  it("serves routes behind transforms of bytes", function()
    local Same = cro.map(cro.tcp.Message, cro.tcp.Message, function(message) return message end)
    serves(http.server { path = path, application = application(), before_parse = { Same } })
  end)

  it("serves a pipeline made by hand", function()
    local App = cro.transform {
      name = "App",
      consumes = http.Request,
      produces = http.Response,
      transformer = function(_, requests)
        return cro.supply(function()
          cro.whenever(requests, function(request)
            local response = http.Response { request = request, status = 200 }
            response:append_header("Content-type", "text/plain")
            response:set_body("by hand: " .. request.target .. "\n")
            cro.emit(response)
          end)
        end)
      end,
    }
    local service = cro.compose {
      cro.unix.listener { path = path }, http.request_parser(), App, http.response_serializer(),
    }
    service:start()
    assert.equal("by hand: /a\nby hand: /b\n", curl "http://localhost/a http://localhost/b")
    cro.await(service:stop())
  end)

  it("says at the caller's line why it cannot listen", function()
    local app = application()
    local service = http.server { path = path, application = app, mode = tonumber("600", 8) }
    service:start()
    local cases = {
      { { path = path }, "address_in_use", "stop the process that listens there, or replace what one left behind: unlink = true" },
      { { path = path, unlink = true }, "address_in_use", "; stop the process that listens there" },
      { { path = folder, unlink = true }, "exists", "what is there is no socket and is left alone" },
      { { path = folder .. "/no/x" }, "not_found", "make the directory of the socket first" },
      { { path = ("/tmp"):rep(40) }, "too_long", "a path of a socket has at most 107 bytes" },
    }
    for _, case in ipairs(cases) do
      case[1].application = app
      local ok, err = pcall(function() http.server(case[1]):start() end)
      assert.is_false(ok)
      assert.equal(case[2], err.kind)
      assert.truthy(tostring(err):find(case[3], 1, true), tostring(err))
    end
    cro.await(service:stop())
  end)

  it("listens in one place", function()
    for _, given in ipairs { { path = path, port = 80 }, { path = path, fd = 5 } } do
      given.application = application()
      local ok, err = pcall(http.server, given)
      assert.is_false(ok)
      assert.truthy(tostring(err):find('option "path" goes without "port" and "fd"', 1, true))
    end
    local ok, err = pcall(http.server, { path = "", application = application() })
    assert.is_false(ok)
    assert.truthy(tostring(err):find("expected the path of a socket", 1, true))
  end)
end)
