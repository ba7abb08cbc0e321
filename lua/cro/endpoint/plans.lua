--- Where to listen and where to connect, as plans for cro.endpoint: TCP, or with a `path`
--- the unix family. What is wrong with an address is found here, and what goes wrong is
--- explained. `cro.tcp`, `cro.unix` and `cro.tls` share it.
local connections = require "cro.connection"
local endpoint = require "cro.endpoint"
local errors = require "cro.errors"

local plans = {}

local rules = endpoint.rules

--- Options of listening over TCP.
plans.TCP_LISTEN = {
  host = rules.local_host,
  port = rules.port,
  backlog = rules.backlog,
  nodelay = "boolean",
  keep_alive = rules.keep_alive,
  reuse_port = "boolean",
  ipv6_only = "boolean",
  fd = rules.fd,
  limits = rules.limits,
}

--- Options of connecting over TCP.
plans.TCP_CONNECT = {
  host = rules.host,
  port = rules.remote_port,
  timeout = rules.seconds,
  nodelay = "boolean",
  keep_alive = rules.keep_alive,
  local_host = "string",
  local_port = rules.port,
}

--- Options of listening in the unix family.
plans.UNIX_LISTEN = {
  path = rules.path, backlog = rules.backlog, mode = rules.mode, unlink = "boolean", limits = rules.limits,
}

--- Options of connecting in the unix family.
plans.UNIX_CONNECT = { path = rules.path, timeout = rules.seconds }

--- Rules of several tables as one.
---@param ... table
---@return table
function plans.join(...)
  local all = {}
  for i = 1, select("#", ...) do
    for key, rule in pairs((select(i, ...))) do
      all[key] = rule
    end
  end
  return all
end

--- RFC 1035; longer ones have broken resolvers.
local NAME_MAX = 253
--- What the system's structure has room for, less the zero at its end.
local PATH_MAX = jit.os == "Linux" and 107 or 103

local function name_problem(op, host)
  if not host or #host <= NAME_MAX then return nil end
  return errors.new("too_long", ("%s: a host name has at most %d bytes, this one has %d"):format(op, NAME_MAX, #host))
end

local function path_problem(op, path)
  if #path <= PATH_MAX then return nil end
  return errors.new("too_long", ("%s: the path of a unix socket has at most %d bytes, this one has %d; %s"):format(
    op, PATH_MAX, #path, "use a directory nearer to the root"))
end

--- Refuses options that lack a port.
---@param name string of the function
---@param given table
---@return table given
function plans.need_port(name, given)
  if given.port or given.fd or given.path then return given end
  errors.misuse(('%s: option "port" is required (number)'):format(name))
end

local function wrapping(path)
  local name = "unix connection " .. path
  return function(box)
    local connection = connections.wrap(box, name)
    connection.path = path
    return connection
  end
end

--- Listening ----------------------------------------------------------------------

local function explain_fd(fd)
  return function(err)
    local why = err.kind == "closed" and "is not open" or err.kind == "invalid" and "is no socket that listens"
    if why then err.kind, err.message = "invalid", ("listen: descriptor %d %s"):format(fd, why) end
    return err
  end
end

local PATH_CURES = {
  address_in_use = "if nobody listens there any more, unlink = true replaces the file",
  exists = "what is there is no socket, and is left alone; choose another path",
}

local function explain_path(given)
  return function(err)
    local cure = not (given.unlink and err.kind == "address_in_use") and PATH_CURES[err.kind]
    if cure then err.message = err.message .. "; " .. cure end
    return err
  end
end

--- How to listen with these options.
---@param given table checked; the plan's from here on
---@param bound fun(host: string, port: integer|nil)|nil
---@return cro.ListenPlan
function plans.listen(given, bound)
  if given.path then
    return {
      name = "listener unix:" .. given.path,
      kind = "unix connection",
      given = given,
      wrap = wrapping(given.path),
      bound = bound,
      problem = path_problem("listen", given.path),
      explain = explain_path(given),
    }
  end
  return {
    name = ("listener %s:%s"):format(given.host or "localhost", tostring(given.port)),
    kind = "tcp connection",
    given = given,
    wrap = connections.wrap,
    bound = bound,
    problem = name_problem("listen", given.host),
    explain = given.fd and explain_fd(given.fd) or nil,
  }
end

--- Connecting ---------------------------------------------------------------------

--- What is often written in the place of a name.
local function explain_name(err, host)
  local bare = host:match "^%[(.*)%]$"
  local cure = bare and ("; an address stands here without brackets: %q"):format(bare)
    or host:find("://", 1, true) and "; a host is expected, not a URL"
    or host:find ":%d+$" and "; the port is an argument of its own"
  if cure then err.message = err.message .. cure end
  return err
end

local function explain_connect(given)
  return function(err)
    if err.kind == "dns_not_found" then return explain_name(err, given.host) end
    if err.kind ~= "invalid" or not given.local_host then return err end
    err.message = ("connect: local_host must be a numeric address of this machine, got %q"):format(given.local_host)
    return err
  end
end

--- How to connect with these options.
---@param given table checked; the plan's from here on
---@return cro.ConnectPlan
function plans.connect(given)
  if given.path then
    return {
      kind = "unix connection",
      given = given,
      wrap = wrapping(given.path),
      problem = path_problem("connect", given.path),
    }
  end
  return {
    kind = "tcp connection",
    given = given,
    wrap = connections.wrap,
    problem = name_problem("connect", given.host),
    explain = explain_connect(given),
  }
end

return plans
