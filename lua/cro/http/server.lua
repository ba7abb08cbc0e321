--- `http.server`: an application, a port, and what is common to all requests.
---
--- Routes are served by the core directly. An application that is a transform, or
--- middleware that works on bytes, makes a pipeline composed of listener, parser,
--- application and serializer; what the service can do is the same.
local body = require "cro.http.body"
local composed = require "cro.http.composed"
local core = require "cro.core"
local endpoint = require "cro.endpoint"
local errors = require "cro.errors"
local message = require "cro.http.message"
local methods = require "cro.http.methods"
local opts = require "cro.options"
local Promise = require "cro.promise"
local protocols = require "cro.http.protocols"
local router = require "cro.http.router"
local settings = require "cro.http.settings"
local stage = require "cro.http.router.stage"
local status = require "cro.http.status"
local transforms = require "cro.http.transforms"
require "cro.http.context"
require "cro.promises" -- Promise.after

local server = {}

local PORT = { "integer", check = function(n) return n >= 0 and n <= 65535, "a port from 0 to 65535" end }

local KEYS = {
  host = { "string", default = "localhost" },
  port = PORT,
  path = endpoint.rules.path,
  mode = endpoint.rules.mode,
  unlink = "boolean",
  fd = "integer",
  application = { "any", required = true, wants = "r.route { ... } or a transform" },
  before = "callable|table",
  after = "callable|table",
  before_parse = "table",
  after_serialize = "table",
  body_parsers = "table",
  add_body_parsers = "table",
  body_serializers = "table",
  add_body_serializers = "table",
  allowed_methods = "table",
  limits = "table",
  timeouts = "table",
  h2 = "table",
  tls = protocols.KEYS.tls,
  ssl = protocols.KEYS.ssl,
  on_handshake_error = "callable",
  http = protocols.KEYS.http,
  label = "string",
  server_header = "string",
}

---@class cro.http.Server: cro.Service
---@field kind "service"
---@field package box any the core's server while it is started
---@field package options table
---@field tls cro.tls.Context|false
local Server = {}
Server.__index = Server
Server.__name = "cro.http.Server"

local CURES = {
  aborted = "the service was stopped before it listened",
  address_in_use = "choose another port or stop the process that holds it",
  exists = "what is there is no socket and is left alone; choose another path",
  not_found = "make the directory of the socket first",
  too_long = "a path of a socket has at most 107 bytes, a host name 253",
  access = "choose a port above 1023 or run with the right to use this one",
  address_not_available = "choose an address of this machine, or 0.0.0.0 for all of them",
  dns = "check the host name",
  dns_not_found = "check the host name",
  dns_temporary = "check the network",
}

local STALE = "stop the process that listens there, or replace what one left behind: unlink = true"

local function cure_of(self, err)
  if err.kind == "address_in_use" and self.options.path then
    return self.options.unlink and "stop the process that listens there" or STALE
  end
  return CURES[err.kind]
end

local function raise_cannot_start(self, err)
  local where = err.address or ("%s:%d"):format(self.options.host, self.options.port or 0)
  local what = err.message:match "^.*: (.-)$" or err.message
  local cure = cure_of(self, err)
  local place = errors.place()
  local text = ("%s%s: %s%s"):format(place == "?" and "" or place .. ": ", what, where, cure and "; " .. cure or "")
  local fields = { code = err.code, op = "listen", address = where, phase = "start", cause = err }
  error(errors.new(err.kind, text, fields), 0)
end

local function unwatch(self)
  if self.unwatch then self.unwatch() end
  self.unwatch = false
end

--- Starts to serve. Returns when the port is bound; raises at the caller's line when it
--- cannot be.
---@async
---@return cro.http.Server itself
function Server:start()
  if self.box then errors.misuse "http.server: this service is already started" end
  local bound, box = Promise.made(), core.server(self.native)
  self.box, self.job, self.stopping = box, Promise.made(), false
  if self.tls then self.unwatch = self.tls:watch() end
  box:start(function(err) Promise.settle_kept(bound, err or false) end)
  local err = bound:await()
  if not err then return self end
  if not self.stopping then
    unwatch(self)
    self.box, self.job = false, false
  end
  return raise_cannot_start(self, err)
end

--- Where it listens: the port is the real one when 0 was asked for.
---@return string|nil host or path; nil when it is not started
---@return integer|nil port nil for a path
function Server:address()
  if not self.box then return nil end
  return self.box:address()
end

---@class cro.http.ServerStats
---@field connections integer open
---@field handshakes integer of these: TLS is being negotiated
---@field http2 integer of these: speak HTTP/2
---@field running integer requests that are being answered; with HTTP/2 many for one connection
---@field accepted integer connections since the start
---@field refused integer connections beyond limits.connections
---@field tls_failed integer handshakes that came to nothing
---@field requests integer since the start

--- What is open now, and what has been since the start.
---@return cro.http.ServerStats
function Server:stats()
  if self.box then return self.box:stats() end
  return {
    connections = 0, handshakes = 0, http2 = 0, running = 0, accepted = 0, refused = 0, tls_failed = 0, requests = 0,
  }
end

--- Reads certificates, keys and CAs again, as a change of a file has done within seconds,
--- and SIGHUP under `cro.run` at once. Whoever shakes hands from then on is shown what they
--- hold; connections that are open go on.
---@return cro.Promise of true; broken with what is wrong, while all stays as it was
function Server:reload_tls() return composed.reload(self.tls) end

--- Settled when the service has ended.
---@return cro.Promise|nil nil when it was not started
function Server:ended() return self.job or nil end

local STOP = {
  now = { "boolean", default = false },
  timeout = { "number", check = function(n) return n >= 0, "seconds, 0 or more" end },
}

local function cut_after(self, seconds)
  local limit = Promise.after(seconds)
  limit:and_then(function()
    if not self.box then return end
    self.clean = false
    self.box:stop(true)
  end)
  return limit
end

local function finish(self, limit)
  limit:cancel()
  unwatch(self)
  self.box = false
  Promise.settle_kept(self.stopping, self.clean)
  Promise.settle_kept(self.job, true)
end

--- Stops listening and lets what runs come to its end, at most `timeout` seconds, by
--- default `timeouts.drain` (30). `now` ends everything at once. A second call may cut
--- the first short.
---@param given { now: boolean|nil, timeout: number|nil }|nil
---@return cro.Promise of true, or false when something was cut off
function Server:stop(given)
  local options = opts.check("service:stop", given, STOP)
  if not self.job then
    errors.misuse "The service was not started and the stop method is called on it, a missing :start()?"
  end
  if self.stopping then
    if options.now and self.box then
      self.clean = false
      self.box:stop(true)
    end
    return self.stopping
  end
  self.stopping = Promise.made()
  self.clean = not options.now
  local limit = cut_after(self, options.timeout or self.native.timeouts.drain or 30)
  self.box:stop(options.now, function() finish(self, limit) end)
  return self.stopping
end

function Server:__tostring() return "http.server " .. self.name end

local function list_or_default(added, replaced, default)
  if not added and not replaced then return nil end
  return composed.join(added, replaced or default)
end

--- A stage that refuses methods outside of the list: 501.
local function method_stage(allowed)
  local set = {}
  for _, name in ipairs(allowed) do
    methods.check("http.server: allowed_methods", name)
    set[name] = true
  end
  return {
    phase = "before",
    run = function(c)
      if not set[c.method] then status.refuse(c, 501) end
    end,
  }
end

local function stages_of(options)
  local stages = stage.list("http.server: before", "before", options.before)
  if options.allowed_methods then table.insert(stages, 1, method_stage(options.allowed_methods)) end
  return composed.join(stages, stage.list("http.server: after", "after", options.after))
end

local function application_of(value)
  if router.is_routes(value) then return value end
  local part = transforms.instance(value)
  if not part then
    errors.misuse(('http.server: option "application": expected r.route { ... } or a transform, got %s'):format(
      opts.show(value)))
  end
  transforms.check_types("http.server: application", part, message.Request, message.Response)
  return part
end

local function name_of_server() return "http.server" end

local function native_options(options, limits, speaks, app)
  limits.timeouts.tls_handshake = speaks.handshake_timeout or limits.timeouts.tls_handshake
  return {
    host = options.host,
    port = options.port,
    fd = options.fd,
    path = options.path,
    mode = options.mode,
    unlink = options.unlink,
    label = options.label,
    server_header = options.server_header,
    limits = limits.limits,
    timeouts = limits.timeouts,
    h2 = limits.h2,
    tls = speaks.tls and speaks.tls.box or nil,
    on_handshake_error = options.on_handshake_error
      and require("cro.tls.handshake").reporter(name_of_server, options.on_handshake_error) or nil,
    versions = speaks.versions,
    application = app,
  }
end

local function build_options_of(options, limits, stages)
  return {
    stages = stages,
    body_parsers = list_or_default(options.add_body_parsers, options.body_parsers, body.parsers),
    body_serializers = list_or_default(options.add_body_serializers, options.body_serializers, body.serializers),
    json_depth = limits.limits.json_depth,
  }
end

--- Makes a service that serves an application. It does not listen before `start`.
---
--- - `application`: routes, or a transform of requests to responses; required
--- - `host`: default "localhost"; `port`: 0 takes a free one; or `fd`, a listening socket
--- - or `path`: a socket of the unix family there; with `mode` and `unlink` as for
---   `cro.unix.listen`
--- - `before`, `after`: middleware for every request, one or a list
--- - `before_parse`, `after_serialize`: transforms of bytes, one or a list
--- - `body_parsers`, `body_serializers` replace what `c:body()` and bodies that are no
---   strings use; `add_body_parsers`, `add_body_serializers` come before it
--- - `allowed_methods`: refuses all others with 501
--- - `tls` (or `ssl`): certificates; a table of options (see cro.tls.options), or what
---   `cro.tls.context` makes
--- - `on_handshake_error`: called with the error of each handshake that fails, `err.address` is
---   whose; without it stderr says so, once in ten seconds at most
--- - `http`: "1.1", "2" or a list of both; default with `tls` both, chosen by ALPN; without
---   "1.1". "2" without `tls` is for clients that know beforehand
--- - `limits`, `timeouts`, `h2`: see cro.http.settings
--- - `label`: of traces, default "HTTP(port)"; `server_header`: default none
---@param given table
---@return cro.Service
function server.new(given)
  local options = opts.check("http.server", given, KEYS)
  if not options.port and not options.fd and not options.path then
    errors.misuse 'http.server: option "port" is required (integer), or "path", or "fd"'
  end
  if options.path and (options.port or options.fd) then
    errors.misuse 'http.server: option "path" goes without "port" and "fd": a server listens in one place'
  end
  local limits, speaks = settings.check("http.server", options), protocols.check("http.server", options)
  if options.on_handshake_error and not speaks.tls then
    errors.misuse 'http.server: option "on_handshake_error" is told of handshakes of TLS: give tls, too'
  end
  local application, stages = application_of(options.application), stages_of(options)
  local build_options = build_options_of(options, limits, stages)
  if not router.is_routes(application) or options.before_parse or options.after_serialize then
    return composed.pipeline(options, limits, speaks, application, stages, build_options)
  end
  local app = application:application(build_options)
  return setmetatable({
    kind = "service",
    name = application.name,
    options = options,
    native = native_options(options, limits, speaks, app),
    tls = speaks.tls,
    unwatch = false, -- stops looking at the files
    box = false, -- the core's, while it runs
    job = false, -- the promise of its end
    stopping = false, -- what `stop` has returned
    clean = true, -- nothing was cut off
  }, Server)
end

return server
