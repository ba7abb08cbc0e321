--- What tools/soak asks over TLS: `crolua tools/soak_service.lua FOLDER`. HTTPS for anybody
--- and for clients with a certificate, and a listener that begins in plain text. Prints the
--- three ports. The certificates in FOLDER are read again all the time.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local await, pawait, whenever = cro.await, cro.pawait, cro.whenever

local folder = assert(arg[1], "which folder are the certificates in?")
local PIECE = ("0123456789abcdef"):rep(1024)

local function ignore() end

local function certificate(more)
  local options = more or {}
  options.certificate_file, options.private_key_file = folder .. "/server-crt.pem", folder .. "/server-key.pem"
  return options
end

--- Pieces until the client has had enough.
local function endless()
  return cro.supply(function()
    while true do
      cro.emit(PIECE)
    end
  end)
end

local function counters(c)
  collectgarbage()
  collectgarbage()
  c:json(cro.stats())
end

local app = r.route {
  r.get("/", function(c) c:text "hello\n" end),
  r.get("/push", function(c)
    c:push "/pushed"
    c:push "/pushed/late"
    c:text "pushed\n"
  end),
  r.get("/pushed", function(c) c:content("text/plain", PIECE) end),
  r.get("/pushed/late", function(c)
    cro.sleep(0.01)
    c:text "late\n"
  end),
  r.get("/slow", function(c)
    cro.sleep(0.05)
    c:text "slow\n"
  end),
  r.get("/endless", function(c) c:stream("text/plain", endless()) end),
  r.get("/fails", function() error { status = 409, message = "it fails" } end),
  r.post("/length", function(c) c:text(#await(c:body_blob()) .. "\n") end),
  r.post("/count", function(c)
    local count = 0
    for piece in c:body_stream():each() do
      count = count + #piece
    end
    c:text(count .. "\n")
  end),
  r.post("/echo", function(c) c:stream("application/octet-stream", c:body_stream()) end),
  r.post("/ignored", function(c) c:text "not read\n" end),
  r.get("/counters", counters),
}

local function serve(tls)
  local service = http.server { host = "127.0.0.1", port = 0, application = app, tls = tls }
  service:start()
  return service, (select(2, service:address()))
end

local everybody, port = serve(certificate())
local known, known_port = serve(certificate { verify = "require", client_ca_file = folder .. "/ca.pem" })
local secure = cro.tls.context(certificate())

--- One line, then TLS, then an echo.
local function talk(connection)
  if await(connection:read_line(100)) ~= "STARTTLS" then return connection:close() end
  await(connection:write "go ahead\n")
  local private = await(cro.tls.upgrade_server(connection, { context = secure, handshake_timeout = 2 }))
  whenever(private, function(bytes) pawait(private:write(bytes)) end):quit(ignore)
end

local function upgrade(connection)
  cro.react(function()
    cro.closing(function() connection:close() end)
    talk(connection)
  end)
end

cro.react(function()
  local listener = cro.tcp.listen("127.0.0.1", 0, {
    bound = function(_, plain_port)
      print(port, known_port, plain_port)
      io.stdout:flush()
    end,
  })
  whenever(listener, function(connection) cro.start(upgrade, connection):or_else(ignore):observe() end)
  whenever(cro.Supply.interval(0.25), function()
    for _, one in ipairs { everybody, known } do
      await(one:reload_tls())
    end
    secure:reload()
  end)
  whenever(cro.signal "SIGTERM", function() cro.done() end)
end)
await(cro.Promise.all_of { everybody:stop(), known:stop() })
