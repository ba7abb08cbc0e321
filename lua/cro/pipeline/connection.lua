--- The connection manager: the sink that gives each connection a pipeline of its own.
---
--- `cro.compose` puts one behind a part that brings connections. Each connection is
--- served by its own fiber and block: one that waits, fails or is closed touches no
--- other. Its error is reported and closes it. The manager owns no connection beyond its
--- pipeline; ending the manager ends all of them.
local component = require "cro.pipeline.component"
local composite = require "cro.pipeline.composite"
local errors = require "cro.errors"
local faults = require "cro.pipeline.faults"
local trace = require "cro.pipeline.trace"

---@class cro.ConnectionManager: cro.Component
---@field connection_type cro.ConnectionType
---@field inner table[] the parts of each connection's pipeline, in order
---@field has_sink boolean they end in a sink
local Manager = {}
local meta = component.metatable(Manager)

local connection = {}

--- Errors of these kinds are the peer's or the network's, not the program's.
local EXPECTED = {
  closed = true, reset = true, gone = true, broken_pipe = true, eof = true,
  protocol = true, timeout = true, limit = true,
}

local function check_inner(parts, split, inner)
  local type_, first = parts[split].produces, parts[split + 1]
  if not inner then return end -- find_split has seen that it is replyable
  if inner.kind == "sink" and type_.replier then
    faults.misuse(("A connection manager was inserted before %s: connections of type %s are replyable, "
      .. "but an explicit sink was also given"):format(first.name, type_.name), parts, parts.n,
      "leave out the sink; the connection's own replier takes what comes out")
  end
  if inner.kind == "transform" and not type_.replier then
    faults.misuse(("A connection manager was inserted before %s, but connections of type %s are not "
      .. "replyable and the parts do not end in a sink"):format(first.name, type_.name), parts, parts.n,
      "add a sink at the end")
  end
  if inner.kind ~= "sink" and inner.kind ~= "transform" then
    faults.misuse("Parts controlled by a connection manager must compose to a transform or a sink, not a "
      .. inner.kind, parts, split + 1, "use the connector inside of a transform")
  end
end

local function check_reply(parts, type_, inner)
  if inner.kind == "sink" or inner.produces == type_.consumes then return end
  local chain = { n = parts.n + 1 }
  for i = 1, parts.n do
    chain[i] = parts[i]
  end
  local last = inner.parts[#inner.parts]
  chain[chain.n] = setmetatable({
    kind = "sink", name = type_.name .. " replier", consumes = type_.consumes,
  }, meta)
  faults.mismatch(chain, chain.n, last)
end

--- Makes the manager for the connections of `parts[split]`.
---@param parts table[] the whole pipeline, for messages
---@param split integer
---@param inner table|nil the composite of what follows; nil answers with what came in
---@return cro.ConnectionManager
function connection.new(parts, split, inner)
  local type_ = parts[split].produces
  check_inner(parts, split, inner)
  if inner then check_reply(parts, type_, inner) end
  return setmetatable({
    kind = "sink",
    name = "Connection Manager",
    consumes = type_,
    connection_type = type_,
    inner = inner and inner.parts or {},
    has_sink = inner ~= nil and inner.kind == "sink",
  }, meta)
end

--- Ends a supply in order when the service drains.
---@param messages cro.Supply
---@param draining cro.Promise|nil kept when it does; nil: it never does
---@return cro.Supply
function connection.until_drained(messages, draining)
  if not draining then return messages end
  return require("cro.reactive").supply(function(block)
    block.whenever(messages, block.emit):last(block.done)
    block.whenever(draining, block.done)
  end)
end
local until_drained = connection.until_drained

--- Is there a part that knows how to end when the service drains, and needs its input to?
local function drains_itself(parts)
  for _, part in ipairs(parts) do
    if part.drains then return true end
  end
  return false
end

local function incoming(self, run)
  local type_ = self.connection_type
  local messages = type_.incoming(run.connection)
  if not run.box or not drains_itself(self.inner) then messages = until_drained(messages, run.draining) end
  if not run.traced then return messages end
  return trace.supply(messages, run, type_.name, type_.produces)
end

local function replier(self, run)
  local given = self.connection_type.replier(run.connection)
  local part = component.instance(given)
  if part and (part.kind == "sink" or part.kind == "transform") then return part end
  error(errors.new("pipeline", ("the replier of a %s must be a sink or a transform, got %s"):format(
    self.connection_type.name, faults.describe_part(part or given)), {}), 0)
end

local function pass_through(self, messages, first, last, run)
  local parts = self.inner
  messages = composite.flow(parts, first, last, messages, run)
  if self.has_sink then return messages end
  local part = replier(self, run)
  if part.kind == "sink" then return component.sunk(part, messages, nil, run) end
  return component.transformed(part, messages, nil, run)
end

--- How many native parts stand at the head, and where those at the tail begin.
local function native_ends(parts)
  local head, tail = 0, #parts + 1
  while parts[head + 1] and parts[head + 1].native do
    head = head + 1
  end
  while tail > 1 and parts[tail - 1].native do
    tail = tail - 1
  end
  return head, tail
end

--- Is a native part cut off from the socket, or one that closes the connection when it has
--- said all, not at its tail? Then those at its ends are not joined to it either: parts
--- that work together, as parser and serializer, stand on one ground, and what is said
--- comes out before the end does.
local function is_cut_off(parts, head, tail)
  for i, part in ipairs(parts) do
    if i > head and i < tail and part.native then return true end
    if part.closes and i < tail and head < #parts then return true end
  end
  return false
end

--- The supply that carries a connection: it brings nothing, and ends when it has ended.
local function open(self, run)
  local parts = self.inner
  local head, tail = native_ends(parts)
  if self.has_sink then tail = #parts + 1 end
  if not run.box or run.traced or (head == 0 and tail > #parts) or is_cut_off(parts, head, tail) then
    return pass_through(self, incoming(self, run), 1, #parts, run)
  end
  local native = require "cro.pipeline.native"
  if head == #parts then return native.between_socket(parts, run) end
  local messages = head > 0 and native.from_socket(parts, head, run) or incoming(self, run)
  if tail > #parts then return pass_through(self, messages, head + 1, #parts, run) end
  return native.to_socket(parts, tail, composite.flow(parts, head + 1, tail - 1, messages, run), run)
end

local function new_run(self, value, service_run)
  local type_ = self.connection_type
  local run = composite.new_run(service_run, self.inner)
  run.connection, run.connection_type = value, type_
  run.box = type_.box and type_.box(value) or nil
  local draining = service_run.draining
  if draining then
    run.draining = require("cro.reactive").Promise.new()
    if draining:status() ~= "planned" then run.draining:keep(true) end
  end
  return run
end

local function report(self, run, err)
  if type(err) == "table" and EXPECTED[err.kind] then return end
  require("cro.report").unhandled(err, {
    what = ("error in the pipeline of a %s"):format(self.connection_type.name),
    label = run.label,
    connection = run.connection,
  })
end

local function ignore() end

local function close(self, run, err)
  local type_ = self.connection_type
  if not type_.close or run.closed then return end
  run.closed = true
  local ok, failure = xpcall(type_.close, errors.trace, run.connection, err)
  if not ok then report(self, run, failure) end
end

--- Carries one connection from its first byte to its end.
---@async
local function serve(self, run)
  local reactive = require "cro.reactive"
  local ok, err = pcall(reactive.react, function(block)
    block.whenever(open(self, run), ignore):last(block.done)
    if not (run.box and run.draining) then return end
    block.whenever(run.draining, function()
      run.drained = true
      if run.on_drain then run.on_drain() end
    end)
  end)
  close(self, run, not ok and err or nil)
  if ok then return end
  if errors.is_unwinding(err) then error(err, 0) end
  report(self, run, err)
end

--- Ends what is open. A job that had not begun leaves its connection to us.
---@async
local function end_all(self, jobs)
  local reactive = require "cro.reactive"
  for job in pairs(jobs) do
    job:cancel()
  end
  for job, run in pairs(jobs) do
    reactive.pawait(job)
    close(self, run)
  end
end

--- Has every open connection end its input once the service drains. One promise per
--- connection, so that closing one does not search through all of them. Returns the
--- handle, which keeps the block open until it is closed.
local function drain_all(block, jobs, run)
  return block.whenever(run.draining, function()
    for _, own in pairs(jobs) do
      if own.draining:status() == "planned" then own.draining:keep(true) end
    end
  end)
end

--- Serves what `connections` brings, until it is done and the last connection has ended.
---@param connections cro.Supply
---@param _ any
---@param run cro.PipelineRun|nil
---@return cro.Supply
function Manager:sinker(connections, _, run)
  local reactive = require "cro.reactive"
  run = run or composite.new_run {}
  return reactive.supply(function(block)
    local jobs, exhausted = {}, false
    local watch = run.draining and drain_all(block, jobs, run)
    local function end_when_idle()
      if watch and exhausted and next(jobs) == nil then watch:close() end
    end
    block.whenever(connections, function(value)
      local own = new_run(self, value, run)
      local job = reactive.start(function() return serve(self, own) end)
      jobs[job] = own
      local function forget()
        jobs[job] = nil
        end_when_idle()
      end
      block.whenever(job, forget):quit(forget)
    end):last(function()
      exhausted = true
      end_when_idle()
    end)
    block.closing(function() end_all(self, jobs) end)
  end)
end

return connection
