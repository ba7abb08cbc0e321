--- An HTTP request by hand, over a socket: crolua examples/tcp_client.lua [host [port]]
local cro = require "cro"
local await, react, whenever = cro.await, cro.react, cro.whenever

local host, port = arg[1] or "example.org", tonumber(arg[2] or 80)

local socket = await(cro.tcp.connect(host, port))
await(socket:write("GET / HTTP/1.0\r\nHost: " .. host .. "\r\n\r\n"))

react(function()
  whenever(socket, function(bytes) io.write(bytes) end)
end)
