--- Composing: from a list of parts to one part, or to a service.
---
--- All rules of what may follow what are here and in `cro.pipeline.faults`; nothing is
--- run. The list is read left to right with the type that comes out of the last part;
--- repliers of replyable parts wait on a stack for the place where they fit.
local component = require "cro.pipeline.component"
local composite = require "cro.pipeline.composite"
local errors = require "cro.errors"
local faults = require "cro.pipeline.faults"
local options = require "cro.options"
local trace = require "cro.pipeline.trace"
local types = require "cro.pipeline.types"

local compose = {}

local function instances(given)
  local parts, count = { n = 0 }, 0
  for key in pairs(given) do
    if type(key) == "number" then count = math.max(count, key) end
  end
  parts.n = count
  for i = 1, count do
    local part = component.instance(given[i])
    parts[i] = part or given[i]
  end
  for i = 1, count do
    if not component.instance(parts[i]) or parts[i].kind == "service" then faults.invalid_type(parts, i) end
  end
  return parts
end

--- Where the pipeline of each connection begins: the index of the part that brings the
--- connections, or nil. A last part that brings connections also counts.
local function find_split(parts)
  for i = 1, parts.n do
    local produced, following = parts[i].produces, parts[i + 1]
    if types.is_connection_type(produced) then
      if following and produced.produces == following.consumes then return i end
      if not following and parts[i].kind == "source" and produced.replier then return i end
    end
  end
end

local Building = {}
Building.__index = Building

local function chain_with(self, part)
  local chain = { n = #self.parts + 1 }
  for i, each in ipairs(self.parts) do
    chain[i] = each
  end
  chain[chain.n] = part
  return chain
end

--- The chain as given, for errors that are about a part of it.
function Building:at(fault, index, ...) return fault(self.given, index, ...) end

function Building:push(part)
  self.parts[#self.parts + 1] = part
  self.produces = part.produces
end

function Building:check_joint(part)
  local before = self.parts[#self.parts]
  if before and part.consumes ~= self.produces then
    local chain = chain_with(self, part)
    faults.mismatch(chain, chain.n, before)
  end
end

function Building:insert_waiting_replier()
  local top = self.repliers[#self.repliers]
  if not top or top.part.kind ~= "transform" or top.part.consumes ~= self.produces then return end
  self.repliers[#self.repliers] = nil
  self:push(top.part)
end

function Building:take_replier(part, index)
  if part.replyable == nil then return end
  local given = component.replier(part)
  local replier = component.instance(given)
  if not replier or (replier.kind ~= "transform" and replier.kind ~= "sink") then
    self:at(faults.bad_replier, index, replier or given)
  end
  self.repliers[#self.repliers + 1] = { part = replier, of = part }
end

local function check_types(self, part, index)
  if part.kind ~= "source" and not types.is_type(part.consumes) then
    self:at(faults.bad_consumer, index)
  end
  if part.kind ~= "sink" and not types.is_type(part.produces) then
    self:at(faults.bad_producer, index)
  end
end

local check_kind = {}

function check_kind.source(self, part, index)
  if index ~= 1 then self:at(faults.source_must_be_first, index) end
  check_types(self, part, index)
  self.source = index
end

function check_kind.transform(self, part, index)
  check_types(self, part, index)
end

function check_kind.connector(self, part, index)
  if self.connector then self:at(faults.only_one_connector, index) end
  check_types(self, part, index)
  self.connector = index
end

function check_kind.conditional(self, _, index)
  self.conditional = self.conditional or index
end

function check_kind.sink(self, part, index)
  if index ~= self.given.n then self:at(faults.sink_must_be_last, index) end
  check_types(self, part, index)
  self.sink = index
end

--- A part that is `single` may stand once in a pipeline, in composites too.
function Building:check_single(part, index)
  for _, each in ipairs(part.parts or { part }) do
    if each.single then
      if self.singles[each.class] then self:at(faults.only_one, index) end
      self.singles[each.class] = true
    end
  end
end

function Building:add(part, index)
  self:insert_waiting_replier()
  check_kind[part.kind](self, part, index)
  self:check_single(part, index)
  if part.connection_state then self.stateful = self.stateful or index end
  if part.kind == "source" or part.kind == "transform" then self:take_replier(part, index) end
  self:check_joint(part)
  self:push(part)
end

local function only_sink(self)
  local sink
  for i = #self.repliers, 1, -1 do
    local each = self.repliers[i]
    if each.part.kind == "sink" then
      if sink or self.sink then
        faults.too_many_sinks(chain_with(self, each.part), each.of, each.part)
      end
      sink = each
    end
  end
  return sink
end

--- What is left on the stack: transforms, the last one first, then the sink.
function Building:add_repliers()
  local sink = only_sink(self)
  for i = #self.repliers, 1, -1 do
    local each = self.repliers[i]
    if each.part.kind == "transform" then
      self:check_joint(each.part)
      self:push(each.part)
    end
  end
  if not sink then return end
  self:check_joint(sink.part)
  self:push(sink.part)
  self.sink = #self.parts
end

function Building:check_whole(settings)
  if self.connector then
    if self.source then self:at(faults.source_and_connector, self.source) end
    if self.sink then faults.sink_and_connector(self.parts, self.sink) end
    return
  end
  if self.conditional then self:at(faults.conditional_without_connector, self.conditional) end
  if self.stateful and not settings.for_connection then
    self:at(faults.state_without_connection, self.stateful)
  end
end

function Building:result(settings)
  if self.connector then return composite.connector(self.parts, settings) end
  if self.source and self.sink then
    return require("cro.pipeline.service").new(self.parts, settings)
  end
  if self.source then return composite.source(self.parts, settings) end
  if self.sink then return composite.sink(self.parts, settings) end
  return composite.transform(self.parts, settings)
end

local function build(parts, settings)
  local self = setmetatable({
    given = parts,
    parts = {},
    produces = nil, -- what comes out of the last of `parts`
    repliers = {}, -- a stack of { part, of }
    singles = {}, -- the classes of parts that may stand once, and do
    source = nil, -- indices of what may be there once
    sink = nil,
    connector = nil,
    conditional = nil,
    stateful = nil,
  }, Building)
  for i = 1, parts.n do
    self:add(parts[i], i)
  end
  self:add_repliers()
  self:check_whole(settings)
  return self:result(settings)
end

local function slice(parts, first, last)
  local some = { n = last - first + 1 }
  for i = first, last do
    some[i - first + 1] = parts[i]
  end
  return some
end

--- The pipeline behind a source of connections becomes that of each connection.
local function with_manager(parts, split, settings)
  local inner
  if split < parts.n then
    local each = { label = settings.label, traced = settings.traced, for_connection = true }
    inner = compose.parts(slice(parts, split + 1, parts.n), each)
  end
  local manager = require("cro.pipeline.connection").new(parts, split, inner)
  local outer = slice(parts, 1, split)
  outer.n = split + 1
  outer[outer.n] = manager
  return build(outer, settings)
end

--- Composes instances; for what is composed inside of something else.
---@param parts table[] with the count in `n`
---@param settings table
---@return table
function compose.parts(parts, settings)
  local split = find_split(parts)
  if split then return with_manager(parts, split, settings) end
  return build(parts, settings)
end

local function settings_of(given)
  local named = {}
  for key, value in pairs(given) do
    if type(key) ~= "number" then named[key] = value end
  end
  local checked = options.check("cro.compose", named, {
    label = "string",
    trace = "boolean",
    for_connection = { "boolean", default = false },
    service_type = "table",
  })
  checked.traced = checked.trace
  if checked.traced == nil then checked.traced = trace.is_wanted() end
  return checked
end

local function check_list(given)
  if type(given) == "table" and getmetatable(given) == nil then return end
  local cure = component.instance(given) and "write cro.compose { part, ... }" or "give a list of parts"
  errors.misuse(("cro.compose: expected a list of parts, got %s; %s"):format(
    faults.describe_part(given), cure))
end

--- Composes parts into one: a source, a transform, a sink, a connector, or, when it
--- begins with a source and ends in a sink, a service.
---
--- Beside the parts the list may name:
--- - `label`: for traces; default "anon 1", "anon 2", ...
--- - `trace`: show what passes between parts; default whether CRO_TRACE is set
--- - `for_connection`: allow parts with connection state; default false
--- - `service_type`: a table of methods that a service gets besides its own
---
--- Raises an error of kind "compose" when the parts do not fit.
---@param given table
---@return table
function compose.compose(given)
  check_list(given)
  local settings = settings_of(given)
  local parts = instances(given)
  if parts.n == 0 then faults.empty() end
  settings.label = settings.label or trace.new_label()
  return compose.parts(parts, settings)
end

return compose
