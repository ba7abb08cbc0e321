---@meta cro.core
--- Connections and listeners as C gives them to Lua; cro.tcp, cro.unix and cro.connection
--- are made of them.
---@class cro.core
local core = {}

---@class cro.core.ListenOptions
---@field host string
---@field port integer
---@field backlog integer|nil
---@field reuse_port boolean|nil
---@field nodelay boolean|nil
---@field ipv6_only boolean|nil an IPv6 address brings no IPv4 connections
---@field keep_alive integer|nil seconds; 0 or nil: off
---@field path string|nil a socket of the unix family there instead
---@field mode integer|nil of its file; nil: as the umask says
---@field unlink boolean|nil a socket file there that nobody listens on is removed first
---@field fd integer|nil a descriptor that listens already

---@class cro.core.ConnectOptions
---@field host string
---@field port integer
---@field timeout number|nil seconds in all; 10
---@field nodelay boolean|nil
---@field keep_alive integer|nil seconds; 0 or nil: off
---@field local_host string|nil numeric address to connect from
---@field local_port integer|nil
---@field path string|nil a socket of the unix family instead

--- Listens. `fn` gets ("ready"), then ("value", connection) for each; ("quit", err) when
--- it cannot listen.
---@param options cro.core.ListenOptions
---@param fn fun(kind: string, value: any)
---@return cro.core.Listener
function core.tcp_listen(options, fn) end

--- Connects. `fn` gets the connection, or nil and why there is none: `err.tried` lists
--- the addresses that were tried, `{ host =, kind =, message = }` each.
---@param options cro.core.ConnectOptions
---@param fn fun(connection: cro.core.Connection|nil, err: cro.Error|nil)
---@return cro.core.Connecting
function core.tcp_connect(options, fn) end

---@class cro.core.Listener
local listener = {}

--- Accepts no more; its connections live on. Harmless twice.
function listener:close() end

--- Where it listens; nothing when it does not.
---@return string|nil host or path
---@return integer|nil port nil for a path
function listener:address() end

---@class cro.core.Connecting
local connecting = {}

--- Gives up: the function is not called.
function connecting:close() end

---@class cro.core.Connection
local connection = {}

--- Begins to read: true, or nil and why when it has closed. `fn` gets ("value", bytes)...,
--- then ("done") or ("quit", err).
---@param fn fun(kind: string, value: any)
---@return boolean|nil
---@return cro.Error|nil
function connection:start(fn) end

--- Sends bytes: true; false when they were taken but more should wait; or nil and why
--- not.
---@param data string
---@return boolean|nil
---@return cro.Error|nil
function connection:write(data) end

--- Calls a function once, when a write that answered false may go on.
---@param fn fun(err: cro.Error|nil)
function connection:on_drain(fn) end

--- Calls a function once, when the kernel has all that was written.
---@param fn fun(err: cro.Error|nil)
function connection:on_flushed(fn) end

--- Calls a function once, when the connection has closed.
---@param fn fun(err: cro.Error|nil)
function connection:on_closed(fn) end

--- Sends FIN behind what is queued; reading goes on.
function connection:shutdown() end

--- Closes behind what is queued.
function connection:close() end

--- Closes at once; the peer sees a reset.
function connection:abort() end

--- The other side's address, also when it has closed.
---@return string host
---@return integer port
function connection:peer() end

--- This side's address.
---@return string host
---@return integer port
function connection:address() end

--- TCP_NODELAY: small writes go out at once.
---@param on boolean
function connection:nodelay(on) end

--- SO_KEEPALIVE after so many seconds of silence; 0: off.
---@param seconds integer
function connection:keep_alive(seconds) end

--- The descriptor; nil when it has closed.
---@return integer|nil
function connection:fd() end

--- Who connected to a socket of the unix family; or nil and why that is not known.
---@return integer|nil pid
---@return integer|cro.Error uid
---@return integer|nil gid
function connection:peer_user() end

--- Bytes written that the kernel has not taken.
---@return integer
function connection:queued() end

--- A connection of an open descriptor that is a stream: a pipe, a terminal, a connected
--- socket; it owns the descriptor from then on. Nil and why not for anything else, which
--- stays as it is. `shared`: other processes hold the open file too (standard input).
---@param fd integer
---@param shared boolean|nil
---@return cro.core.Connection|nil
---@return cro.Error|nil
function core.stream_adopt(fd, shared) end

return core
