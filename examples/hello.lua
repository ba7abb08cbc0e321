--- What `make run` serves: a few routes, and a stream of ticks.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local host = os.getenv "HOST" or "127.0.0.1"
local port = tonumber(os.getenv "PORT" or 8080)

local app = r.route {
  r.get("/", function(c) c:text "Hello from Cro\n" end),
  r.get("/hello/{name}", function(c, name) c:text(("Hello, %s\n"):format(name)) end),
  r.get("/add/{a:int}/{b:int}", function(c, a, b) c:json { sum = a + b } end),
  r.post("/echo", function(c) c:json(cro.await(c:body())) end),
  r.get("/ticks", function(c) c:sse(cro.Supply.interval(1):head(5)) end),
}

local service = http.server {
  host = host,
  port = port,
  application = app,
  after = http.log.file(),
}
service:start()

local shown, bound = service:address()
if shown:find(":", 1, true) then shown = "[" .. shown .. "]" end -- IPv6
local url = ("http://%s:%d"):format(shown, bound)
print(("Serving on %s, try:\n"
  .. "  curl %s/\n"
  .. "  curl %s/hello/you\n"
  .. "  curl %s/add/2/40\n"
  .. "  curl -H 'Content-Type: application/json' -d '{\"lua\":true}' %s/echo\n"
  .. "  curl -N %s/ticks\n"
  .. "Ctrl-C stops it."):format(url, url, url, url, url, url))
io.stdout:flush()

-- The first signal lets running requests come to their end, a second one does not.
local stopping = false
cro.react(function()
  cro.whenever(service:ended(), cro.done)
  for _, name in ipairs { "SIGINT", "SIGTERM" } do
    cro.whenever(cro.signal(name), function()
      service:stop { now = stopping }
      stopping = true
    end)
  end
end)
