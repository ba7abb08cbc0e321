--- TCP: connections that are supplies of bytes and take writes, and listeners that are
--- supplies of connections.
---
---     whenever(cro.tcp.listen("127.0.0.1", 8080), function(connection)
---       whenever(connection, function(bytes) connection:write(bytes) end)
---     end)
local receiver = require "cro.receiver"
local connections = require "cro.connection"
local endpoint = require "cro.endpoint"
local errors = require "cro.errors"
local options = require "cro.options"
local types = require "cro.pipeline.types"

local tcp = {}

--- The message type of bytes in pipelines: `{ data = string, connection = c or nil }`.
tcp.Message = types.tcp_message
--- The type of connections in pipelines.
tcp.Connection = types.tcp_connection

local rules = endpoint.rules

local LISTEN = {
  host = rules.local_host,
  port = rules.port,
  backlog = rules.backlog,
  nodelay = "boolean",
  keep_alive = rules.keep_alive,
  reuse_port = "boolean",
  ipv6_only = "boolean",
  fd = rules.fd,
}
local LISTEN_FUNCTION = { bound = "function" }
for key, value in pairs(LISTEN) do
  LISTEN_FUNCTION[key] = value
end

local CONNECT = {
  host = rules.host,
  port = rules.remote_port,
  timeout = rules.seconds,
  nodelay = "boolean",
  keep_alive = rules.keep_alive,
  local_host = "string",
  local_port = rules.port,
}

--- RFC 1035; longer ones have broken resolvers.
local NAME_MAX = 253

local function name_problem(op, host)
  if not host or #host <= NAME_MAX then return nil end
  return errors.new("too_long", ("%s: a host name has at most %d bytes, this one has %d"):format(op, NAME_MAX, #host))
end

local function need_port(name, given)
  if given.port or given.fd then return given end
  errors.misuse(('%s: option "port" is required (number)'):format(name))
end

local function explain_fd(fd)
  return function(err)
    local why = err.kind == "closed" and "is not open" or err.kind == "invalid" and "is no socket that listens"
    if why then err.kind, err.message = "invalid", ("listen: descriptor %d %s"):format(fd, why) end
    return err
  end
end

local function listening(given, bound)
  return endpoint.listen {
    name = ("listener %s:%s"):format(given.host or "localhost", tostring(given.port)),
    kind = "tcp connection",
    given = given,
    wrap = connections.wrap,
    bound = bound,
    problem = name_problem("listen", given.host),
    explain = given.fd and explain_fd(given.fd),
  }
end

--- A supply of connections. It listens while it is tapped; several taps need a port
--- each. It quits when it cannot: kind "address_in_use", "access", ... `address()` is the
--- promise of where: `{ host =, port = }`, kept once it listens; it breaks when it cannot.
---
--- Options: host ("localhost"), port (0 lets the system choose), backlog (1024), nodelay
--- (false), keep_alive (seconds, see the connection's method; false), reuse_port (false),
--- ipv6_only (false: "::" is reached over IPv4 too), fd (an open listening descriptor), and
--- `bound = function(host, port)`, called once it listens.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Listener
function tcp.listen(host, port, more)
  local given = endpoint.arguments("cro.tcp.listen", { "host", "port" }, host, port, more)
  given = need_port("cro.tcp.listen", options.check("cro.tcp.listen", given, LISTEN_FUNCTION))
  local bound = given.bound
  given.bound = nil
  return listening(given, bound)
end

--- What is often written in the place of a name.
local function explain_name(err, host)
  local bare = host:match "^%[(.*)%]$"
  local cure = bare and ("; an address stands here without brackets: %q"):format(bare)
    or host:find("://", 1, true) and "; a host is expected, not a URL"
    or host:find ":%d+$" and "; the port is an argument of its own"
  if cure then err.message = err.message .. cure end
  return err
end

local function connecting(given)
  return endpoint.connect {
    kind = "tcp connection",
    given = given,
    wrap = connections.wrap,
    problem = name_problem("connect", given.host),
    explain = function(err)
      if err.kind == "dns_not_found" then return explain_name(err, given.host) end
      if err.kind ~= "invalid" or not given.local_host then return err end
      err.message = ("connect: local_host must be a numeric address of this machine, got %q"):format(given.local_host)
      return err
    end,
  }
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
  return connecting(need_port("cro.tcp.connect", options.check("cro.tcp.connect", given, CONNECT)))
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
