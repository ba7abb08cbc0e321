--- What `bench/echo` measures: every byte of every connection goes back, by way of a
--- supply and a block.
local cro = require "cro"

local host = os.getenv "HOST" or "127.0.0.1"
local port = tonumber(os.getenv "PORT") or 8081

cro.react(function()
  cro.whenever(cro.tcp.listen(host, port), function(connection)
    cro.whenever(connection, function(bytes)
      cro.pawait(connection:write(bytes))
    end):quit(function() end) -- a peer that breaks off is no fault
      :last(function() connection:close() end)
  end)
  cro.whenever(cro.signal "SIGTERM", cro.done)
end)
