--- Composites: parts that are made of others, and what happens when one runs.
---
--- A composite holds a flat list of parts that `cro.compose` has checked. Each time it
--- is run it gets a run, which owns what belongs to that one run: the shared connection
--- states, the connection, the label of traces. Native neighbours are grouped here.
local component = require "cro.pipeline.component"
local errors = require "cro.errors"
local trace = require "cro.pipeline.trace"

local composite = {}

---@class cro.PipelineRun
---@field states table<any, { value: any }> one per constructor
---@field label string
---@field traced boolean
---@field connection any|nil
---@field connection_type cro.ConnectionType|nil
---@field box any|nil the socket, when native parts may use it
---@field draining cro.Promise|nil kept when input is to end
---@field on_drain nil|fun() ends the input that C reads
---@field drained boolean|nil that was asked for already
---@field chain any|nil without a socket: a chain of this run, whose ground the others share
---@field parts table[]|nil what the run passes through: a native part may ask for its partner

--- Makes what belongs to one run of a pipeline.
---@param settings { label: string|nil, traced: boolean|nil }
---@param parts table[]|nil
---@return cro.PipelineRun
function composite.new_run(settings, parts)
  return {
    states = {},
    parts = parts,
    label = settings.label,
    traced = settings.traced or false,
    connection = nil,
    connection_type = nil,
    box = nil,
    draining = nil,
    on_drain = nil,
    drained = false,
    chain = nil,
  }
end

local function state_of(run, part)
  local make = part.connection_state
  if not make then return nil end
  local entry = run.states[make]
  if not entry then
    entry = { value = make() }
    run.states[make] = entry
  end
  return entry.value
end

local function apply(part, messages, run)
  if part.kind == "sink" then return component.sunk(part, messages, state_of(run, part), run) end
  return component.transformed(part, messages, state_of(run, part), run)
end

--- With CRO_TRACE each native part stands alone, so that one tracer sees every hop.
---@param parts cro.Component[]
---@param first integer a native part
---@param last integer the last of the parts to look at
---@param run table
---@return integer at the last part that runs in one chain with the first
function composite.end_of_group(parts, first, last, run)
  local at = first
  while not run.traced and at < last and parts[at + 1].native do
    at = at + 1
  end
  return at
end
local end_of_group = composite.end_of_group

--- Shows what a part has made, when the run is traced.
---@param run cro.PipelineRun
---@param part table
---@param messages cro.Supply
---@return cro.Supply
function composite.traced(run, part, messages)
  if not run.traced or part.kind == "sink" then return messages end
  return trace.supply(messages, run, part.name, part.produces)
end

--- Passes a supply through parts[first..last].
---@param parts table[]
---@param first integer
---@param last integer
---@param messages cro.Supply
---@param run cro.PipelineRun
---@return cro.Supply
function composite.flow(parts, first, last, messages, run)
  local at = first
  while at <= last do
    local part, following = parts[at], at + 1
    if part.native then
      local group = end_of_group(parts, at, last, run)
      messages = require("cro.pipeline.native").transform(parts, at, group, messages, run)
      part, following = parts[group], group + 1
    else
      messages = apply(part, messages, run)
    end
    messages = composite.traced(run, part, messages)
    at = following
  end
  return messages
end

--- The parts that a list of parts is made of, composites opened.
---@param parts table[]
---@return table[]
function composite.flatten(parts)
  local flat = {}
  for _, part in ipairs(parts) do
    if part.parts then
      for _, inner in ipairs(composite.flatten(part.parts)) do
        flat[#flat + 1] = inner
      end
    else
      flat[#flat + 1] = part
    end
  end
  return flat
end

local function names_of(parts)
  local names = {}
  for i, part in ipairs(parts) do
    names[i] = part.name
  end
  return table.concat(names, " | ")
end

local function new(class, kind, parts, settings)
  local flat = composite.flatten(parts)
  return setmetatable({
    kind = kind,
    name = names_of(flat),
    consumes = flat[1].consumes,
    produces = flat[#flat].produces,
    parts = flat,
    settings = settings,
  }, class.meta)
end

---@class cro.CompositeSource: cro.Component
local Source = {}
---@private
Source.meta = component.metatable(Source)

--- The supply that comes out of the last part.
---@param bound nil|fun(host: string, port: integer)
---@return cro.Supply
function Source:incoming(bound)
  local run = composite.new_run(self.settings, self.parts)
  return self:_open(bound, run)
end

function Source:_open(bound, run)
  local parts = self.parts
  local messages = component.opened(parts[1], bound or function() end)
  return composite.flow(parts, 2, #parts, composite.traced(run, parts[1], messages), run)
end

--- A source followed by transforms.
---@param parts table[] checked
---@param settings table label and tracing
---@return cro.Component
function composite.source(parts, settings)
  local self = new(Source, "source", parts, settings)
  self.binds = self.parts[1].binds
  return self
end

---@class cro.CompositeTransform: cro.Component
local Transform = {}
---@private
Transform.meta = component.metatable(Transform)

--- What comes out when `messages` goes in. Each call has connection states of its own.
---@param messages cro.Supply
---@return cro.Supply
function Transform:transformer(messages)
  return composite.flow(self.parts, 1, #self.parts, messages, composite.new_run(self.settings, self.parts))
end

--- Transforms.
---@param parts table[] checked
---@param settings table label and tracing
---@return cro.Component
function composite.transform(parts, settings) return new(Transform, "transform", parts, settings) end

---@class cro.CompositeSink: cro.Component
local Sink = {}
---@private
Sink.meta = component.metatable(Sink)

--- Takes all of `messages`.
---@param messages cro.Supply
---@return cro.Supply
function Sink:sinker(messages)
  return composite.flow(self.parts, 1, #self.parts, messages, composite.new_run(self.settings, self.parts))
end

--- Transforms followed by a sink.
---@param parts table[] checked
---@param settings table label and tracing
---@return cro.Component
function composite.sink(parts, settings) return new(Sink, "sink", parts, settings) end

---@class cro.CompositeConnector: cro.Component
local Connector = {}
---@private
Connector.meta = component.metatable(Connector)

local function find_connector(parts)
  for _, part in ipairs(parts) do
    if part.kind == "connector" then return part end
  end
end

local function in_place_of(parts, connected)
  local chosen = {}
  for i, part in ipairs(parts) do
    if part.kind == "connector" then
      chosen[i] = connected
    elseif part.kind == "conditional" then
      chosen[i] = part:select(connected)
    else
      chosen[i] = part
    end
  end
  return chosen
end

local function connection_error(part, err)
  local fields = { cause = err, component = part.name, phase = "connect" }
  if type(err) == "table" then fields.code, fields.address = err.code, err.address end
  local kind = type(err) == "table" and err.kind or "connect"
  return errors.new(kind, ("%s: %s"):format(part.name, tostring(err)), fields)
end

local function connect_one(part, options)
  local reactive = require "cro.reactive"
  local ok, connected = pcall(function() return reactive.await(part:connect(options)) end)
  if not ok then
    if errors.is_unwinding(connected) then error(connected, 0) end
    error(connection_error(part, connected), 0)
  end
  local made = component.instance(connected)
  if made and made.kind == "transform" then return made end
  error(errors.new("pipeline", ("connect of %s must give a transform, it gave %s"):format(
    part.name, require("cro.pipeline.faults").describe_part(made or connected)), { component = part.name }), 0)
end

--- Connects; conditional parts are chosen by what the connector made.
---@async
---@param options table|nil for the connector
---@return cro.Promise promise of a transform
function Connector:connect(options)
  local parts, settings = self.parts, self.settings
  return require("cro.reactive").start(function()
    local connected = connect_one(find_connector(parts), options or {})
    return composite.transform(in_place_of(parts, connected), settings)
  end)
end

--- Connects when it is tapped, then passes `incoming` through.
---@param incoming cro.Supply
---@param options table|nil for the connector
---@return cro.Supply fails when the connection cannot be made
function Connector:establish(incoming, options)
  return composite.establish(self, incoming, options)
end

--- The same for any connector.
---@param connector cro.Component
---@param incoming cro.Supply
---@param options table|nil for the connector
---@return cro.Supply
function composite.establish(connector, incoming, options)
  local reactive = require "cro.reactive"
  return reactive.supply(function(block)
    local connected = reactive.await(connector:connect(options or {}))
    block.whenever(component.transformed(connected, incoming), block.emit)
  end)
end

--- A connector with transforms on either side.
---@param parts table[] checked
---@param settings table label and tracing
---@return cro.Component
function composite.connector(parts, settings) return new(Connector, "connector", parts, settings) end

return composite
