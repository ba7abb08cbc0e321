--- TCP: connections that are supplies of bytes and take writes, and listeners that are
--- supplies of connections.
---
---     whenever(cro.tcp.listen("127.0.0.1", 8080), function(connection)
---       whenever(connection, function(bytes) connection:write(bytes) end)
---     end)
local core = require "cro.core"
local Promise = require "cro.promise"
local connections = require "cro.connection"
local errors = require "cro.errors"
local options = require "cro.options"
local supplies = require "cro.supply"
local types = require "cro.pipeline.types"

local tcp = {}

--- The message type of bytes in pipelines: `{ data = string, connection = c or nil }`.
tcp.Message = types.tcp_message
--- The type of connections in pipelines.
tcp.Connection = types.tcp_connection

local wrap = connections.wrap

local LISTEN = {
  host = "string", port = "number", backlog = "number", nodelay = "boolean",
  reuse_port = "boolean", fd = "number",
}
local LISTEN_FUNCTION = { bound = "function" }
for key, value in pairs(LISTEN) do
  LISTEN_FUNCTION[key] = value
end
local CONNECT = { host = "string", port = "number", timeout = "number", nodelay = "boolean" }

local function check_target(name, given)
  local port, timeout = given.port, given.timeout
  if timeout and not (timeout > 0 and timeout < math.huge) then
    errors.misuse(("%s: timeout must be a number of seconds above 0, got %s"):format(name, tostring(timeout)))
  end
  if port and port >= 0 and port <= 65535 and port % 1 == 0 then return given end
  errors.misuse(("%s: port must be a whole number from 0 to 65535, got %s"):format(name, tostring(port)))
end

--- (host, port [, options]) or one table.
local function arguments(name, spec, host, port, more)
  local given = {}
  if type(host) ~= "table" and more ~= nil and type(more) ~= "table" then
    errors.misuse(("%s: a table of options expected after the port, got %s"):format(name, type(more)))
  end
  for key, value in pairs(type(host) == "table" and host or more or {}) do
    given[key] = value
  end
  if type(host) ~= "table" then
    given.host, given.port = host, port
  end
  return check_target(name, options.check(name, given, spec))
end

local function on_listen(sink, bound, state)
  return function(kind, value)
    if kind == "value" then return sink:value(wrap(value)) end
    if kind == "quit" then return sink:quit(value) end
    local host, port = state.listener:address()
    if host and bound then bound(host, port) end
  end
end

local function listening(given, bound)
  return supplies.from_source {
    name = ("listener %s:%s"):format(given.host or "localhost", tostring(given.port)),
    open = function(sink)
      local state = {}
      state.listener = core.tcp_listen(given, on_listen(sink, bound, state))
      return function() state.listener:close() end
    end,
  }
end

--- A supply of connections. It listens while it is tapped; several taps need a port
--- each. It quits when it cannot: kind "address_in_use", "access", ...
---
--- Options: host ("localhost"), port (0 lets the system choose), backlog (1024), nodelay
--- (false), reuse_port (false), fd (an open listening descriptor), and
--- `bound = function(host, port)`, called once it listens.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Supply
function tcp.listen(host, port, more)
  local given = arguments("cro.tcp.listen", LISTEN_FUNCTION, host, port, more)
  local bound = given.bound
  given.bound = nil
  return listening(given, bound)
end

--- Connects: every address of the name is tried, 250 ms apart. Broken with kind
--- "refused", "timeout", "dns", "dns_timeout" (after 5 s), ... Options: timeout (seconds in all, 10), nodelay.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Promise
function tcp.connect(host, port, more)
  local given = arguments("cro.tcp.connect", CONNECT, host, port, more)
  local handle
  local promise = Promise.made(function() handle:close() end)
  handle = core.tcp_connect(given, function(box, err)
    if box then return Promise.settle_kept(promise, wrap(box)) end
    return Promise.settle_broken(promise, err)
  end)
  return promise
end

local component = require "cro.pipeline.component"

--- The pipeline part that listens. Options as `tcp.listen`.
tcp.listener = component.source {
  name = "TCP Listener",
  produces = types.tcp_connection,
  binds = true,
  options = LISTEN,
  incoming = function(self, bound)
    return listening(check_target("cro.tcp.listener", {
      host = self.host, port = self.port or 0, backlog = self.backlog,
      nodelay = self.nodelay, reuse_port = self.reuse_port, fd = self.fd,
    }), bound)
  end,
}

local function talk(connection, messages)
  local reactive = require "cro.reactive"
  return reactive.supply(function(block)
    block.whenever(connection, function(data)
      block.emit(types.tcp_message { data = data, connection = connection })
    end):last(block.done)
    block.whenever(messages, function(message) reactive.await(connection:write(message.data)) end)
      :last(function() connection:shutdown() end)
  end)
end

--- The pipeline part that connects: messages go to the peer, what it says comes out.
--- Options as `tcp.connect`.
tcp.connector = component.connector {
  name = "TCP Connector",
  consumes = types.tcp_message,
  produces = types.tcp_message,
  options = CONNECT,
  connect = function(self, given)
    given = given or {}
    local target = check_target("cro.tcp.connector", {
      host = given.host or self.host, port = given.port or self.port,
      timeout = given.timeout or self.timeout, nodelay = given.nodelay or self.nodelay,
    })
    return tcp.connect(target):and_then(function(connection)
      return component.transform {
        name = "TCP Connection",
        consumes = types.tcp_message,
        produces = types.tcp_message,
        transformer = function(_, messages) return talk(connection, messages) end,
      } {}
    end)
  end,
}

return tcp
