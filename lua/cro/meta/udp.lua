---@meta cro.core
--- Datagram sockets as C gives them to cro.udp.

local core = {}

---@class cro.core.UdpOptions
---@field host string|nil none: all addresses
---@field port integer|nil 0: chosen by the system
---@field connect boolean|nil host and port are the peer's
---@field reuse_address boolean|nil
---@field reuse_port boolean|nil
---@field ipv6_only boolean|nil
---@field broadcast boolean|nil
---@field ttl integer|nil
---@field recv_buffer integer|nil
---@field send_buffer integer|nil
---@field max_size integer|nil bytes kept of a datagram

--- A socket that is bound, or connected; `fn` is called once it is, or with why it is not.
---@param options cro.core.UdpOptions
---@param fn fun(err: cro.Error|nil)
---@return cro.core.UdpSocket
function core.udp_open(options, fn) end

--- A socket that only sends, until it has a port.
---@param options cro.core.UdpOptions
---@return cro.core.UdpSocket|nil
---@return cro.Error|nil
function core.udp_socket(options) end

---@class cro.core.UdpSocket
local udp = {}

--- Calls `fn("value", list, n)` with what comes, and `fn("quit", err)`; one call at a time.
--- The list is used again: take out what is to stay.
---@param fn fun(kind: string, value: any, n: integer|nil)
---@param metatable table of a datagram
function udp:start(fn, metatable) end

--- The function is not called any more; what comes stays with the kernel.
function udp:stop() end

--- Closes; what waits to be sent is told. Harmless twice.
function udp:close() end

--- Gives a datagram to the kernel: true; false when it would have to wait; or nil and why
--- not. Without a host: to the peer.
---@param host string|nil
---@param port integer|nil
---@param data string
---@return boolean|nil
---@return cro.Error|nil
function udp:send(host, port, data) end

--- The same, waiting its turn: true, or nil and why not; `fn` is called when it was sent
--- or could not be.
---@param host string|nil
---@param port integer|nil
---@param data string
---@param fn fun(err: cro.Error|nil)
---@return boolean|nil
---@return cro.Error|nil
function udp:send_later(host, port, data, fn) end

--- Changes a setting: true, or nil and why not.
---@param name "broadcast"|"ttl"|"multicast_ttl"|"multicast_loop"
---@param value integer
---@return boolean|nil
---@return cro.Error|nil
function udp:set(name, value) end

--- Joins a multicast group or leaves it: true, or nil and why not.
---@param group string
---@param interface string|nil
---@param join boolean
---@return boolean|nil
---@return cro.Error|nil
function udp:member(group, interface, join) end

--- Where multicast goes out: true, or nil and why not.
---@param interface string
---@return boolean|nil
---@return cro.Error|nil
function udp:multicast_interface(interface) end

--- This side's address, or the peer's; nothing when there is none.
---@param peer boolean
---@return string|nil host
---@return integer|nil port
function udp:address(peer) end

--- Counts datagrams that were thrown away.
---@param count integer
function udp:drop(count) end

--- How many were thrown away, by the kernel too as far as it has said; nothing when closed.
---@return integer|nil
function udp:dropped() end

--- How many wait to be sent.
---@return integer
function udp:queued() end

return core
