--- Bodies that nobody holds in memory: an upload read as it arrives, an answer written as
--- it is made. A peer that is slow slows its source down; one that is gone closes it.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local function count_down(from)
  return cro.supply(function()
    for n = from, 1, -1 do
      cro.emit(n .. "\n")
      cro.sleep(0.05)
    end
    cro.emit "lift-off\n"
  end)
end

local app = r.route {
  r.get("/count/{n:uint8}", function(c, n) c:stream("text/plain", count_down(n)) end),
  r.get("/events", function(c)
    c:sse(cro.Supply.interval(0.05):head(3):map(function(n) return { event = "tick", id = n, data = { n = n } } end))
  end),
  r.post("/measure", function(c)
    local bytes, chunks = 0, 0
    cro.react(function()
      cro.whenever(c:body_stream(), function(chunk) bytes, chunks = bytes + #chunk, chunks + 1 end)
    end)
    c:text(("%d bytes\n"):format(bytes))
  end),
}

cro.run(http.server {
  host = os.getenv "HOST" or "127.0.0.1",
  port = tonumber(os.getenv "PORT" or 8080),
  application = app,
})
