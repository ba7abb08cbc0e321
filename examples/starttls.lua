--- A mail server that takes no mail, but goes on encrypted when it is asked to:
--- openssl s_client -connect 127.0.0.1:2525 -starttls smtp
--- `crolua dev-cert --dir .` makes the two files.
local cro = require "cro"
local await, done, react, whenever = cro.await, cro.done, cro.react, cro.whenever

local host, port = os.getenv "HOST" or "127.0.0.1", tonumber(os.getenv "PORT" or 2525)
local secure = cro.tls.context { certificate_file = "server-crt.pem", private_key_file = "server-key.pem" }

local function say(connection, text) await(connection:write(text .. "\r\n")) end

local COMMANDS = {
  EHLO = function(connection)
    say(connection, "250-" .. host)
    say(connection, connection.tls and "250 HELP" or "250 STARTTLS")
  end,
  STARTTLS = function(connection)
    say(connection, connection.tls and "503 this is TLS already" or "220 go ahead")
    if connection.tls then return end
    return await(cro.tls.upgrade_server(connection, { context = secure })) -- takes the place of the plain one
  end,
  HELP = function(connection)
    say(connection, "214 " .. (connection.tls and connection.tls.version or "in plain text"))
  end,
}

local function talk(connection)
  say(connection, "220 " .. host .. " ready")
  while true do
    local line = await(connection:read_line(512))
    local word = (line or "QUIT"):match "^%a*":upper()
    if word == "QUIT" then break end
    local command = COMMANDS[word]
    if command then
      connection = command(connection, line) or connection
    else
      say(connection, "502 no such command here")
    end
  end
  say(connection, "221 bye")
  connection:close()
end

react(function()
  whenever(cro.tcp.listen(host, port), function(connection)
    cro.start(function() talk(connection) end):or_else(function(err)
      io.stderr:write(tostring(err), "\n")
      connection:close()
    end)
  end)
  whenever(cro.signal("SIGINT", "SIGTERM"), function() done() end)
end)
