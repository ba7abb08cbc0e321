--- What the suites of this folder talk to, in the clear and over TLS. Prints a line of
--- where it listens, and ends with its standard input.
---
---     crolua spec/conformance/h2_server.lua FOLDER          ports: requests wait for ever, or are
---                                                           answered once their body has come
---     crolua spec/conformance/h2_server.lua FOLDER dialogs  application:clear|tls:port of several
---
--- FOLDER has server-crt.pem and server-key.pem.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local folder, dialogs = arg[1], arg[2] == "dialogs"

local function wait() cro.sleep(3600) end
local function short(c) c:text "Hello, World" end
local function echo(c) c:text(cro.await(c:body_blob())) end

--- Bytes that come later than the client's next frames.
local function late(c)
  cro.sleep(0.2)
  c:text "Hello, World"
end

--- In pieces, the first before the request's body is looked at.
local function piecewise(c)
  c:stream("text/plain", cro.supply(function()
    cro.emit "Hello,"
    cro.emit " World"
  end))
end

local applications = {
  waiting = r.route { r.get("/", wait), r.post("/", wait) },
  answering = r.route {
    r.get("/", function(c) c:text "ok" end),
    r.post("/", function(c) c:text(tostring(#cro.await(c:body_blob()))) end),
  },
  echoing = r.route { r.get("/", short), r.post("/", echo) },
  refusing = r.route { r.get("/", short) }, -- POST is answered 405 before its body has come
  late = r.route { r.get("/", late), r.post("/", late) },
  piecewise = r.route { r.get("/", piecewise), r.post("/", piecewise) },
}

--- A pipeline composed by hand, whose application is a transform.
local by_hand = cro.transform {
  name = "ByHand",
  consumes = http.Request,
  produces = http.Response,
  transformer = function(_, requests)
    return cro.supply(function()
      cro.whenever(requests, function(request)
        cro.emit(http.Response { request = request, status = 200, content_type = "text/plain", body = "Hello, World" })
      end)
    end)
  end,
}

local function port_by_hand(tls)
  local options = { host = "127.0.0.1", port = 0 }
  if tls then
    options.certificate_file = folder .. "/server-crt.pem"
    options.private_key_file = folder .. "/server-key.pem"
    options.alpn = { "h2", "http/1.1" }
  end
  local service = cro.compose {
    tls and cro.tls.listener(options) or cro.tcp.listener(options),
    http.request_parser { http = not tls and "2" or nil },
    by_hand,
    http.response_serializer(),
  }
  service:start()
  return (select(2, service:address()))
end

local function port_of(application, tls, versions)
  local service = http.server {
    host = "127.0.0.1",
    port = 0,
    application = application,
    http = versions,
    tls = tls and {
      certificate_file = folder .. "/server-crt.pem",
      private_key_file = folder .. "/server-key.pem",
    } or nil,
    timeouts = { drain = 0 },
  }
  service:start()
  return (select(2, service:address()))
end

local both = { "1.1", "2" }
local places = {}
for _, tls in ipairs { false, true } do
  if dialogs then
    for _, name in ipairs { "echoing", "refusing", "late", "piecewise" } do
      local port = port_of(applications[name], tls, name == "late" and "2" or both)
      places[#places + 1] = name .. (tls and ":tls:" or ":clear:") .. port
    end
    places[#places + 1] = "by_hand" .. (tls and ":tls:" or ":clear:") .. port_by_hand(tls)
  else
    places[#places + 1] = port_of(applications.waiting, tls, both)
    places[#places + 1] = port_of(applications.answering, tls, both)
  end
end
print(table.concat(places, " "))
io.stdout:flush()
cro.react(function()
  cro.whenever(cro.stdin, function() end)
end)
os.exit(0)
