--- A page whose style sheet is on its way before the browser has read of it: `c:push`. The
--- promised request goes through routes and middleware as any other. A client of HTTP/1.1,
--- or one that takes no promises, is told with an early hint instead.
---
---     nghttp -v http://127.0.0.1:8080/       shows the promise
---     curl -v http://127.0.0.1:8080/         shows the hint
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local app = r.route {
  r.get("/", function(c)
    if not c:push("/style.css", { Accept = "text/css" }) then c:early_hints "</style.css>; rel=preload; as=style" end
    cro.sleep(0.05) -- the page takes its time
    c:html '<link rel="stylesheet" href="/style.css"><h1>Hello from Cro</h1>\n'
  end),
  r.get("/style.css", function(c)
    c:cache_control { public = true, max_age = 3600 }
    c:content("text/css", "h1 { color: teal }\n")
  end),
  r.after(function(c)
    if c.request.pushed then c:set_header("X-Pushed", "yes") end
  end),
}

cro.run(http.server {
  host = os.getenv "HOST" or "127.0.0.1",
  port = tonumber(os.getenv "PORT" or 8080),
  application = app,
  http = { "1.1", "2" }, -- in the clear, for clients that know beforehand
})
