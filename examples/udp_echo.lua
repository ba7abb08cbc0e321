--- Echoes datagrams, and asks itself: crolua examples/udp_echo.lua
--- With a port it serves until it is interrupted: crolua examples/udp_echo.lua 5000, and in
--- another terminal `nc -u 127.0.0.1 5000`.
local cro = require "cro"
local await, done, react, whenever = cro.await, cro.done, cro.react, cro.whenever

local host, port = os.getenv "HOST" or "127.0.0.1", tonumber(arg[1])

--- Asks once a second until an answer has come: datagrams may get lost.
local function ask(server, question)
  local client = await(cro.udp.connect(host, server.socket_port))
  whenever(cro.Supply.interval(1):head(5), function() await(client:send(question)) end)
    :last(function() error "nobody answers" end)
  whenever(client:data(), function(answer)
    print(("asked %q, heard %q"):format(question, tostring(answer)))
    done()
  end)
end

react(function()
  local server = await(cro.udp.bind(host, port or 0))
  whenever(server, function(datagram)
    await(server:send(datagram.host, datagram.port, datagram.data:upper()))
  end)
  if port then
    io.write(("Echoing at %s:%d/udp\n"):format(server:address()))
    io.flush()
    whenever(cro.signal("SIGINT", "SIGTERM"), done)
  else
    ask(server, "is anybody there?")
  end
end)
