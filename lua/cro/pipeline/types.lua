--- Types of messages and connections, as values that pipelines compare by identity.
---
--- A message type is callable and makes messages of its type. A connection type says
--- what a source of connections brings: the messages that come in, and, when it can be
--- answered, the part that writes replies. Two types are the same only if they are the
--- same value; the name is for people.
local errors = require "cro.errors"
local options = require "cro.options"

local types = {}

---@class cro.MessageType
---@field kind "message"
---@field name string
---@field package describe nil|fun(message: any): string
---@field package make nil|fun(...): any
---@field package instance table the metatable of its messages
local MessageType = {}
MessageType.__index = MessageType
MessageType.__name = "cro.MessageType"

function MessageType:__tostring() return self.name end

---@class cro.Message
---@field attributes table data about the message that is not part of it, made on first use
---@field trace fun(self: cro.Message): string

local function trace_method(self) return types.trace(getmetatable(self).type, self) end

local function instance_metatable(type_, methods)
  local function index(self, key)
    if key == "attributes" then
      local attributes = {}
      rawset(self, key, attributes)
      return attributes
    end
    if key == "trace" then return trace_method end
    return methods[key]
  end
  return { __index = index, __name = type_.name, type = type_ }
end

function MessageType:__call(...)
  if self.make then return self.make(...) end
  local fields = ...
  if fields == nil then fields = {} end
  if type(fields) ~= "table" then
    errors.misuse(("%s: expected a table of fields, got %s"):format(self.name, options.show(fields)))
  end
  local message = {}
  for key, value in pairs(fields) do
    message[key] = value
  end
  return setmetatable(message, self.instance)
end

--- True when the value is a message that this type made.
---@param value any
---@return boolean
function MessageType:is(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and rawget(meta, "type") == self
end

--- Makes a message type.
---
--- - `name`: how the type is called in errors and traces; required
--- - `trace(message)`: the text for CRO_TRACE; default the name of the type
--- - `methods`: functions that its messages have
--- - `new(...)`: makes a message when the type is called; default copies a table of fields
---@param spec { name: string, trace: nil|fun(message: any): string, methods: table|nil, new: nil|fun(...): any }
---@return cro.MessageType
function types.message(spec)
  local given = options.check("cro.message", spec, {
    name = { "string", required = true },
    trace = "function",
    methods = { "table", default = {} },
    new = "callable",
  })
  local self = { kind = "message", name = given.name, describe = given.trace, make = given.new }
  self.instance = instance_metatable(self, given.methods)
  return setmetatable(self, MessageType)
end

---@class cro.ConnectionType
---@field kind "connection"
---@field name string
---@field produces cro.MessageType what comes in on such a connection
---@field consumes cro.MessageType|nil what its replier takes
---@field incoming fun(connection: any): cro.Supply
---@field replier nil|fun(connection: any): table the sink or transform that answers
---@field close nil|fun(connection: any, err: any) called once, when its pipeline has ended
---@field box nil|fun(connection: any): any its socket for native parts, nil when it has none
---@field describe nil|fun(connection: any): string
local ConnectionType = {}
ConnectionType.__index = ConnectionType
ConnectionType.__name = "cro.ConnectionType"

function ConnectionType:__tostring() return self.name end

--- Makes a connection type.
---
--- - `name`, `produces`: required
--- - `incoming(connection)`: the supply of its messages; required
--- - `replier(connection)`: the sink (or transform) that answers on it; a type without
---   one cannot be replied to, and its pipelines must end in a sink
--- - `consumes`: the message type its replier takes; default `produces`
--- - `close(connection, err)`: called once when the pipeline of a connection has ended
--- - `box(connection)`: the socket that native parts read and write
--- - `trace(connection)`: the text for CRO_TRACE; default the name
---@param spec table
---@return cro.ConnectionType
function types.connection(spec)
  local given = options.check("cro.connection_type", spec, {
    name = { "string", required = true },
    produces = { "table", required = true },
    consumes = "table",
    incoming = { "function", required = true },
    replier = "function",
    close = "function",
    box = "function",
    trace = "function",
  })
  given.kind = "connection"
  given.describe, given.trace = given.trace, nil
  if given.replier and not given.consumes then given.consumes = given.produces end
  return setmetatable(given, ConnectionType)
end

--- Did `types.message` make it?
---@param value any
---@return boolean
function types.is_message_type(value) return getmetatable(value) == MessageType end

--- Did `types.connection` make it?
---@param value any
---@return boolean
function types.is_connection_type(value) return getmetatable(value) == ConnectionType end

--- Either kind: what a component may consume or produce.
---@param value any
---@return boolean
function types.is_type(value)
  return types.is_message_type(value) or types.is_connection_type(value)
end

--- How whatever was given as a type is called in a message.
---@param value any
---@return string
function types.name_of(value)
  if types.is_type(value) then return value.name end
  return options.show(value)
end

--- The text of a message for a trace. A trace function that fails never breaks the
--- pipeline it looks at.
---@param type_ cro.MessageType|cro.ConnectionType
---@param value any
---@return string
function types.trace(type_, value)
  if not type_.describe then return type_.name end
  local ok, text = pcall(type_.describe, value)
  if ok and type(text) == "string" then return text end
  local why = ok and "it returned a " .. type(text) or tostring(text)
  return ("%s (its trace function failed: %s)"):format(type_.name, why)
end

local function trace_tcp_message(message)
  local dump = require "cro.pipeline.dump"
  return "TCP Message\n" .. dump.indent(dump.bytes(message.data))
end

--- Bytes from or for a TCP connection: `{ data = string, connection = c or nil }`.
types.tcp_message = types.message { name = "TCP Message", trace = trace_tcp_message }

--- The bytes of anything that looks like a TCP message, nil of anything else.
---@param message any
---@return string|nil
function types.bytes_of(message)
  local data = type(message) == "table" and message.data
  return type(data) == "string" and data or nil
end

--- What `cro.tcp.listener` brings. The connections are those of `cro.tcp`.
types.tcp_connection = types.connection {
  name = "TCP Connection",
  produces = types.tcp_message,
  incoming = function(connection) return require("cro.pipeline.socket").incoming(connection) end,
  replier = function(connection) return require("cro.pipeline.socket").replier(connection) end,
  close = function(connection, err) return require("cro.pipeline.socket").close(connection, err) end,
  box = function(connection) return connection.box end,
}

return types
