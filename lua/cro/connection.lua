--- A connection that is a supply of bytes and takes writes: what TCP, sockets of the unix
--- family, pipes and terminals have in common. `cro.tcp` and `cro.unix` make them.
local Promise = require "cro.promise"
local supplies = require "cro.supply"

---@class cro.Connection
---@field box userdata the connection of the core
---@field peer_host string numeric address of the other side; "unix:" or "" without one
---@field peer_port integer -1 without one
---@field socket_host string numeric address of this side
---@field socket_port integer
---@field private name string of its kind
---@field private room cro.Promise|false what waits for the queue to shrink
---@field private ending cro.Promise|false what waits for the end
---@field private read boolean somebody has tapped it
local Connection = {}
Connection.__index = Connection
Connection.__name = "cro.Connection"

--- The connection of a box of the core. Whoever made the box has it wrapped once.
---@param box userdata cro.core.Connection
---@param name string|nil what its text says it is; default "TCP connection"
---@return cro.Connection
local function wrap(box, name)
  local peer_host, peer_port = box:peer()
  local socket_host, socket_port = box:address()
  return setmetatable({
    box = box,
    name = name or "TCP connection",
    peer_host = peer_host,
    peer_port = peer_port,
    socket_host = socket_host,
    socket_port = socket_port,
    room = false,
    ending = false,
    read = false,
  }, Connection)
end

function Connection:__tostring()
  if self.peer_port < 0 then return self.name end
  return ("%s %s:%d"):format(self.name, self.peer_host, self.peer_port)
end

local function settle(promise, err)
  if err then return Promise.settle_broken(promise, err) end
  return Promise.settle_kept(promise, true)
end

--- What comes in, as strings of bytes: done when the peer has sent its last, quits when
--- the connection breaks. It can be tapped once. While a handler waits nothing is read.
--- Closing the tap closes the connection; its own end does not, so that an answer can
--- still be written: close it then. A connection that nobody holds any more is closed.
---@return cro.Supply
function Connection:supply()
  return supplies.from_source {
    name = tostring(self),
    open = function(sink)
      if self.read then
        error(("%s is read already: a connection has one reader"):format(self), 0)
      end
      self.read = true
      local ended = false
      self.box:start(function(kind, value)
        if kind == "value" then return sink:value(value) end
        ended = true -- the peer's side only: answers may still be written
        if kind == "done" then return sink:done() end
        return sink:quit(value)
      end)
      return function()
        if not ended then self.box:close() end
      end
    end,
  }
end

local UNHEEDED = "1 MiB was written after a write whose promise was not kept yet; "
  .. "await connection:write(...) so that the peer can keep up"

--- Sends bytes. The promise is kept at once while less than 64 KiB wait to be sent,
--- else when that is so again; it breaks with kind "closed", "reset", "broken_pipe" or "aborted".
--- Who does not wait for it and goes on for a MiB more loses the connection: kind "limit".
---@param data string
---@return cro.Promise
function Connection:write(data)
  if type(data) ~= "string" then
    error(("connection:write: a string expected, got %s"):format(type(data)), 2)
  end
  local taken, err = self.box:write(data)
  if taken then return Promise.kept(true) end
  if taken == nil then
    if err.kind == "limit" then err.message = err.message .. ": " .. UNHEEDED end
    return Promise.broken(err)
  end
  if self.room then return self.room end
  local room = Promise.made()
  self.room = room
  self.box:on_drain(function(failure)
    self.room = false
    settle(room, failure)
  end)
  return room
end

--- Kept when the kernel has everything written so far.
---@return cro.Promise
function Connection:flush()
  local promise = Promise.made()
  self.box:on_flushed(function(err) settle(promise, err) end)
  return promise
end

--- Kept when the connection has closed in order, broken with the reason otherwise: kind
--- "reset", ... or "aborted" after an `abort` of this side.
---@return cro.Promise
function Connection:closed()
  if self.ending then return self.ending end
  local promise = Promise.made()
  self.ending = promise
  self.box:on_closed(function(err) settle(promise, err) end)
  return promise
end

--- Says that no more will be written; reading goes on.
function Connection:shutdown() self.box:shutdown() end

--- Closes after what was written has been sent. Closing twice is harmless.
function Connection:close() self.box:close() end

--- Closes at once; the peer sees a reset.
function Connection:abort() self.box:abort() end

--- Sends small writes at once (true) or lets the system join them.
---@param on boolean
function Connection:nodelay(on) self.box:nodelay(on) end

--- Bytes written and not yet with the kernel.
---@return integer
function Connection:queued() return self.box:queued() end

return { wrap = wrap, Connection = Connection }
