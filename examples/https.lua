--- The same application over HTTPS: HTTP/2 for clients that speak it, HTTP/1.1 for the
--- others. `tls` is all that is new. `crolua dev-cert --dir .` makes the two files; run it
--- again while this runs, and the new certificate is shown within seconds.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local app = r.route {
  r.get("/", function(c)
    c:text(("Hello from Cro, over HTTP/%s and %s\n"):format(c.request.version, c.tls.version))
  end),
  r.get("/slow/{seconds:number}", function(c, seconds)
    cro.sleep(math.min(seconds, 10))
    c:text(("%g s later\n"):format(seconds))
  end),
  r.post("/upper", function(c) c:text(cro.await(c:body_text()):upper()) end),
}

cro.run(http.server {
  host = os.getenv "HOST" or "127.0.0.1",
  port = tonumber(os.getenv "PORT" or 8443),
  application = app,
  tls = { certificate_file = "server-crt.pem", private_key_file = "server-key.pem" },
  after = http.log.file { format = "common" },
})
