--- UDP: sockets that are live supplies of datagrams and send them.
---
---     local socket = await(cro.udp.bind("127.0.0.1", 5000))
---     whenever(socket, function(d) socket:send(d.host, d.port, d.data) end)
---
--- Nothing here makes a peer slow down, so that a queue for it would only grow: a consumer
--- that is too slow loses datagrams, by a policy, and they are counted.
local receiver = require "cro.receiver"
local core = require "cro.core"
local Promise = require "cro.promise"
local endpoint = require "cro.endpoint"
local errors = require "cro.errors"
local groups = require "cro.udp.groups"
local options = require "cro.options"
local scope = require "cro.scope"
local sockets = require "cro.udp.socket"

local udp = {}

--- What it is called where open things are listed.
local KIND = "UDP socket"

--- Is this a datagram that came over UDP?
---@param value any
---@return boolean
function udp.is_datagram(value) return getmetatable(value) == sockets.Datagram end

local rules = endpoint.rules
local BUFFER = {
  "number", check = function(n) return n >= 1024 and n <= 2 ^ 30 and n % 1 == 0, "bytes, 1024 or more" end,
}

local COMMON = {
  broadcast = "boolean",
  ipv6_only = "boolean",
  ttl = { "number", check = function(n) return n >= 1 and n <= 255 and n % 1 == 0, "a whole number from 1 to 255" end },
  recv_buffer = BUFFER,
  send_buffer = BUFFER,
  max_size = { "number", check = function(n) return n >= 1 and n <= 65536 and n % 1 == 0, "bytes, 1 to 65536" end },
  buffer = { "integer", check = function(n) return n >= 1, "1 or more" end },
  policy = { "string", default = "drop_newest", one_of = { "drop_newest", "drop_oldest", "error" } },
  multicast = "string|table",
}

local function with_common(own)
  for key, rule in pairs(COMMON) do
    own[key] = own[key] or rule
  end
  return own
end

local BIND = with_common {
  host = rules.local_host, port = rules.port, reuse_address = "boolean", reuse_port = "boolean",
}
local CONNECT = with_common { host = rules.host, port = rules.remote_port }
local SOCKET = with_common {}

--- The options the core knows.
local function for_core(given)
  local copy = {}
  for key, value in pairs(given) do
    copy[key] = value
  end
  copy.buffer, copy.policy, copy.multicast = nil, nil, nil
  return copy
end

local function join_all(socket, list)
  local ok, err = pcall(function()
    for _, entry in ipairs(list) do
      socket:join(entry.group, entry.interface)
    end
  end)
  if ok then return end
  socket:close()
  return err
end

local function opening(name, given)
  local list = groups.list(name, given.multicast)
  local box, ticket
  local promise = Promise.made(function()
    scope.disown(ticket)
    box:close()
  end)
  box = core.udp_open(for_core(given), function(err)
    if promise:status() ~= "planned" then return box:close() end
    local socket = not err and sockets.wrap(box, given)
    err = err and sockets.located(err, given.host, given.port) or join_all(socket, list)
    if err then
      scope.disown(ticket)
      return Promise.settle_broken(promise, err)
    end
    scope.opened(ticket, socket, KIND, socket.close)
    return Promise.settle_kept(promise, socket)
  end)
  ticket = scope.opening(given.connect and "connect" or "bind", function() promise:cancel() end)
  return promise
end

local function need(name, given, key, wants)
  if given[key] == nil then errors.misuse(("%s: option %q is required (%s)"):format(name, key, wants)) end
end

--- A socket that receives on a port and sends from it. Options: host ("localhost"; "0.0.0.0"
--- for every address of IPv4, "::" for both families), port (0 lets the system choose), reuse_address,
--- reuse_port, ipv6_only, broadcast (may send to broadcast addresses), ttl, recv_buffer and
--- send_buffer (bytes the kernel keeps), max_size (bytes kept of a datagram, 65536), buffer
--- (datagrams that may wait for a slow consumer, 1024), policy ("drop_newest", "drop_oldest",
--- or "error": the supply quits with kind "slow_consumer"), multicast (groups to join:
--- "239.1.2.3", `{ "239.1.2.3", interface = "eth0" }` or a list of these).
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Promise of cro.udp.Socket; breaks with kind "address_in_use", "access", ...
function udp.bind(host, port, more)
  local name = "cro.udp.bind"
  local given = options.check(name, endpoint.arguments(name, { "host", "port" }, host, port, more), BIND)
  need(name, given, "port", "number")
  given.host = given.host or "localhost"
  return opening(name, given)
end

--- A socket with one peer: it sends to it and receives from it alone, and hears when nobody
--- has the peer's port (kind "refused", of an earlier datagram). Options as `bind`, without
--- reuse_address and reuse_port; host and port are the peer's.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Promise of cro.udp.Socket
function udp.connect(host, port, more)
  local name = "cro.udp.connect"
  local given = options.check(name, endpoint.arguments(name, { "host", "port" }, host, port, more), CONNECT)
  need(name, given, "host", "string")
  need(name, given, "port", "number")
  given.connect = true
  return opening(name, given)
end

--- A socket for sending, to addresses of both families. It gets a port when it first sends,
--- and receives answers there. Options as `bind`, without host, port, reuse_address and
--- reuse_port.
---@param given table|nil
---@return cro.udp.Socket
function udp.socket(given)
  local opts = options.check("cro.udp.socket", given, SOCKET)
  local list = groups.list("cro.udp.socket", opts.multicast)
  local box, err = core.udp_socket(for_core(opts))
  if not box then error(err, 0) end
  local socket = sockets.wrap(box, opts)
  err = join_all(socket, list)
  if err then error(err, 0) end
  scope.own(socket, KIND, socket.close)
  return socket
end

return receiver.plain(udp, "cro.udp")
