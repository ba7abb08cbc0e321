--- TLS: what `cro.tcp` and `cro.unix` do, encrypted, with both sides sure who is at the
--- other end as far as they ask.
---
---     whenever(cro.tls.listen("localhost", 4433, { certificate_file = "cert.pem", private_key_file = "key.pem" }),
---       function(connection) connection:write(connection.tls.version) end)
local receiver = require "cro.receiver"
local connections = require "cro.tls.connection"
local endpoint = require "cro.endpoint"
local errors = require "cro.errors"
local handshake = require "cro.tls.handshake"
local later = require "cro.later"
local options = require "cro.options"
local plans = require "cro.endpoint.plans"
local Promise = require "cro.promise"
local tls_options = require "cro.tls.options"
local types = require "cro.pipeline.types"

local tls = {}

--- The message type of bytes in pipelines, that of `cro.tcp`.
tls.Message = types.tcp_message
--- The type of connections in pipelines, that of `cro.tcp`.
tls.Connection = types.tcp_connection

local LISTEN = plans.join(plans.TCP_LISTEN, plans.UNIX_LISTEN, tls_options.rules.server,
  { on_handshake_error = "callable" })
local LISTEN_FUNCTION = plans.join(LISTEN, { bound = "function" })
local CONNECT = plans.join(plans.TCP_CONNECT, plans.UNIX_CONNECT, tls_options.rules.client)

--- What is the socket's, without what is TLS's.
local function socket_options(given, rules)
  local own = {}
  for key, value in pairs(given) do
    if not rules[key] then own[key] = value end
  end
  own.on_handshake_error = nil
  return own
end

local function check_place(name, given)
  if given.path and (given.host or given.port or given.fd) then
    errors.misuse(('%s: option "path" goes without host, port and fd: it is in one place'):format(name))
  end
  return plans.need_port(name, given)
end

--- Listening ----------------------------------------------------------------------

--- A listener that shows certificates. `reload_tls` reads them again, with keys and CAs: kept
--- with true, or broken with what is wrong while everything stays as it was.
---@class cro.tls.Listener: cro.Listener
---@field reload_tls fun(self: cro.tls.Listener): cro.Promise

local function listening(name, given, bound)
  local checked = tls_options.finish(name, "server", given)
  local context
  local function ready()
    if context then return nil end
    local made, err = tls_options.context(checked)
    context = made
    return err
  end
  local plan = plans.listen(socket_options(given, tls_options.rules.server), bound)
  plan.name, plan.kind = plan.name:gsub("^listener", "TLS listener"), "tls connection"
  plan.wrap = connections.wrapping(given.path)
  local told = plan.bound
  function plan.bound(place, port)
    if port then plan.name = ("TLS listener %s:%d"):format(place, port) end
    if told then told(place, port) end
  end
  plan.failed = handshake.reporter(function() return plan.name end, given.on_handshake_error)
  function plan.prepare(target)
    local err = ready()
    if err then return err end
    target.tls, target.handshake_timeout = context.box, checked.handshake_timeout
  end
  function plan.opened() return context:watch() end
  local listener = endpoint.listen(plan)
  function listener.reload_tls()
    local err = ready()
    if err then return Promise.broken(err) end
    local ok, failure = context:reload()
    return ok and Promise.kept(true) or Promise.broken(failure)
  end
  return listener
end

--- A supply of connections whose handshake is over. It listens while it is tapped, and
--- quits when it cannot: as `cro.tcp.listen`, or because of a certificate, key or CA:
--- kind "not_found", "access", "certificate", ... `address()` tells where;
--- `reload_tls()` reads the files again, as does by itself a look every few seconds when
--- one has changed.
---
--- Takes the options of `cro.tcp.listen`, or with `path` those of `cro.unix.listen`; those of
--- TLS, certificate_file before all (see cro.tls.options); and `on_handshake_error =
--- function(err)`, called for each handshake that fails: `err.address` is whose. Without it
--- stderr says so, now and then. A failed handshake harms nobody else.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.tls.Listener
function tls.listen(host, port, more)
  local name = "cro.tls.listen"
  local given = endpoint.arguments(name, { "host", "port" }, host, port, more)
  tls_options.refuse_foreign(name, "server", given)
  given = check_place(name, options.check(name, given, LISTEN_FUNCTION))
  local bound = given.bound
  given.bound = nil
  return listening(name, given, bound)
end

--- Connecting ---------------------------------------------------------------------

local function check_client(name, given)
  local checked = tls_options.finish(name, "client", given)
  if given.path and not given.server_name and not checked.insecure and not given.context then
    errors.misuse(('%s: option "server_name" is required with path (string): whose certificate is expected')
      :format(name))
  end
  return checked
end

local function connecting(name, given, checked)
  if checked.insecure then handshake.warn_insecure(name) end
  local plan = plans.connect(socket_options(given, tls_options.rules.client))
  local explain = plan.explain
  plan.kind = "tls connection"
  plan.wrap = connections.wrapping(given.path)
  function plan.prepare(target)
    local context, err = tls_options.context(checked)
    if not context then return err end
    target.tls, target.handshake_timeout = context.box, checked.handshake_timeout
    target.server_name = handshake.name_of(given.server_name or given.host or "localhost")
  end
  function plan.explain(err)
    if err.phase == "handshake" then return handshake.explain(err) end
    return explain and explain(err) or err
  end
  return endpoint.connect(plan)
end

--- Connects and shakes hands. The promise is kept when the other side has shown a
--- certificate that is trusted and is for `host`, or `server_name`; broken as that of
--- `cro.tcp.connect`, and with kind "certificate" (not trusted, expired, for somebody else),
--- "alpn", "tls" (no version or cipher in common, ...), "protocol" (no TLS there at all),
--- "timeout".
---
--- Takes the options of `cro.tcp.connect`, or with `path` those of `cro.unix.connect`; and
--- those of TLS (see cro.tls.options). `timeout` is for all of it, `handshake_timeout` (10)
--- for the handshake.
---@param host string|table
---@param port integer|nil
---@param more table|nil
---@return cro.Promise of cro.Connection
function tls.connect(host, port, more)
  local name = "cro.tls.connect"
  local given = endpoint.arguments(name, { "host", "port" }, host, port, more)
  tls_options.refuse_foreign(name, "client", given)
  given = check_place(name, options.check(name, given, CONNECT))
  return connecting(name, given, check_client(name, given))
end

--- Parts of pipelines ---------------------------------------------------------------

--- The pipeline part that listens: in the place of `cro.tcp.listener` the same pipeline is
--- encrypted. Options as `tls.listen`; port 0 unless given.
tls.listener = endpoint.listener("TLS Listener", LISTEN, function(given, bound)
  if not given.path then given.port = given.port or 0 end
  return listening("TLS Listener", given, bound)
end, function(given)
  if given.path then check_place("TLS Listener", given) end
  tls_options.finish("TLS Listener", "server", given)
end)

--- The pipeline part that connects: messages go to the peer, what it says comes out.
--- Options as `tls.connect`.
tls.connector = endpoint.connector("TLS Connector", CONNECT, tls.connect, function(given)
  tls_options.finish("TLS Connector", "client", given)
end)

--- Contexts -------------------------------------------------------------------------

local SIDE = { "string", one_of = { "server", "client" }, default = "server" }

--- Reads certificates, keys and CAs once, for any number of listeners, servers or
--- connections: `context = it` stands in their options in the place of all that is given
--- here, or the context itself in the place of the table (`http.server { tls = it }`).
--- Options are those of TLS (see cro.tls.options), and `side`: "server" (default) or
--- "client". Raises when a file is wrong. `context:reload()` reads all files again.
---@param given table
---@return cro.tls.Context
function tls.context(given)
  local name = "cro.tls.context"
  options.argument(name, 1, given, "table")
  local side = given.side == "client" and "client" or "server"
  tls_options.refuse_foreign(name, side, given)
  local rules = plans.join(tls_options.rules[side], { side = SIDE })
  rules.context, rules.server_name, rules.handshake_timeout = nil, nil, nil
  local checked = tls_options.finish(name, side, options.check(name, given, rules))
  if checked.insecure then handshake.warn_insecure(name) end
  local context, err = require("cro.tls.context").own(checked)
  if context then return context end
  local place = errors.place()
  if place ~= "?" then err.message = ("%s: %s"):format(place, err.message) end
  error(err, 0)
end

tls.upgrade_client = later.fn("cro.tls.upgrade", "client")
tls.upgrade_server = later.fn("cro.tls.upgrade", "server")

return receiver.plain(tls, "cro.tls")
