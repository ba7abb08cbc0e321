--- Where connections come from: what listening and connecting have in common for TCP and
--- the unix family. `cro.tcp` and `cro.unix` say which options there are.
local core = require "cro.core"
local Outcome = require "cro.outcome"
local Promise = require "cro.promise"
local errors = require "cro.errors"
local options = require "cro.options"
local scope = require "cro.scope"
local supplies = require "cro.supply"
local types = require "cro.pipeline.types"

local endpoint = {}

local function whole(from, to, wanted)
  return {
    "number",
    check = function(n) return n >= from and n <= to and n % 1 == 0, wanted end,
  }
end

--- The rules of options that several have.
endpoint.rules = {
  port = whole(0, 65535, "a whole number from 0 to 65535"),
  remote_port = whole(1, 65535, "a whole number from 1 to 65535"),
  fd = whole(0, 2 ^ 31 - 1, "a descriptor, a whole number of 0 or more"),
  backlog = whole(1, 65535, "a whole number from 1 to 65535"),
  mode = whole(1, 511, 'permissions, such as tonumber("660", 8)'),
  host = {
    "string",
    check = function(host) return host ~= "" and not host:find("\0", 1, true), "a name or an address" end,
  },
  --- "" is every address.
  local_host = {
    "string", check = function(host) return not host:find("\0", 1, true), "a name or an address" end,
  },
  path = {
    "string",
    check = function(path)
      return path ~= "" and path ~= "@" and not path:find("\0", 1, true), "the path of a socket, or @name"
    end,
  },
  seconds = { "number", check = function(n) return n > 0 and n < math.huge, "a number of seconds above 0" end },
  keep_alive = {
    "number|boolean",
    check = function(n)
      return n == false or type(n) == "number" and n % 1 == 0 and n >= 1 and n <= 32767,
        "whole seconds from 1 to 32767, or false"
    end,
  },
}

local LIMITS = {
  connections = whole(1, 1e9, "a whole number of 1 or more"),
  answer = { "string", one_of = { "http" } },
}

--- Bounds of a listener: `limits = { connections = 100 }`. One more is closed at once; with
--- `answer = "http"` it is told 503 first, where it has not come to shake hands.
endpoint.rules.limits = {
  "table",
  check = function(given)
    options.check("limits", given, LIMITS)
    return true
  end,
}

--- What the caller gave by place and in a table, as one table. With a table first that is
--- all.
---@param name string of the function, for messages
---@param places string[] what each argument by place is called
---@param ... any the arguments; behind those by place there may be a table
---@return table
function endpoint.arguments(name, places, ...)
  local first, given = ..., {}
  local more = select(#places + 1, ...)
  if type(first) ~= "table" and more ~= nil and type(more) ~= "table" then
    errors.misuse(("%s: a table of options expected after the %s, got %s"):format(
      name, places[#places], options.show(more)))
  end
  for key, value in pairs(type(first) == "table" and first or more or {}) do
    given[key] = value
  end
  if type(first) ~= "table" then
    for i, key in ipairs(places) do
      given[key] = select(i, ...)
    end
  end
  return given
end

--- A copy for the core, which knows no false for "off".
local function for_core(given)
  local copy = {}
  for key, value in pairs(given) do
    copy[key] = value
  end
  copy.keep_alive = given.keep_alive or nil
  local limits = given.limits
  copy.limits = nil
  if limits then copy.max_connections, copy.http = limits.connections, limits.answer == "http" end
  return copy
end

--- A supply of connections, which also knows where it listens.
---@class cro.Listener: cro.Supply
---@field address fun(self: cro.Listener): cro.Promise where it listens: `{ host =, port = }` or `{ path = }`

--- A listener that is tapped again tells where it listens this time.
local function forget_address(state)
  if state.address:is_known() then state.address = Outcome.new() end
end

---@class cro.ListenPlan
---@field name string of the supply
---@field kind string what its connections are to cro.scope
---@field given table options for the core
---@field wrap fun(box: userdata): cro.Connection
---@field bound fun(host: string, port: integer|nil)|nil
---@field problem cro.Error|nil why it cannot even be tried
---@field explain nil|fun(err: cro.Error): cro.Error
---@field prepare nil|fun(given: table): cro.Error|nil what must be there before it listens; puts it into `given`
---@field opened nil|fun(): fun() it begins to listen; what it returns is called when it stops
---@field failed nil|fun(err: cro.Error, more: integer) a connection that never came to be

local function on_event(sink, plan, state, listener)
  return function(kind, value, more)
    if kind == "value" then
      local connection = plan.wrap(value)
      scope.own(connection, plan.kind, connection.close_left, scope.of_line(sink.line))
      return sink:value(connection)
    end
    if kind == "failed" then return plan.failed(value, more) end
    if kind == "quit" then
      local err = plan.explain and plan.explain(value) or value
      state.address:fail(err)
      return sink:quit(err)
    end
    local host, port = listener.box:address()
    if not host then return end -- closed meanwhile
    state.address:keep(port and { host = host, port = port } or { path = host })
    if plan.bound then plan.bound(host, port) end
  end
end

local function open(sink, plan, state)
  local listener = { box = false }
  forget_address(state)
  local problem = plan.problem or plan.prepare and plan.prepare(plan.given)
  if problem then
    state.address:fail(problem)
    return sink:quit(problem)
  end
  local stopped = plan.opened and plan.opened()
  listener.box = core.tcp_listen(plan.given, on_event(sink, plan, state, listener))
  return function()
    listener.box:close()
    if stopped then stopped() end
    if state.address:is_known() then return end
    state.address:fail(errors.new("closed", plan.name .. " was closed before it listened"))
  end
end

--- Listens while it is tapped.
---@param plan cro.ListenPlan
---@return cro.Listener
function endpoint.listen(plan)
  local state = { address = Outcome.new() }
  plan.given = for_core(plan.given)
  local listener = supplies.from_source {
    name = plan.name,
    open = function(sink) return open(sink, plan, state) end,
  }
  function listener.address() return state.address:ask() end
  return listener
end

local function add_tried(err, host)
  local tried = err.tried
  if not tried or (#tried == 1 and tried[1].host == host) then return err end
  local texts = {}
  for i, one in ipairs(tried) do
    texts[i] = ("%s: %s"):format(one.host, one.message)
  end
  err.message = ("%s (%s)"):format(err.message, table.concat(texts, "; "))
  return err
end

---@class cro.ConnectPlan
---@field kind string what its connection is to cro.scope
---@field given table options for the core
---@field wrap fun(box: userdata): cro.Connection
---@field problem cro.Error|nil why it cannot even be tried
---@field explain nil|fun(err: cro.Error): cro.Error
---@field prepare nil|fun(given: table): cro.Error|nil what must be there before; puts it into `given`

--- Connects.
---@param plan cro.ConnectPlan
---@return cro.Promise
function endpoint.connect(plan)
  local target = for_core(plan.given)
  local problem = plan.problem or plan.prepare and plan.prepare(target)
  if problem then return Promise.broken(problem) end
  local handle, ticket
  local promise = Promise.made(function()
    scope.disown(ticket)
    handle:close()
  end)
  handle = core.tcp_connect(target, function(box, err)
    if box then
      local connection = plan.wrap(box)
      scope.opened(ticket, connection, plan.kind, connection.close_left)
      return Promise.settle_kept(promise, connection)
    end
    scope.disown(ticket)
    if plan.explain then err = plan.explain(err) end
    return Promise.settle_broken(promise, add_tried(err, plan.given.host))
  end)
  ticket = scope.opening("connect", function() promise:cancel() end)
  return promise
end

local function talk(connection, messages)
  local reactive = require "cro.reactive"
  return reactive.supply(function(block)
    block.whenever(connection, function(data)
      block.emit(types.tcp_message { data = data, connection = connection })
    end):last(block.done)
    block.whenever(messages, function(message) reactive.await(connection:write(message.data)) end)
      :last(function() connection:shutdown() end)
  end)
end

--- Options of an instance are looked at together when it is made, not when it is used.
local function configuring(check)
  if not check then return nil end
  return function(self, given)
    check(given)
    for key, value in pairs(given) do
      self[key] = value
    end
  end
end

--- A pipeline part that connects: messages go to the peer, what it says comes out.
---@param name string
---@param rules table of its options
---@param connect fun(given: table): cro.Promise
---@param check nil|fun(given: table) looks at what goes together
---@return cro.Component
function endpoint.connector(name, rules, connect, check)
  local component = require "cro.pipeline.component"
  return component.connector {
    name = name,
    consumes = types.tcp_message,
    produces = types.tcp_message,
    options = rules,
    configure = configuring(check),
    connect = function(self, given)
      local target = {}
      for key in pairs(rules) do
        target[key] = self[key]
      end
      for key, value in pairs(given or {}) do
        target[key] = value
      end
      return connect(target):and_then(function(connection)
        return component.transform {
          name = name .. ", connected",
          consumes = types.tcp_message,
          produces = types.tcp_message,
          transformer = function(_, messages) return talk(connection, messages) end,
        } {}
      end)
    end,
  }
end

--- A pipeline part that listens.
---@param name string
---@param rules table of its options
---@param listen fun(given: table, bound: fun(host: string, port: integer|nil)): cro.Listener
---@param check nil|fun(given: table) looks at what goes together
---@return cro.Component
function endpoint.listener(name, rules, listen, check)
  return require("cro.pipeline.component").source {
    name = name,
    produces = types.tcp_connection,
    binds = true,
    options = rules,
    configure = configuring(check),
    incoming = function(self, bound)
      local given = {}
      for key in pairs(rules) do
        given[key] = self[key]
      end
      return listen(given, bound)
    end,
  }
end

return endpoint
