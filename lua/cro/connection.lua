--- A connection that is a supply of bytes and takes writes: what TCP, sockets of the unix
--- family, pipes and terminals have in common. `cro.tcp` and `cro.unix` make them.
local Promise = require "cro.promise"
local Outcome = require "cro.outcome"
local later = require "cro.later"
local receiver = require "cro.receiver"
local errors = require "cro.errors"
local options = require "cro.options"
local scope = require "cro.scope"
local supplies = require "cro.supply"

---@class cro.Connection
---@field box userdata the connection of the core
---@field peer_host string numeric address of the other side; "unix:" or "" without one
---@field peer_port integer -1 without one
---@field socket_host string numeric address of this side
---@field socket_port integer
---@field path string|nil of a socket of the unix family
---@field private name string of its kind; "TCP connection" on the class
---@field private room table|false promises of writes that wait for the queue to shrink
---@field private ending cro.Outcome|false what waits for the end
---@field private closer string how this side closes it, for messages
---@field held table|false who closes it if nobody else does
---@field tls cro.tls.Info|nil what was agreed on, of a connection under TLS
---@field alpn_result string|nil the same as tls.alpn
---@field private reading cro.Reader|false
---@field private state integer READ, SHUT and CLOSED, of this side; one field, since eight fields fit
local Connection = {}
Connection.__index = Connection
Connection.__name = "cro.Connection"
--- What its text says it is.
Connection.name = "TCP connection"
--- What waits for its end, once somebody does.
Connection.ending = false
--- Who reads it on demand; see cro.connection.reading.
Connection.reading = false
--- How this side closes it.
Connection.closer = "connection:close()"

--- Somebody has tapped it; `shutdown` was called; `close` was.
local READ, SHUT, CLOSED = 1, 2, 4

--- The connection of a box of the core. Whoever made the box has it wrapped once.
---@param box userdata cro.core.Connection
---@param name string|nil what its text says it is; default "TCP connection"
---@return cro.Connection
local function wrap(box, name)
  -- Constants only, the rest below: LuaJIT sizes the table for what is constant.
  local self = setmetatable({
    box = false,
    peer_host = false,
    peer_port = false,
    socket_host = false,
    socket_port = false,
    room = false,
    state = 0,
    held = false,
  }, Connection)
  self.box = box
  self.peer_host, self.peer_port = box:peer()
  self.socket_host, self.socket_port = box:address()
  if self.peer_host == "unix:" then name = name or "unix connection" end
  if name then self.name = name end
  return self
end

local function is(self, flag) return bit.band(self.state, flag) ~= 0 end

local function set(self, flag) self.state = bit.bor(self.state, flag) end

function Connection:__tostring()
  if self.peer_port < 0 then return self.name end
  return ("%s %s:%d"):format(self.name, self.peer_host, self.peer_port)
end

--- An error of the core names the operation; here it is told of what.
local function of(where, err)
  err.address = where
  err.message = err.message:gsub("^(%l+): ", function(op)
    if op == "connection" then return where .. ": " end
    return ("%s %s: "):format(op, where)
  end, 1)
  return err
end

--- Says of "already closed" who closed it, and what to do; of other errors, of what.
local function explain(self, err, op, cure)
  local where = tostring(self)
  if err.kind ~= "closed" then return of(where, err) end
  local said = is(self, CLOSED) and self.closer or is(self, SHUT) and op == "write" and "connection:shutdown()"
  err.address = where
  err.message = said and ("%s: this side has ended %s with %s; %s before"):format(op, where, said, cure)
    or ("%s: %s is closed; %s before, or ask connection:closed()"):format(op, where, cure)
  return err
end

local function start(self, on_event, quit)
  local err = is(self, CLOSED) and errors.new("closed", "") or nil
  set(self, READ)
  if not err then
    local _, failure = self.box:start(on_event)
    err = failure
  end
  if err then quit(explain(self, err, "read", "tap it")) end
end

--- The supply of a connection that nobody has read from; `left` is called when the tap is
--- closed before its end.
local function input(self, left)
  local name = tostring(self)
  return supplies.from_source {
    name = name,
    open = function(sink)
      if is(self, READ) then
        errors.misuse(("%s is read already: a connection has one reader; "
          .. "share() of its supply gives every tap all of it"):format(name))
      end
      local ended = false
      start(self, function(kind, value) -- leads to no self: the core keeps it until the box is collected
        if kind == "value" then return sink and sink:value(value) end
        local last = sink
        ended, sink = kind, nil
        if not last then return end
        if kind == "done" then return last:done() end
        return last:quit(of(name, value))
      end, function(err) sink:quit(err) end)
      return function()
        sink = nil
        if ended == "quit" then return scope.disown(self) end
        if not ended then left(self) end -- done is the peer's side only: answers may still be written
      end
    end,
  }
end

local function close(self) self:close() end

--- What comes in, as strings of bytes: done when the peer has sent its last, quits when
--- the connection breaks. It can be tapped once. While a handler waits nothing is read.
--- Closing the tap closes the connection; its own end does not, so that an answer can
--- still be written: close it then. A connection that nobody holds any more is closed.
---
--- With `keep_open` closing the tap leaves the connection open and unread: it may be
--- tapped again, read by `read_line`, or go on as TLS.
---@param given { keep_open: boolean|nil }|nil
---@return cro.Supply
function Connection:supply(given)
  if given or self.reading then return require("cro.connection.reading").supply(self, given) end
  return input(self, close)
end

local function ignore() end

--- The same for the pipeline of a connection, whose end is what closes it: when the tap is
--- closed before, as an answer is on its way, what still comes is thrown away.
---@package
---@return cro.Supply
function Connection:input()
  if self.reading then return self:supply { keep_open = true } end
  return input(self, ignore)
end

local UNHEEDED = "1 MiB was written after a write whose promise was not kept yet; "
  .. "await connection:write(...) so that the peer can keep up"

local function cannot_write(self, err)
  explain(self, err, "write", "write")
  if err.kind == "limit" then err.message = err.message .. ": " .. UNHEEDED end
  return Promise.broken(err)
end

local function open_room(self)
  local room = {} -- sizes and promises in turn, in the order of the writes
  self.room = room
  local ok, err = pcall(self.box.on_drain, self.box, function(failure)
    self.room = false
    if failure then explain(self, failure, "write", "write") end
    for i = 1, #room, 2 do
      if failure then
        Promise.settle_broken(room[i + 1], failure)
      else
        Promise.settle_kept(room[i + 1], room[i])
      end
    end
  end)
  if ok then return room end
  self.room = false -- no memory; nobody would ever call
  error(err, 0)
end

--- Numbers and promises of writes that wait, before one promise does for all of one size:
--- who does not look at them would otherwise pile them up.
local OWN = 128

local function wait_for_room(self, bytes)
  local room = self.room or open_room(self)
  for i = OWN + 1, #room, 2 do
    if room[i] == bytes and not room[i + 1]:was_cancelled() then return room[i + 1] end
  end
  local promise = Promise.made()
  room[#room + 1] = bytes
  room[#room + 1] = promise
  return promise
end

local function text_of(self, data)
  if getmetatable(self) ~= Connection then receiver.refuse("connection", "write", self) end
  if type(data) == "number" then return tostring(data) end
  errors.misuse(("connection:write: a string or a number expected, got %s"):format(options.show(data)))
end

local sent, sent_bytes = Promise.kept(0), 0

--- Kept promises that tell the same are one: most writes are as long as the one before.
local function kept(bytes)
  if bytes ~= sent_bytes then
    sent, sent_bytes = Promise.kept(bytes), bytes
  end
  return sent
end

--- Sends bytes; a number is sent as its text. The promise is kept with how many bytes
--- these were: at once while less than 64 KiB wait to be sent, else when that is so
--- again; it breaks with kind "closed", "reset", "broken_pipe" or "aborted". Who does not
--- wait for it and goes on for a MiB more loses the connection: kind "limit".
---@param data string|number
---@return cro.Promise of the number of bytes
function Connection:write(data)
  if type(data) ~= "string" then data = text_of(self, data) end
  local taken, err = self.box:write(data)
  if taken then return kept(#data) end
  if taken == nil then return cannot_write(self, err) end
  return wait_for_room(self, #data)
end

--- The same as `write`.
Connection.print = Connection.write

--- Kept when the kernel has everything written so far.
---@return cro.Promise
function Connection:flush()
  local promise = Promise.made()
  self.box:on_flushed(function(err)
    if err then explain(self, err, "flush", "flush") end
    return err and Promise.settle_broken(promise, err) or Promise.settle_kept(promise, true)
  end)
  return promise
end

--- Kept when the connection has closed in order, broken with the reason otherwise: kind
--- "reset", ... or "aborted" after an `abort` of this side.
---@return cro.Promise
function Connection:closed()
  if self.ending then return self.ending:ask() end
  local ending, where = Outcome.new(), tostring(self)
  self.box:on_closed(function(err) -- leads to no self: the core keeps it
    if err then return ending:fail(of(where, err)) end
    return ending:keep(true)
  end)
  self.ending = ending
  return ending:ask()
end

--- Says that no more will be written, behind what was; reading goes on.
function Connection:shutdown()
  set(self, SHUT)
  self.box:shutdown()
end

--- Closes after what was written has been sent. Closing twice is harmless.
function Connection:close()
  set(self, CLOSED)
  scope.disown(self)
  self.box:close()
end

--- Closes at once; a TCP peer sees a reset.
function Connection:abort()
  scope.disown(self)
  self.box:abort()
end

--- Sends small writes at once (true) or lets the system join them. Nothing to what is no
--- TCP.
---@param on boolean
function Connection:nodelay(on)
  options.argument("connection:nodelay", 1, on, "boolean")
  self.box:nodelay(on)
end

--- Has the system ask a peer that has been silent for so many seconds whether it is still
--- there, four times, at intervals of a quarter of that: one that is not is noticed after
--- twice the time, as kind "timeout". False: it does not ask, as is so at first. Nothing
--- to what is no TCP.
---@param seconds integer|false 1 to 32767
function Connection:keep_alive(seconds)
  local whole = type(seconds) == "number" and seconds % 1 == 0
  if seconds ~= false and not (whole and seconds >= 1 and seconds <= 32767) then
    errors.misuse(("connection:keep_alive: whole seconds from 1 to 32767 expected, or false, got %s"):format(
      options.show(seconds)))
  end
  self.box:keep_alive(seconds or 0)
end

--- The descriptor of the system, to ask or set what is not offered here; nil when the
--- connection has closed. Reading, writing or closing it is the connection's alone.
---@return integer|nil
function Connection:fd() return self.box:fd() end

--- Who connected to a socket of the unix family, as the system knows it.
---@return { pid: integer, uid: integer, gid: integer }|nil nil for other connections
---@return cro.Error|nil why not
function Connection:peer_user()
  local pid, uid, gid = self.box:peer_user()
  if not pid then return nil, uid end
  return { pid = pid, uid = uid, gid = gid }
end

--- For cro.scope: closes one that was left open.
---@param connection cro.Connection
function Connection.close_left(connection) connection:close() end

--- Bytes written and not yet with the kernel.
---@return integer
function Connection:queued() return self.box:queued() end

later.add(Connection, "cro.connection.reading", { "read_line", "read" })

-- A check for each write would be felt.
receiver.guard_all(Connection, "connection", { write = true, print = true, close_left = true })

--- Is it read by a tap, or was it?
local function is_read(self) return is(self, READ) end

--- Has this side closed it?
local function is_closed(self) return is(self, CLOSED) end

return {
  wrap = wrap, Connection = Connection, start = start, of = of, is_read = is_read, is_closed = is_closed,
}
