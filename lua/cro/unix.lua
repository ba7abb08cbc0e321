--- Sockets of the unix family: connections within one machine, found by the name of a
--- file. What they bring and take is as with `cro.tcp`.
---
---     whenever(cro.unix.listen "/run/echo.sock", function(connection)
---       whenever(connection, function(bytes) connection:write(bytes) end)
---     end)
local receiver = require "cro.receiver"
local connections = require "cro.connection"
local endpoint = require "cro.endpoint"
local errors = require "cro.errors"
local options = require "cro.options"
local types = require "cro.pipeline.types"

local unix = {}

--- The message type of bytes in pipelines, that of `cro.tcp`.
unix.Message = types.tcp_message
--- The type of connections in pipelines, that of `cro.tcp`.
unix.Connection = types.tcp_connection

local rules = endpoint.rules
local PATH = { rules.path[1], check = rules.path.check, required = true, wants = "the path of a socket, or @name" }

local LISTEN = { path = PATH, backlog = rules.backlog, mode = rules.mode, unlink = "boolean" }
local LISTEN_FUNCTION = { bound = "function" }
for key, value in pairs(LISTEN) do
  LISTEN_FUNCTION[key] = value
end

local CONNECT = { path = PATH, timeout = rules.seconds }

--- What the system's structure has room for, less the zero at its end.
local PATH_MAX = jit.os == "Linux" and 107 or 103

local function path_problem(op, path)
  if #path <= PATH_MAX then return nil end
  return errors.new("too_long", ("%s: the path of a unix socket has at most %d bytes, this one has %d; %s"):format(
    op, PATH_MAX, #path, "use a directory nearer to the root"))
end

local function wrapping(path)
  local name = "unix connection " .. path
  return function(box)
    local connection = connections.wrap(box, name)
    connection.path = path
    return connection
  end
end

local CURES = {
  address_in_use = "if nobody listens there any more, unlink = true replaces the file",
  exists = "what is there is no socket, and is left alone; choose another path",
}

local function listening(given, bound)
  return endpoint.listen {
    name = "listener unix:" .. given.path,
    kind = "unix connection",
    given = given,
    wrap = wrapping(given.path),
    bound = bound,
    problem = path_problem("listen", given.path),
    explain = function(err)
      local cure = not (given.unlink and err.kind == "address_in_use") and CURES[err.kind]
      if cure then err.message = err.message .. "; " .. cure end
      return err
    end,
  }
end

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
  return endpoint.connect {
    kind = "unix connection",
    given = given,
    wrap = wrapping(given.path),
    problem = path_problem("connect", given.path),
  }
end

--- The pipeline part that listens. Options as `unix.listen`.
unix.listener = endpoint.listener("Unix Listener", LISTEN, listening)

--- The pipeline part that connects: messages go to the peer, what it says comes out.
--- Options as `unix.connect`; the path may be given when it connects.
unix.connector = endpoint.connector("Unix Connector", { path = rules.path, timeout = rules.seconds }, unix.connect)

return receiver.plain(unix, "cro.unix")
