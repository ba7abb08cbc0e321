--- The "web server" of tcp_server.lua, encrypted: the listener is all that differs.
--- `crolua dev-cert --dir .` makes the two files.
local cro = require "cro"
local done, react, whenever = cro.done, cro.react, cro.whenever

local host, port = os.getenv "HOST" or "127.0.0.1", tonumber(os.getenv "PORT" or 4433)
local answer = "HTTP/1.0 200 OK\r\nContent-type: text/plain\r\n\r\nWow a HTTP response!\n"

react(function()
  local server = cro.tls.listen(host, port, {
    certificate_file = "server-crt.pem",
    private_key_file = "server-key.pem",
  })
  whenever(server, function(connection)
    whenever(connection, function()
      whenever(connection:write(answer), function() connection:close() end)
    end):quit(function() end) -- a client that breaks off ends its own connection only
  end)
  whenever(cro.signal("SIGINT", "SIGTERM"), function() done() end)
end)
