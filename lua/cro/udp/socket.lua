--- A UDP socket: a live supply of datagrams that sends them. `cro.udp` makes them.
local receiver = require "cro.receiver"
local Promise = require "cro.promise"
local errors = require "cro.errors"
local groups = require "cro.udp.groups"
local options = require "cro.options"
local scope = require "cro.scope"
local supplies = require "cro.supply"

--- What came: its bytes are also its text.
---@class cro.udp.Datagram
---@field data string
---@field host string numeric address of the sender
---@field port integer
---@field truncated true|nil it was longer than `max_size`
local Datagram = {}
Datagram.__index = Datagram
Datagram.__name = "cro.udp.Datagram"

function Datagram:__tostring() return self.data end

---@class cro.udp.Socket
---@field socket_host string|nil numeric address of this side; nil until it has one
---@field socket_port integer|nil
---@field peer_host string|nil of a connected socket
---@field peer_port integer|nil
---@field private box userdata the socket of the core
---@field private sinks cro.Sink[] who taps; never changed in place
---@field private buffer integer|nil
---@field private policy string|nil
---@field private broadcasts boolean
---@field private open boolean
---@field private held false|table who closes it if nobody else does, see cro.scope
---@field private lost integer what was dropped, once it has closed
local Socket = {}
Socket.__index = Socket
Socket.__name = "cro.udp.Socket"

local function note_addresses(self)
  self.socket_host, self.socket_port = self.box:address(false)
  self.peer_host, self.peer_port = self.box:address(true)
end

--- The socket of a box of the core that is open.
---@param box userdata cro.core.UdpSocket
---@param given { buffer: integer|nil, policy: string|nil, broadcast: boolean|nil }
---@return cro.udp.Socket
local function wrap(box, given)
  local self = setmetatable({
    box = box,
    sinks = {},
    buffer = given.buffer,
    policy = given.policy,
    broadcasts = given.broadcast or false,
    open = true,
    held = false,
    lost = 0,
  }, Socket)
  note_addresses(self)
  return self
end

function Socket:__tostring()
  if self.peer_host then return ("UDP socket to %s:%d"):format(self.peer_host, self.peer_port) end
  if not self.socket_port or self.socket_port == 0 then return "UDP socket" end
  return ("UDP socket %s:%d"):format(self.socket_host, self.socket_port)
end

local function closed_error(self, op)
  return errors.new("closed", ("%s: %s is closed; open another one"):format(op, self), { op = op })
end

--- Receiving ---------------------------------------------------------------------

local function take_sinks(self)
  local sinks = self.sinks
  self.sinks = {}
  return sinks
end

local function receive(self, list, n)
  for i = 1, n do
    local datagram, sinks = list[i], self.sinks
    list[i] = false
    for at = 1, #sinks do
      sinks[at]:value(datagram)
    end
  end
end

local function start(self)
  self.box:start(function(kind, value, n)
    if kind == "value" then return receive(self, value, n) end
    self.box:stop()
    for _, sink in ipairs(take_sinks(self)) do
      sink:quit(value)
    end
  end, Datagram)
end

local function remove(self, gone)
  local rest = {}
  for _, sink in ipairs(self.sinks) do
    if sink ~= gone then rest[#rest + 1] = sink end
  end
  self.sinks = rest
  if #rest == 0 and self.open then self.box:stop() end
end

local function add(self, sink)
  local sinks = { unpack(self.sinks) }
  sinks[#sinks + 1] = sink
  self.sinks = sinks
  if #sinks == 1 then start(self) end
end

--- What comes in, as `{ data =, host =, port = }`, whose text is `data`: a live supply, each
--- tap gets every datagram. Nothing is received while nobody taps; the kernel keeps a few.
--- Closing a tap leaves the socket open. Done when the socket is closed. Of a connected
--- socket it quits with kind "refused" when nobody has the peer's port; tap it again to go on.
---
--- A block or a tap with a buffer that has `buffer` datagrams waiting loses some by `policy`.
---@return cro.Supply
function Socket:supply()
  return supplies.from_source {
    name = tostring(self),
    pausable = false,
    buffer = self.buffer,
    policy = self.policy,
    dropped = function() self.box:drop(1) end,
    open = function(sink)
      if not self.open then error(closed_error(self, "receive"), 0) end
      add(self, sink)
      return function() return remove(self, sink) end
    end,
  }
end

--- What comes in, the bytes alone.
---@return cro.Supply
function Socket:data()
  return self:supply():map(function(datagram) return datagram.data end)
end

--- Datagrams that were thrown away: because a consumer was too slow, and by the kernel,
--- whose buffer was full; of those it tells with the next one that comes.
---@return integer
function Socket:dropped() return self.box:dropped() or self.lost end

--- Sending -----------------------------------------------------------------------

--- RFC 768: the length of 16 bits counts the headers.
local MOST = 65507

local CURES = {
  limit = function()
    return ": 1 MiB or 1024 datagrams wait already; await socket:send(...), which is kept in its turn"
  end,
  message_too_big = function(_, data)
    return (": %d bytes were given; over IPv4 there are %d at most, less on some networks"):format(#data, MOST)
  end,
  not_supported = function()
    return '; this socket is of IPv4: one that is bound to "::", or cro.udp.socket(), sends to both families'
  end,
  access = function(self)
    return self.broadcasts and "" or "; sending to a broadcast address needs the option broadcast = true"
  end,
}

--- What waited is told without its address: names it.
---@param err cro.Error
---@param host string|nil
---@param port integer|nil
---@return cro.Error
local function located(err, host, port)
  if err.address and err.address ~= "" or not host then return err end
  err.address = ("%s:%d"):format(host, port)
  err.message = err.message:gsub("^(%l+): ", function(op) return op .. " " .. err.address .. ": " end, 1)
  return err
end

local function explain(self, err, data)
  local cure = CURES[err.kind]
  if cure then err.message = err.message .. cure(self, data) end
  return err
end

local function send_later(self, host, port, data)
  local promise = Promise.made()
  local ok, err = self.box:send_later(host, port, data, function(failure)
    if failure then return Promise.settle_broken(promise, explain(self, located(failure, host, port), data)) end
    return Promise.settle_kept(promise, #data)
  end)
  if not ok then return Promise.broken(explain(self, err, data)) end
  return promise
end

local function check_target(self, host, port, data)
  if type(data) ~= "string" then
    errors.misuse(("socket:send: a string expected as data, got %s; call socket:send(host, port, data)%s"):format(
      options.show(data), self.peer_host and " or socket:send(data)" or ""))
  end
  if self.peer_host and host ~= nil then
    errors.misuse(("socket:send: this socket is connected to %s:%d; call socket:send(data)"):format(
      self.peer_host, self.peer_port))
  end
  if self.peer_host then return end
  if type(host) ~= "string" or host == "" then
    errors.misuse(("socket:send: a host expected, got %s; call socket:send(host, port, data), or connect the socket")
      :format(options.show(host)))
  end
  if type(port) ~= "number" or port % 1 ~= 0 or port < 1 or port > 65535 then
    errors.misuse(("socket:send: port must be a whole number from 1 to 65535, got %s"):format(options.show(port)))
  end
end

--- Sends a datagram. The promise is kept with its length once the kernel has it, which is
--- mostly at once; that says nothing about its arrival. It breaks with kind
--- "message_too_big", "access" (a broadcast without the option), "refused" (connected: nobody
--- had the port for an earlier one), "unreachable", "dns_not_found", "limit" (too much waits
--- already), "closed", ... A host that is a name is looked up for each datagram: connect, or
--- give the address.
---@param host string without it and a port: to the peer of a connected socket
---@param port integer|nil
---@param data string|nil
---@return cro.Promise of the number of bytes
function Socket:send(host, port, data)
  if port == nil and data == nil then
    host, data = nil, host
  end
  check_target(self, host, port, data)
  if not self.open then return Promise.broken(closed_error(self, "send")) end
  local sent, err = self.box:send(host, port, data)
  if sent then return Promise.kept(#data) end
  if sent == nil then return Promise.broken(explain(self, err, data)) end
  return send_later(self, host, port, data)
end

--- Settings ----------------------------------------------------------------------

local function check_open(self, what)
  if not self.open then error(closed_error(self, what), 0) end
end

local function set(self, name, value)
  check_open(self, "set_" .. name)
  local ok, err = self.box:set(name, value)
  if not ok then error(err, 0) end
end

local function check_boolean(name, value)
  options.argument("socket:" .. name, 1, value, "boolean")
  return value and 1 or 0
end

--- Allows sending to broadcast addresses, or not.
---@param on boolean
function Socket:set_broadcast(on)
  set(self, "broadcast", check_boolean("set_broadcast", on))
  self.broadcasts = on
end

local function check_ttl(name, hops, least)
  if type(hops) == "number" and hops % 1 == 0 and hops >= least and hops <= 255 then return hops end
  errors.misuse(("socket:%s: a whole number from %d to 255 expected, got %s"):format(name, least, options.show(hops)))
end

--- How many routers a datagram may pass.
---@param hops integer 1 to 255
function Socket:set_ttl(hops) set(self, "ttl", check_ttl("set_ttl", hops, 1)) end

--- The same of multicast; 1 unless set: this network only.
---@param hops integer 0 to 255
function Socket:multicast_ttl(hops) set(self, "multicast_ttl", check_ttl("multicast_ttl", hops, 0)) end

--- Do the members on this machine get what it sends to a group? They do unless set.
---@param on boolean
function Socket:multicast_loop(on) set(self, "multicast_loop", check_boolean("multicast_loop", on)) end

local function check_interface(name, position, interface)
  if interface == nil or type(interface) == "string" then return end
  options.argument("socket:" .. name, position, interface, "string")
end

--- The interface that multicast goes out by.
---@param interface string its name, or its numeric address (IPv4)
function Socket:multicast_interface(interface)
  options.argument("socket:multicast_interface", 1, interface, "string")
  check_open(self, "multicast_interface")
  local ok, err = self.box:multicast_interface(interface)
  if not ok then error(groups.explain(err, interface, interface), 0) end
end

local function member(self, name, group, interface, join)
  options.argument("socket:" .. name, 1, group, "string")
  check_interface(name, 2, interface)
  check_open(self, name)
  local ok, err = self.box:member(group, interface, join)
  if not ok then error(groups.explain(err, group, interface), 0) end
end

--- Receives what is sent to a multicast group. Raises with kind "invalid" for what is no
--- group, "address_not_available" for an interface that is none.
---@param group string numeric address such as "239.1.2.3" or "ff02::1234"
---@param interface string|nil its name, or its numeric address (IPv4); the system's choice
function Socket:join(group, interface) member(self, "join", group, interface, true) end

--- Receives it no more.
---@param group string
---@param interface string|nil as it was joined
function Socket:leave(group, interface) member(self, "leave", group, interface, false) end

--- This side's numeric address. A socket for sending has port 0 until it has sent.
---@return string|nil host nil once it is closed
---@return integer|nil port
function Socket:address()
  if self.open then note_addresses(self) end
  if self.open then return self.socket_host, self.socket_port end
end

--- Closes: its supplies are done, and what waits to be sent breaks with kind "closed".
--- Closing twice is harmless.
function Socket:close()
  if not self.open then return end
  scope.disown(self)
  self.lost = self.box:dropped()
  self.open = false
  self.box:close()
  for _, sink in ipairs(take_sinks(self)) do
    sink:done()
  end
end

receiver.guard_all(Socket, "socket")

return { wrap = wrap, Datagram = Datagram, located = located }
