--- An HTTPS request by hand, over TLS: crolua examples/tls_client.lua [host [port [ca_file]]]
local cro = require "cro"
local await, react, whenever = cro.await, cro.react, cro.whenever

local host, port = arg[1] or "example.org", tonumber(arg[2] or 443)

local connection = await(cro.tls.connect(host, port, { ca_file = arg[3] }))
local tls = connection.tls
io.stderr:write(("%s, %s, certificate of %s\n"):format(tls.version, tls.cipher, tls.peer.subject))
await(connection:write("GET / HTTP/1.0\r\nHost: " .. host .. "\r\n\r\n"))

react(function()
  whenever(connection, function(bytes) io.write(bytes) end)
end)
