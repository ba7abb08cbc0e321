--- What spec/conformance/h2_rules.py plays frames to: four servers, in the clear and over
--- TLS, whose requests wait for ever or are answered once their body has come. Prints
--- their ports in that order, and ends with its standard input.
---
---     crolua spec/conformance/h2_server.lua FOLDER     (of server-crt.pem, server-key.pem)
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local folder = arg[1]

local function wait() cro.sleep(3600) end

local waiting = r.route { r.get("/", wait), r.post("/", wait) }
local answering = r.route {
  r.get("/", function(c) c:text "ok" end),
  r.post("/", function(c) c:text(tostring(#cro.await(c:body_blob()))) end),
}

local ports = {}
for _, tls in ipairs { false, true } do
  for _, application in ipairs { waiting, answering } do
    local service = http.server {
      host = "127.0.0.1",
      port = 0,
      application = application,
      http = { "1.1", "2" },
      tls = tls and {
        certificate_file = folder .. "/server-crt.pem",
        private_key_file = folder .. "/server-key.pem",
      } or nil,
      timeouts = { drain = 0 },
    }
    service:start()
    ports[#ports + 1] = select(2, service:address())
  end
end
print(table.concat(ports, " "))
io.stdout:flush()
cro.react(function()
  cro.whenever(cro.stdin, function() end)
end)
os.exit(0)
