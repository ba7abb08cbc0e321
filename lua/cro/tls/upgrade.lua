--- STARTTLS: a connection that has been talked over in plain text goes on as TLS.
---
--- Nobody may read it while that happens, and nothing that came before may be left unread:
--- it would be taken for what the peer has said under protection, whoever put it there.
local Promise = require "cro.promise"
local connections = require "cro.connection"
local core = require "cro.core"
local errors = require "cro.errors"
local handshake = require "cro.tls.handshake"
local options = require "cro.options"
local reading = require "cro.connection.reading"
local scope = require "cro.scope"
local tls_connections = require "cro.tls.connection"
local tls_options = require "cro.tls.options"

local upgrade = {}

local NAMES = { client = "cro.tls.upgrade_client", server = "cro.tls.upgrade_server" }

--- Seconds that a handshake may take.
local HANDSHAKE = 10

--- What stands in the place of the core's box in the old object.
local function gone_box(name, box)
  local through = { close = true, abort = true }
  return setmetatable({}, {
    __index = function(_, method)
      if through[method] then return function() return box[method](box) end end
      return function()
        errors.misuse(("connection:%s: this connection goes on as TLS: use the one that %s gives"):format(method, name))
      end
    end,
  })
end

local function check_connection(name, connection)
  if getmetatable(connection) == connections.Connection then return end
  if connection == nil then
    errors.misuse(("%s: argument 1 (connection) is missing: %s(connection, options) takes a connection of cro.tcp "
      .. "or cro.unix"):format(name, name))
  end
  errors.misuse(("%s: argument 1: a connection of cro.tcp or cro.unix expected, got %s"):format(
    name, options.show(connection)))
end

local function check_state(name, connection)
  if connection.tls then errors.misuse(("%s: %s is under TLS already"):format(name, tostring(connection))) end
  if connections.is_closed(connection) or not reading.state(connection) then return end
  errors.misuse(("%s: %s is still read: what came next would be lost to it. Talk before TLS with "
    .. "connection:read_line(), or tap connection:supply { keep_open = true } and close that tap first"):format(
    name, tostring(connection)))
end

local UNREAD = "%s: %d bytes that came before TLS have not been read: somebody may have put them there, "
  .. "to be taken for protected ones"

--- The other object for the same socket; the old one leads to it no more.
local function take_over(name, connection)
  local box, owner = connection.box, connection.held and connection.held.owner or nil
  local made = connections.wrap(box, (connection.path and "TLS connection " .. connection.path) or "TLS connection")
  made.path = connection.path
  scope.disown(connection)
  connection.box = gone_box(name, box)
  reading.move(connection, made)
  scope.own(made, "tls connection", made.close_left, owner)
  return made
end

local function refused(name, connection, err)
  err.message = ("%s: %s"):format(name, (err.message:gsub("^upgrade: ", "")))
  if err.kind == "closed" then
    err.message = ("%s: %s is closed; a tap closes it when it is closed, but for that of "
      .. "connection:supply { keep_open = true }"):format(name, tostring(connection))
  end
  err.address = tostring(connection)
  return Promise.broken(err)
end

--- Begins the handshake, then takes the object over: what is refused changes nothing.
local function begin(side, connection, checked, context)
  local name = NAMES[side]
  local made, box = false, connection.box
  local promise = Promise.made(function()
    if made then made:abort() end
  end)
  local peer = side == "client" and handshake.name_of(checked.server_name or "") or ""
  local ok, err = core.tls_wrap(box, context.box, side == "server", peer, checked.handshake_timeout or HANDSHAKE,
    function(failure)
      if not failure then return Promise.settle_kept(promise, tls_connections.inform(made)) end
      scope.disown(made)
      return Promise.settle_broken(promise, handshake.explain(failure))
    end)
  if not ok then return refused(name, connection, err) end
  made = take_over(name, connection)
  return promise
end

local function run(side, connection, given)
  local name = NAMES[side]
  check_connection(name, connection)
  tls_options.refuse_foreign(name, side, type(given) == "table" and given or {})
  local checked = tls_options.check(name, given, side)
  if side == "client" and not checked.server_name and not checked.insecure then
    errors.misuse(('%s: option "server_name" is required (string): whose certificate is expected'):format(name))
  end
  check_state(name, connection)
  if connections.is_closed(connection) then return refused(name, connection, errors.new("closed", "")) end
  local _, unread = reading.state(connection)
  if unread > 0 then
    return Promise.broken(errors.new("protocol", UNREAD:format(name, unread), { address = tostring(connection) }))
  end
  if checked.insecure then handshake.warn_insecure(name) end
  local context, err = tls_options.context(checked)
  if not context then return Promise.broken(err) end
  return begin(side, connection, checked, context)
end

--- Has a connection go on as TLS, this side being the client: after the other side has said
--- that it may (STARTTLS of SMTP, IMAP, PostgreSQL, ...). The promise is kept with another
--- connection, which takes the place of this one; it is broken as that of
--- `cro.tls.connect`, and with kind "protocol" when bytes have come that were not read.
---
--- Nobody may read the connection meanwhile: see `connection:read_line`. Options are those
--- of TLS for clients; `server_name` is required.
---@param connection cro.Connection
---@param given table
---@return cro.Promise of cro.Connection
function upgrade.client(connection, given) return run("client", connection, given) end

--- The same of the side that shows a certificate. Call it after the promise of the write
--- that has told the client to begin.
---@param connection cro.Connection
---@param given table options of TLS for servers, certificate_file before all
---@return cro.Promise of cro.Connection
function upgrade.server(connection, given) return run("server", connection, given) end

return upgrade
