--- TCP: connections that are supplies of bytes and take writes, and listeners that are
--- supplies of connections.
---
---     whenever(cro.tcp.listen("127.0.0.1", 8080), function(connection)
---       whenever(connection, function(bytes) connection:write(bytes) end)
---     end)
local receiver = require "cro.receiver"
local endpoint = require "cro.endpoint"
local options = require "cro.options"
local plans = require "cro.endpoint.plans"
local types = require "cro.pipeline.types"

local tcp = {}

--- The message type of bytes in pipelines: `{ data = string, connection = c or nil }`.
tcp.Message = types.tcp_message
--- The type of connections in pipelines.
tcp.Connection = types.tcp_connection

local LISTEN = plans.TCP_LISTEN
local LISTEN_FUNCTION = plans.join(LISTEN, { bound = "function" })
local CONNECT = plans.TCP_CONNECT

local function listening(given, bound) return endpoint.listen(plans.listen(given, bound)) end

--- A supply of connections. It listens while it is tapped; several taps need a port
--- each. It quits when it cannot: kind "address_in_use", "access", ... `address()` is the
--- promise of where: `{ host =, port = }`, kept once it listens; it breaks when it cannot.
---
--- Options: host ("localhost"), port (0 lets the system choose), backlog (1024), nodelay
--- (false), keep_alive (seconds, see the connection's method; false), reuse_port (false),
--- ipv6_only (false: "::" is reached over IPv4 too), fd (an open listening descriptor),
--- limits (`{ connections = n }`: one more at a time is closed at once; no bound), and
--- `bound = function(host, port)`, called once it listens.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Listener
function tcp.listen(host, port, more)
  local given = endpoint.arguments("cro.tcp.listen", { "host", "port" }, host, port, more)
  given = plans.need_port("cro.tcp.listen", options.check("cro.tcp.listen", given, LISTEN_FUNCTION))
  local bound = given.bound
  given.bound = nil
  return listening(given, bound)
end

--- Connects: every address of the name is tried, 250 ms apart, the families in turn.
--- Broken with kind "refused", "unreachable", "timeout", "dns_not_found",
--- "dns_temporary", "dns_timeout" (after 5 s), ...; `err.tried` lists the addresses and how
--- each fared. Options: timeout (seconds in all, 10), nodelay (false), keep_alive (seconds,
--- see the connection's method; false), local_host and local_port (what to connect from; the
--- system's choice).
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Promise of cro.Connection
function tcp.connect(host, port, more)
  local given = endpoint.arguments("cro.tcp.connect", { "host", "port" }, host, port, more)
  given = plans.need_port("cro.tcp.connect", options.check("cro.tcp.connect", given, CONNECT))
  return endpoint.connect(plans.connect(given))
end

--- The pipeline part that listens. Options as `tcp.listen`; port 0 unless given.
tcp.listener = endpoint.listener("TCP Listener", LISTEN, function(given, bound)
  given.port = given.port or 0
  return listening(given, bound)
end)

--- The pipeline part that connects: messages go to the peer, what it says comes out.
--- Options as `tcp.connect`.
tcp.connector = endpoint.connector("TCP Connector", CONNECT, tcp.connect)

return receiver.plain(tcp, "cro.tcp")
