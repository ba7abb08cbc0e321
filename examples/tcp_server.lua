--- A "web server" of one answer, over sockets: whatever comes, that is what it says.
local cro = require "cro"
local done, react, whenever = cro.done, cro.react, cro.whenever

local host, port = os.getenv "HOST" or "127.0.0.1", tonumber(os.getenv "PORT" or 8080)
local answer = "HTTP/1.0 200 OK\r\nContent-type: text/plain\r\n\r\nWow a HTTP response!\n"

react(function()
  whenever(cro.tcp.listen(host, port), function(connection)
    whenever(connection, function()
      whenever(connection:write(answer), function() connection:close() end)
    end):quit(function() end) -- a client that breaks off ends its own connection only
  end)
  whenever(cro.signal("SIGINT", "SIGTERM"), function() done() end)
end)
