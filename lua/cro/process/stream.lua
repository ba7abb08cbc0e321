--- The output of a process as a supply, and pipes from one process to another.
---
--- A stream can be tapped before there is a process. It is read while it is tapped and
--- while its tap keeps up: the process waits meanwhile, as for any reader of a pipe.
local core = require "cro.core"
local errors = require "cro.errors"
local supplies = require "cro.supply"

---@class cro.process.Stream
---@field name string for messages
---@field process cro.Process
---@field over boolean nothing more will come
---@field tapped boolean
---@field closed boolean by its tap
---@field private sink cro.Sink|false
---@field private box userdata|false the connection of the core
---@field private link table|false what another process reads of it
---@field private own_supply cro.Supply|false
local Stream = {}
Stream.__index = Stream

--- Which stream a supply is. The supply holds the stream, and the stream it: were the
--- values not weak, neither would ever go.
local streams = setmetatable({}, { __mode = "kv" })

--- A stream that has not begun.
---@param process cro.Process
---@param name string
---@return cro.process.Stream
function Stream.new(process, name)
  local self = {
    name = false, process = false, over = false, tapped = false, closed = false,
    sink = false, box = false, link = false, own_supply = false,
  }
  self.process, self.name = process, name
  return setmetatable(self, Stream)
end

--- A stream whose bytes are read and thrown away.
---@param process cro.Process
---@return cro.process.Stream
function Stream.unheard(process)
  local self = Stream.new(process, "the output of " .. process.name)
  local function ignore() return true end
  self.tapped, self.sink = true, { value = ignore, done = ignore, quit = ignore }
  return self
end

--- The stream that a supply is, if it is one.
---@param supply any
---@return cro.process.Stream|nil
function Stream.of(supply) return streams[supply] end

local function stop(self)
  if self.over then return end
  self.over = true
  return self.process:stream_over()
end

local function begin(self)
  local sink = self.sink
  self.box:start(function(kind, value)
    if kind == "value" then return sink:value(value) end
    if kind == "quit" then sink:quit(value) else sink:done() end
    return stop(self)
  end)
end

local function open(self, sink)
  if self.tapped then error(("%s is read already: it has one reader"):format(self.name), 0) end
  if self.link then error(("%s goes to another process, which is its one reader"):format(self.name), 0) end
  self.tapped, self.sink = true, sink
  if self.over then
    sink:done()
  elseif self.box then
    begin(self)
  end
  return function() return self:close() end
end

--- Its bytes. It can be tapped once.
---@return cro.Supply
function Stream:supply()
  if self.own_supply then return self.own_supply end
  local supply = supplies.from_source { name = self.name, open = function(sink) return open(self, sink) end }
  self.own_supply = supply
  streams[supply] = self
  return supply
end

--- The process has been started with this end of it.
---@param box userdata|nil nothing comes here
function Stream:attach(box)
  if not box then
    self.over = true
    return
  end
  self.box = box
  if self.closed then
    self.over = true
    box:abort()
  elseif self.tapped then
    begin(self)
  end
end

--- There will be no process: what waits for output is done.
function Stream:give_up()
  if self.over then return end
  self.over = true
  if self.sink then self.sink:done() end
end

--- Closes our end: a process that writes on is ended by SIGPIPE.
function Stream:close()
  self.closed = true
  if not self.box or self.over then return end
  self.box:abort()
  return stop(self)
end

--- Closes it and tells its tap that it is done.
function Stream:finish()
  if self.over then return end
  local sink = self.sink
  self:close()
  if sink then sink:done() end
end

--- Is there output that somebody reads and has not heard the end of?
---@return boolean
function Stream:is_awaited() return self.tapped and not self.over end

--- Is our end open?
---@return boolean
function Stream:is_open() return self.box and not self.over or false end

--- Joins it to the input of another process.
---@param what string for messages
---@return table link
function Stream:join(what)
  local process = self.process
  if process:is_started() then
    errors.misuse(("%s: %s was started already; join processes before either is started"):format(what, process.name))
  end
  if self.tapped or self.link then
    errors.misuse(("%s: %s is read already: it has one reader"):format(what, self.name))
  end
  self.link = { pipe = false }
  return self.link
end

--- The pipe that two processes share, made when the first of them starts.
---@param link table of `join`
---@return userdata|nil pipe
---@return cro.Error|nil err
function Stream.pipe_of(link)
  if link.pipe then return link.pipe end
  local pipe, err = core.process_pipe()
  link.pipe = pipe or false
  return pipe, err
end

return Stream
