--- What `make bench` measures: one route per workload, nothing else.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local await, Promise = cro.await, cro.Promise

--- A promise that the next turn keeps, for all who ask before that: the wait of a
--- handler whose data is fetched in batches.
local tick

local function next_tick()
  if tick then return tick end
  tick = Promise.new()
  cro.start(function()
    local now = tick
    tick = nil
    now:keep "Hello, World!"
  end)
  return tick
end

-- For the rows over TLS alone: a heap that it doubles may grow by as much more.
local certificate = os.getenv "CERTIFICATE"
local large = certificate and ("0123456789abcdef"):rep(65536) or ""

local application = r.route {
  r.get("/plaintext", function(c) c:text "Hello, World!" end),
  r.get("/json", function(c) c:json { message = "Hello, World!" } end),
  r.get("/users/{id:int}", function(c, id) c:text("user " .. id) end),
  r.post("/echo", function(c) c:json(await(c:body())) end),
  r.get("/kept", function(c) c:text(await(Promise.kept "Hello, World!")) end),
  r.get("/await", function(c) c:text(await(next_tick())) end),
  r.get("/large", function(c) c:text(large) end),
  r.get("/stats", function(c)
    collectgarbage()
    c:json(cro.stats())
  end),
}

local options = {
  host = os.getenv "HOST" or "127.0.0.1",
  port = tonumber(os.getenv "PORT") or 8080,
  application = application,
  limits = { connections = 16384, requests_per_connection = 1e9 },
}

if certificate then
  options.tls = { certificate_file = certificate, private_key_file = os.getenv "KEY" }
  options.tls.ciphers = "TLS_AES_256_GCM_SHA384" -- what the peers choose; ours is cheaper
end

cro.run(http.server(options))
