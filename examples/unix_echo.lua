--- Says back in capitals, line by line, what is said to a unix socket; and knows who said it.
--- Try: nc -U echo.sock
local cro = require "cro"
local await, done, react, whenever = cro.await, cro.done, cro.react, cro.whenever

local path = os.getenv "SOCKET" or "echo.sock"

react(function()
  local listener = cro.unix.listen(path, { mode = tonumber("600", 8), unlink = true })
  whenever(listener, function(connection)
    local user = connection:peer_user()
    whenever(connection:supply():lines(), function(line)
      await(connection:write(("%d: %s\n"):format(user.uid, line:upper())))
    end):last(function() connection:close() end):quit(function() end)
  end)
  whenever(listener:address(), function(at) print("Listening at " .. at.path) end)
  whenever(cro.signal("SIGINT", "SIGTERM"), function() done() end)
end)
