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
