--- Native parts: pipeline parts that C runs, and the bridges to those that Lua runs.
---
--- Neighbouring native parts become one chain of the core, so that a message crosses
--- into Lua only where a Lua part wants it. What goes into a chain is pushed from the
--- fiber that brings it, which waits while the chain is full; what comes out pauses the
--- chain until it was handled. Bytes are strings inside the core and TCP messages here.
local errors = require "cro.errors"
local faults = require "cro.pipeline.faults"
local reactive = require "cro.reactive"
local types = require "cro.pipeline.types"

local native = {}

--- For specs: makes chains.
---@param given table as the core takes it
---@return table chain
function native.new_chain(given) return require("cro.core").chain(given) end

local function descriptor_of(part, run)
  local descriptor = part.native
  if type(descriptor) == "function" then descriptor = descriptor(part, run) end
  if type(descriptor) == "table" and type(descriptor.kind) == "string" then return descriptor end
  error(errors.new("pipeline", ("native of %s must be a table { kind = ..., options = ... }"):format(part.name), {
    component = part.name,
  }), 0)
end

local function settings(parts, first, last, run)
  local descriptors, names, drains = {}, {}, false
  for i = first, last do
    descriptors[#descriptors + 1] = descriptor_of(parts[i], run)
    names[#names + 1] = parts[i].name
    drains = drains or parts[i].drains
  end
  return {
    drains = drains,
    connection = run.box, parts = descriptors, names = names, label = run.label,
    head = "lua", tail = "lua",
  }
end

--- What turns a value of the core into a message, and back.
local function to_message(type_, run)
  if type_ ~= types.tcp_message then return nil end
  return function(data) return type_ { data = data, connection = run.connection } end
end

local function from_message(type_) return type_ == types.tcp_message and types.bytes_of or nil end

--- The Lua side of one chain: who waits for room, and whether it has ended.
local Bridge = {}
Bridge.__index = Bridge

local function new_bridge(sink, first)
  return setmetatable({
    sink = sink, -- takes what comes out
    first = first, -- the part that takes what goes in
    chain = false,
    room = false, -- the promise of a push that waits
    ended = false,
  }, Bridge)
end

function Bridge:has_room()
  local room = self.room
  self.room = false
  if room then room:keep(true) end
end

--- Nothing may be emitted after the end, nor the end twice.
function Bridge:finish(err)
  if self.ended then return end
  self.ended = true
  self:has_room()
  if err ~= nil then return self.sink:quit(err) end
  return self.sink:done()
end

function Bridge:listener(wrap)
  local sink = self.sink
  return function(kind, value)
    if kind == "value" then
      if not self.ended then sink:value(wrap and wrap(value) or value) end
    elseif kind == "drain" then
      self:has_room()
    elseif kind == "done" then
      self:finish()
    elseif kind == "quit" then
      self:finish(value == nil and "the chain has failed" or value)
    end
  end
end

---@async
function Bridge:push(message, unwrap)
  if self.ended then return end
  local value = message
  if unwrap then value = unwrap(message) end
  local taken, err = nil, "type"
  if value ~= nil then
    taken, err = self.chain:push(value)
  end
  if taken == nil then
    if err == "type" then
      err = faults.wrong_message(self.first.name, self.first.consumes, message)
    elseif err.kind == "state" then
      err = faults.unasked(self.first.name)
    end
    return self:finish(err)
  end
  if taken or self.ended then return end
  local room = reactive.Promise.new()
  self.room = room
  reactive.await(room)
end

--- Feeds the chain with what a supply brings.
function Bridge:feed(messages, unwrap)
  return messages:tap {
    buffer = messages:live() and 64 or nil,
    value = function(message) return self:push(message, unwrap) end,
    done = function()
      if not self.ended then self.chain:finish() end
    end,
    quit = function(err)
      if not self.ended then self.chain:fail(err) end
      return self:finish(err)
    end,
  }
end

--- Closes the chain; the supply has ended or nobody listens any more.
function Bridge:close(input)
  self.ended = true
  self:has_room()
  if input then input:close() end
  self.chain:close()
end

--- Where input comes in a drain begins, whenever it is asked for.
local function begin(given, bridge, run)
  if given.head ~= "socket" and not given.drains then return end
  run.on_drain = function() return bridge.chain:drain() end
  bridge.chain:start()
  if run.drained then bridge.chain:drain() end
end

local function supply_of(given, first, wrap, run, messages)
  local unwrap = messages and from_message(first.consumes)
  return reactive.Supply.from_source {
    name = "native chain",
    open = function(sink)
      local bridge = new_bridge(sink, first)
      given.on_event = bridge:listener(wrap)
      given.beside = run.chain
      bridge.chain = native.new_chain(given)
      if not run.box then run.chain = bridge.chain end
      begin(given, bridge, run)
      local input = messages and bridge:feed(messages, unwrap)
      return function() bridge:close(input) end
    end,
  }
end

--- A supply through parts[first..last], from Lua to Lua.
---@param parts table[]
---@param first integer
---@param last integer
---@param messages cro.Supply
---@param run cro.PipelineRun
---@return cro.Supply
function native.transform(parts, first, last, messages, run)
  local given = settings(parts, first, last, run)
  return supply_of(given, parts[first], to_message(parts[last].produces, run), run, messages)
end

--- What comes out of parts[1..last] when the connection's bytes go in, without a detour.
---@param parts table[]
---@param last integer
---@param run cro.PipelineRun
---@return cro.Supply
function native.from_socket(parts, last, run)
  local given = settings(parts, 1, last, run)
  given.head = "socket"
  return supply_of(given, parts[1], to_message(parts[last].produces, run), run)
end

--- A supply into parts[first..] and on to the connection. It brings nothing and ends
--- when all is written.
---@param parts table[]
---@param first integer
---@param messages cro.Supply
---@param run cro.PipelineRun
---@return cro.Supply
function native.to_socket(parts, first, messages, run)
  local given = settings(parts, first, #parts, run)
  given.tail = "socket"
  return supply_of(given, parts[first], nil, run, messages)
end

--- The whole pipeline of a connection, when all of its parts are native.
---@param parts table[]
---@param run cro.PipelineRun
---@return cro.Supply
function native.between_socket(parts, run)
  local given = settings(parts, 1, #parts, run)
  given.head, given.tail = "socket", "socket"
  return supply_of(given, parts[1], nil, run)
end

return native
