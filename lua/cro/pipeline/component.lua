--- Components: the classes of pipeline parts and their instances.
---
--- `cro.transform { ... }` and its siblings return a class, a plain table. Calling it
--- with options makes an instance, whose missing fields are those of the class. Both
--- are accepted wherever a pipeline takes a part; a bare class is instantiated without
--- options. Functions added to a class are methods of its instances.
local errors = require "cro.errors"
local options = require "cro.options"

local component = {}

---@class cro.Component
---@field kind "source"|"transform"|"sink"|"connector"
---@field name string
---@field consumes any a message or connection type; nil for a source
---@field produces any a message or connection type; nil for a sink
---@field replyable any the part that answers, or a function that returns it
---@field connection_state nil|fun(): any makes the value shared per connection
---@field native any a native part's descriptor, or a function(self) that returns it
---@field parts table[]|nil of what was composed of others

--- Metatable of classes.
local Class = { __name = "cro.Component class" }

--- Fields that options of an instance must not replace by accident.
local RESERVED = {
  kind = true,
  name = true,
  consumes = true,
  produces = true,
  replyable = true,
  connection_state = true,
  configure = true,
  options = true,
  native = true,
  binds = true,
  incoming = true,
  transformer = true,
  sinker = true,
  connect = true,
  establish = true,
}

--- What each kind must and may say.
local COMMON = {
  name = "string",
  configure = "function",
  options = "table",
  native = "table|function",
}

local SPECS = {
  source = { produces = "any", incoming = "function", replyable = "any", binds = "boolean" },
  transform = {
    consumes = "any",
    produces = "any",
    transformer = "function",
    replyable = "any",
    connection_state = "callable",
  },
  sink = { consumes = "any", sinker = "function", connection_state = "callable" },
  connector = { consumes = "any", produces = "any", connect = "function" },
}

--- The function that makes a component of each kind work.
local WORKS = { source = "incoming", transform = "transformer", sink = "sinker", connector = "connect" }

local function copy_options(self, given)
  if given == nil then return end
  if type(given) ~= "table" then
    errors.misuse(("%s: expected a table of options, got %s"):format(self.name, options.show(given)))
  end
  for key, value in pairs(given) do
    if RESERVED[key] then
      errors.misuse(("%s: %q cannot be an option, it is a field of every component; "
        .. "give the option another name or write a configure function"):format(self.name, key))
    end
    self[key] = value
  end
end

local function configure(self, class, ...)
  local spec = class.options
  if not spec then
    if class.configure then return class.configure(self, ...) end
    return copy_options(self, ...)
  end
  local checked = options.check(class.name, (...), spec)
  if class.configure then return class.configure(self, checked) end
  copy_options(self, checked)
end

local function instance_name(self) return self.name end

function Class.__call(class, ...)
  local self = setmetatable({ class = class }, class.instance)
  configure(self, class, ...)
  return self
end

function Class.__tostring(class) return class.name end

for _, spec in pairs(SPECS) do
  for key, rule in pairs(COMMON) do
    if spec[key] == nil then spec[key] = rule end
  end
end

local function require_work(kind, class)
  local needed = WORKS[kind]
  if class[needed] or class.native then return end
  errors.misuse(("cro.%s: %q has no function %q; add %s = function(self%s) ... end"):format(
    kind, class.name, needed, needed, kind == "transform" and ", messages" or
    kind == "sink" and ", messages" or kind == "connector" and ", options" or ""))
end

local function define(kind, given)
  local class = options.check("cro." .. kind, given, SPECS[kind])
  class.kind = kind
  class.name = class.name or ("%s at %s"):format(kind, errors.place())
  require_work(kind, class)
  class.instance = { __index = class, __tostring = instance_name, __name = "cro.Component", component = true }
  return setmetatable(class, Class)
end

--- Makes a class of transforms: messages in, messages out.
---
--- - `name`: default the kind and the place it was made
--- - `consumes`, `produces`: message types (or connection types)
--- - `transformer(self, messages, state)`: returns the supply of what comes out; it runs
---   once per pipeline, in a pipeline of connections once per connection
--- - `replyable`: the sink or transform that answers, or a function(self) returning it
--- - `connection_state`: a constructor; parts that name the same one share one value per
---   connection, given to `transformer` as `state`
--- - `options`: a table of rules as for `cro.options`, to check what instances are given
--- - `configure(self, options)`: takes the options of an instance; default copies them
---@param spec table
---@return cro.Component
function component.transform(spec) return define("transform", spec) end

--- Makes a class of sources.
---
--- `produces` and `incoming(self, bound)`, which returns a supply; `replyable`,
--- `options` and `configure` as for a transform. A source that sets `binds = true` calls
--- `bound(host, port)` once it listens: a service's `start` waits for that.
---@param spec table
---@return cro.Component
function component.source(spec) return define("source", spec) end

--- Makes a class of sinks: `consumes` and `sinker(self, messages, state)`, which returns
--- a supply without values that is done, or fails, when the sink is.
---@param spec table
---@return cro.Component
function component.sink(spec) return define("sink", spec) end

--- Makes a class of connectors: `consumes`, `produces` and `connect(self, options)`, which
--- returns a promise of a transform. Instances have `establish(incoming, options)`, which
--- returns the supply of what comes back.
---@param spec table
---@return cro.Component
function component.connector(spec)
  local class = define("connector", spec)
  function class:establish(incoming, given)
    return require("cro.pipeline.composite").establish(self, incoming, given)
  end
  return class
end

--- Makes a transform that turns each message into one other.
---@param consumes any a message type
---@param produces any a message type
---@param fn fun(message: any): any may wait; an error ends the pipeline
---@param name string|nil
---@return cro.Component
function component.map(consumes, produces, fn, name)
  options.argument("cro.map", 3, fn, "callable")
  return component.transform {
    name = name or ("map at %s"):format(errors.place()),
    consumes = consumes,
    produces = produces,
    transformer = function(_, messages) return messages:map(fn) end,
  }
end

--- Is it a class that `transform` or one of its siblings made?
---@param value any
---@return boolean
function component.is_class(value) return getmetatable(value) == Class end

--- The instance that a pipeline uses for what it was given, or nil when that is no part.
---@param value any
---@return table|nil
function component.instance(value)
  if component.is_class(value) then return value() end
  local meta = getmetatable(value)
  if type(meta) == "table" and rawget(meta, "component") then return value end
  return nil
end

--- Makes a metatable whose instances are parts; for composites and conditionals.
---@param class table
---@return table
function component.metatable(class)
  return { __index = class, __tostring = instance_name, __name = "cro.Component", component = true }
end

--- The part that answers for a replyable part, or nil; anything at all when it is wrong.
---@param part cro.Component
---@return any
function component.replier(part)
  local replyable = part.replyable
  if type(replyable) == "function" then return replyable(part) end
  return replyable
end

local function is_supply(value)
  return type(value) == "table" and type(value.tap) == "function"
end

local function check_supply(part, what, value)
  if is_supply(value) then return value end
  error(errors.new("pipeline", ("%s of %s must return a supply, it returned %s%s"):format(
    what, part.name, options.show(value), value == nil and "; is a return missing?" or ""),
    { component = part.name }), 0)
end

--- The supply that comes out of a transform for one that goes in.
---@param part cro.Component
---@param messages cro.Supply
---@param state any
---@param run table|nil for composites and native parts: what belongs to this one run
---@return cro.Supply
function component.transformed(part, messages, state, run)
  return check_supply(part, "transformer", part:transformer(messages, state, run))
end

--- The supply that tells of a sink's end, for one that goes in.
---@param part cro.Component
---@param messages cro.Supply
---@param state any
---@param run table|nil
---@return cro.Supply
function component.sunk(part, messages, state, run)
  return check_supply(part, "sinker", part:sinker(messages, state, run))
end

--- What a source brings.
---@param part cro.Component
---@param bound fun(host: string|nil, port: integer|nil) to be called once it listens
---@return cro.Supply
function component.opened(part, bound)
  return check_supply(part, "incoming", part:incoming(bound))
end

return component
