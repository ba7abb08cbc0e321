--- Sockets of the unix family: connections within one machine, found by the name of a
--- file. What they bring and take is as with `cro.tcp`.
---
---     whenever(cro.unix.listen "/run/echo.sock", function(connection)
---       whenever(connection, function(bytes) connection:write(bytes) end)
---     end)
local receiver = require "cro.receiver"
local endpoint = require "cro.endpoint"
local options = require "cro.options"
local plans = require "cro.endpoint.plans"
local types = require "cro.pipeline.types"

local unix = {}

--- The message type of bytes in pipelines, that of `cro.tcp`.
unix.Message = types.tcp_message
--- The type of connections in pipelines, that of `cro.tcp`.
unix.Connection = types.tcp_connection

local rule = endpoint.rules.path
local PATH = { rule[1], check = rule.check, required = true, wants = "the path of a socket, or @name" }

local LISTEN = plans.join(plans.UNIX_LISTEN, { path = PATH })
local LISTEN_FUNCTION = plans.join(LISTEN, { bound = "function" })
local CONNECT = plans.join(plans.UNIX_CONNECT, { path = PATH })

local function listening(given, bound) return endpoint.listen(plans.listen(given, bound)) end

--- A supply of connections to a socket file, or on Linux to a name without one, "@name". It
--- listens while it is tapped; the file goes when it stops. It quits when it cannot: kind
--- "address_in_use", "exists" (something else is there), "not_found", "access", "too_long"
--- (over 107 bytes). `address()` is the promise of `{ path = }`, kept once it listens.
---
--- Options: mode (permissions of the file, as a number; what the umask leaves), unlink
--- (false; true replaces a socket file that nobody listens on), backlog (1024), and
--- `bound = function(path)`, called once it listens.
---@param path string|table
---@param more table|nil
---@return cro.Listener
function unix.listen(path, more)
  local given = endpoint.arguments("cro.unix.listen", { "path" }, path, more)
  given = options.check("cro.unix.listen", given, LISTEN_FUNCTION)
  local bound = given.bound
  given.bound = nil
  return listening(given, bound)
end

--- Connects to a socket. Broken with kind "not_found", "refused" (nobody listens),
--- "access", "too_long", "timeout". Options: timeout (seconds, 10; only a listener that is
--- behind takes any).
---@param path string|table
---@param more table|nil
---@return cro.Promise of cro.Connection
function unix.connect(path, more)
  local given = endpoint.arguments("cro.unix.connect", { "path" }, path, more)
  given = options.check("cro.unix.connect", given, CONNECT)
  return endpoint.connect(plans.connect(given))
end

--- The pipeline part that listens. Options as `unix.listen`.
unix.listener = endpoint.listener("Unix Listener", LISTEN, listening)

--- The pipeline part that connects: messages go to the peer, what it says comes out.
--- Options as `unix.connect`; the path may be given when it connects.
unix.connector = endpoint.connector("Unix Connector", plans.UNIX_CONNECT, unix.connect)

return receiver.plain(unix, "cro.unix")
