--- Servers whose application is a transform, or that have middleware of bytes: a pipeline
--- composed of listener, parser, application and serializer.
local component = require "cro.pipeline.component"
local core = require "cro.core"
local errors = require "cro.errors"
local message = require "cro.http.message"
local opts = require "cro.options"
local Promise = require "cro.promise"
local router = require "cro.http.router"
local transforms = require "cro.http.transforms"
local types = require "cro.pipeline.types"

local composed = {}

--- Both lists in one; either may be missing.
---@param first any[]|nil
---@param second any[]
---@return any[]
function composed.join(first, second)
  local list = {}
  for _, value in ipairs(first or {}) do
    list[#list + 1] = value
  end
  for _, value in ipairs(second) do
    list[#list + 1] = value
  end
  return list
end

--- Reads the files of a context again.
---@param tls cro.tls.Context|false
---@return cro.Promise
function composed.reload(tls)
  if not tls then errors.misuse "service:reload_tls: this server has no certificates: it was made without tls" end
  local ok, err = tls:reload()
  return ok and Promise.kept(true) or Promise.broken(err)
end

local function byte_parts(key, given)
  if given == nil then return {} end
  local values = transforms.instance(given) and { given } or given
  local parts = {}
  for i, value in ipairs(values) do
    parts[i] = transforms.instance(value)
    if not parts[i] then
      errors.misuse(("http.server: option %q: expected transforms of bytes, got %s"):format(key, opts.show(value)))
    end
    transforms.check_types("http.server: " .. key, parts[i], types.tcp_message, types.tcp_message)
  end
  return parts
end

local function application_part(application, stages, build_options, limits)
  if router.is_routes(application) then
    local box = core.server {
      application = application:application(build_options),
      limits = limits.limits,
      timeouts = limits.timeouts,
    }
    return component.transform {
      name = application.name,
      consumes = message.Request,
      produces = message.Response,
      native = { kind = "router", options = { server = box } },
    }
  end
  if #stages == 0 then return application end
  return require("cro.http.bracket").around(application, stages)
end

--- As a server of the core has it: so many connections, the same unless it is said.
local CONNECTIONS = 10000

local function listener_of(options, speaks, limits)
  local bounds = {
    connections = limits.limits.connections or CONNECTIONS,
    answer = speaks.versions ~= "2" and "http" or nil,
  }
  if speaks.tls then
    return require("cro.tls").listener {
      host = not options.path and options.host or nil,
      port = not options.path and options.port or nil,
      fd = options.fd,
      path = options.path,
      mode = options.mode,
      unlink = options.unlink,
      nodelay = true,
      limits = bounds,
      context = speaks.tls,
      handshake_timeout = speaks.handshake_timeout,
      on_handshake_error = options.on_handshake_error,
    }
  end
  if not options.path then
    return require("cro.tcp").listener {
      host = options.host, port = options.port or 0, fd = options.fd, nodelay = true, limits = bounds,
    }
  end
  return require("cro.unix").listener {
    path = options.path, mode = options.mode, unlink = options.unlink, limits = bounds,
  }
end

--- The service.
---@param options table of http.server, checked
---@param limits table of cro.http.settings
---@param speaks cro.http.Protocols
---@param application any
---@param stages cro.http.Stage[]
---@param build_options table
---@return cro.Service
function composed.pipeline(options, limits, speaks, application, stages, build_options)
  local first = byte_parts("before_parse", options.before_parse)
  local last = byte_parts("after_serialize", options.after_serialize)
  local parts = composed.join({ listener_of(options, speaks, limits) }, first)
  limits.http = speaks.versions == "12" and { "1.1", "2" } or speaks.versions == "2" and "2" or "1.1"
  parts[#parts + 1] = message.request_parser(limits)
  parts[#parts + 1] = application_part(application, stages, build_options, limits)
  parts[#parts + 1] = message.response_serializer()
  parts = composed.join(parts, last)
  parts.label = options.label or options.path and "HTTP(unix)" or ("HTTP(%d)"):format(options.port or 0)
  local service = require("cro.pipeline").compose(parts)
  service.tls = speaks.tls
  if not options.label and not options.path then
    service.settings.label_of = function(_, port) return port and ("HTTP(%d)"):format(port) end
  end
  function service.reload_tls() return composed.reload(speaks.tls) end
  return service
end

return composed
