--- What browser.py has Chromium load: a page that asks for much at once over HTTP/2, sends
--- a body, and reports what it saw. Prints its port, then the report, and ends.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local PAGE = [[<!doctype html><script>
const all = [...Array(50).keys()].map(i => fetch('/part/' + i).then(r => r.text()))
Promise.all(all).then(async parts => {
  const sent = await fetch('/upload', { method: 'POST', body: 'z'.repeat(300000) }).then(r => r.text())
  const page = performance.getEntriesByType('navigation')[0].nextHopProtocol
  const others = performance.getEntriesByType('resource').map(e => e.nextHopProtocol)
  return { page, others: [...new Set(others)].join(), parts: parts.join(), sent }
}).catch(e => ({ error: String(e) }))
  .then(said => fetch('/report', { method: 'POST', body: JSON.stringify(said) }))
</script>]]

local report = cro.Promise.new()
local running, most = 0, 0

local service = http.server {
  host = "127.0.0.1", port = 0,
  tls = { certificate_file = arg[1], private_key_file = arg[2] },
  application = r.route {
    r.get("/", function(c) c:html(PAGE) end),
    r.get("/part/{number:int}", function(c, number)
      running = running + 1
      most = math.max(most, running)
      cro.sleep(0.05)
      running = running - 1
      c:text("p" .. number)
    end),
    r.post("/upload", function(c) c:text(tostring(#cro.await(c:body_text()))) end),
    r.post("/report", function(c)
      local said = cro.await(c:body_text())
      c:no_content()
      report:keep(said)
    end),
  },
}
service:start()
io.stdout:setvbuf "no"
print((select(2, service:address())))
print(cro.await(report))
print(most)
cro.await(service:stop { timeout = 2 })
