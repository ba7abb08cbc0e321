local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local program = require "spec.support.program"

local SERVER = [[
local cro, http, r = require "cro", require "cro.http", require "cro.http.router"
local App = cro.transform {
  name = "App", consumes = http.Request, produces = http.Response,
  transformer = function(_, requests)
    return requests:map(function(q) return http.Response { request = q, status = 200, body = "x" } end)
  end,
}
local service = http.server {
  host = "127.0.0.1", port = 0, label = arg[#arg] ~= "unnamed" and "Spec" or nil, http = arg[2] == "clear" and { "1.1", "2" } or nil,
  application = arg[1] == "composed" and App or r.route { r.get("/", function(c) c:text "x" end) },
  tls = arg[2] ~= "clear" and { certificate_file = arg[2], private_key_file = arg[3] } or nil,
}
cro.start(function()
  while not service:address() do cro.sleep(0.01) end
  print(select(2, service:address()))
  io.stdout:flush()
end)
cro.run(service)
]]

describe("CRO_TRACE of servers #loop", function()
  local folder

  before_each(function()
    folder = program.folder()
    program.write(folder .. "/server.lua", SERVER)
  end)
  after_each(function() program.remove(folder) end)

  --- What is written while curl asks once, without label and dumps.
  local function traced(scheme, option, ...)
    local words = { program.crolua(), folder .. "/server.lua", ... }
    words.env = { CRO_TRACE = "1", CRO_TRACE_MAX_BINARY_DUMP = "16" }
    local child = cro.process(words)
    local out = child:stdout():lines():channel()
    local errors = child:stderr():lines():list()
    local ended = child:start()
    clients.curl(option, ("%s://localhost:%s/"):format(scheme, out:receive()))
    child:kill "SIGTERM"
    cro.await(ended)
    local lines = {}
    for _, line in ipairs(cro.await(errors)) do
      lines[#lines + 1] = line:match "^%[TRACE%(Spec%)%] (.*)$" or line:match "^%[TRACE%((HTTP%(%d+%)%)%] .*)$"
    end
    return lines
  end

  local function identity()
    local made = certificates.issue()
    return made.certificate_file, made.private_key_file
  end

  --- Are these among the lines, in this order?
  local function has(lines, wanted)
    local at = 1
    for _, text in ipairs(wanted) do
      while lines[at] and lines[at]:sub(1, #text) ~= text do
        at = at + 1
      end
      if not lines[at] then error(("missing: %s in\n%s"):format(text, table.concat(lines, "\n")), 2) end
      at = at + 1
    end
  end

  it("shows what is encrypted, the handshake, the choice, frames and messages", function()
    local lines = traced("https", "--http2", "routes", identity())
    has(lines, {
      "tcp source EMIT TCP Message", "TLS Encrypt EMIT TCP Message",
      "TLS Handshake DONE TLSv1.3 TLS_AES_", "Connection SPEAKS HTTP/2",
      "HTTP/2 RECV HEADERS stream 1 flags END_STREAM, END_HEADERS",
      "HTTP/2 request EMIT HTTP Request", "Application EMIT HTTP Response", "HTTP/2 SEND HEADERS stream 1",
      "HTTP/2 SEND DATA stream 1 flags END_STREAM length 1", "TLS Encrypt EMIT TCP Message",
    })
    has(lines, { "Connection SPEAKS HTTP/2", "HTTP/2 SEND SETTINGS" }) -- before or after what comes
    has(lines, { "Connection SPEAKS HTTP/2", "TLS Decrypt EMIT TCP Message" })
  end)

  it("shows HTTP/1.1 likewise, each hop once", function()
    local lines = traced("https", "--http1.1", "routes", identity())
    has(lines, {
      "TLS Handshake DONE", "Connection SPEAKS HTTP/1.1", "TLS Decrypt EMIT TCP Message",
      "HTTP/1 request EMIT HTTP Request", "Application EMIT HTTP Response", "HTTP/1 response EMIT TCP Message",
      "TLS Encrypt EMIT TCP Message",
    })
    local answers = 0
    for _, line in ipairs(lines) do
      if line:find("Application EMIT", 1, true) then answers = answers + 1 end
    end
    assert.equal(1, answers)
  end)

  it("shows what the first bytes have told, in the clear", function()
    local chosen = { "tcp source EMIT TCP Message", "Connection SPEAKS HTTP/2", "HTTP/2 request EMIT HTTP Request" }
    has(traced("http", "--http2-prior-knowledge", "routes", "clear"), chosen)
    chosen = { "tcp source EMIT TCP Message", "Connection SPEAKS HTTP/1.1", "HTTP/1 request EMIT HTTP Request" }
    local lines = traced("http", "--http1.1", "routes", "clear")
    has(lines, chosen)
    for _, line in ipairs(lines) do
      assert.is_nil(line:find("preface", 1, true))
    end
  end)

  it("names a composed server by the port it has got", function()
    local certificate, key = identity()
    local lines = traced("https", "--http1.1", "composed", certificate, key, "unnamed")
    assert.matches("^HTTP%([1-9]%d*%)%)%] TLS Listener EMIT TCP Connection", lines[1])
    local label = lines[1]:match "^(HTTP%(%d+%)%)%] )"
    for _, line in ipairs(lines) do
      assert.equal(label, line:sub(1, #label))
    end
    assert.is_truthy(table.concat(lines, "\n"):find(label .. "Connection SPEAKS HTTP/1.1", 1, true))
  end)

  it("shows the frames of pipelines that are composed", function()
    has(traced("https", "--http2", "composed", identity()), {
      "TLS Listener EMIT TCP Connection", "TCP Connection EMIT TCP Message", "HTTP/2 RECV HEADERS stream 1",
      "http.request_parser EMIT HTTP Request", "App EMIT HTTP Response", "HTTP/2 SEND HEADERS stream 1",
      "http.response_serializer EMIT TCP Message",
    })
  end)
end)
