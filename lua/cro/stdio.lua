--- Standard input as a supply, standard output and error as something to wait for.
---
---     whenever(cro.stdin:lines(), function(line) await(cro.stdout:write(line:upper() .. "\n")) end)
---
--- Terminals, pipes, sockets and redirected files alike. The flags of the descriptors,
--- which the shell and others share, are left as they were found.
local receiver = require "cro.receiver"
local core = require "cro.core"
local Promise = require "cro.promise"
local errors = require "cro.errors"
local options = require "cro.options"
local reading = require "cro.file.reading"
local request = require "cro.file.request"
local scope = require "cro.scope"
local supplies = require "cro.supply"

local stdio = {}

--- What comes in on standard input. It has all methods of a supply.
---@class cro.Stdin: cro.Supply
---@field private read boolean somebody taps it
local Stdin = {}
Stdin.__name = "cro.Stdin"

local CHUNKS = { chunk = reading.CHUNK }

-- What a terminal says whose other end has gone.
local function is_end(err) return err.errno == "EIO" and core.stdio_terminal(0) end

local function open_stdin(self, sink)
  if self.read then error("stdin is read already: it has one reader", 0) end
  local box, err = core.stdio(0)
  if not box then
    if err.kind == "closed" then return sink:done() end
    return sink:quit(err)
  end
  self.read = true
  local stop = reading.start({
    value = function(_, data) return sink:value(data) end,
    done = function()
      self.read = false
      return sink:done()
    end,
    quit = function(_, failure)
      self.read = false
      if is_end(failure) then return sink:done() end
      return sink:quit(failure)
    end,
  }, box, "stdin:read", CHUNKS)
  return function()
    self.read = false
    return stop()
  end
end

--- What comes in, as strings of bytes; done at its end (at once when the program was
--- started without a standard input). It has one reader at a time. Nothing is read while
--- a handler waits, nor when nobody taps it; and only a tap keeps the program waiting for
--- it. What `io.read` has taken before stays with it.
---@return cro.Supply
function Stdin:supply()
  return supplies.from_source { name = "stdin", open = function(sink) return open_stdin(self, sink) end }
end

--- Is it a terminal?
---@return boolean
function Stdin:is_terminal() -- luacheck: no unused args
  return (core.stdio_terminal(0))
end

function Stdin:__tostring() return "stdin" end -- luacheck: no unused args

--- A method of its own, else that of its supply.
function Stdin.__index(_, name)
  local own = rawget(Stdin, name)
  if own ~= nil then return own end
  local method = supplies[name]
  if type(method) ~= "function" then return method end
  return function(self, ...) return method(self:supply(), ...) end
end

--- Bytes that may wait for a reader when the program does not.
local MOST = 1024 * 1024

--- Where output goes: `cro.stdout` or `cro.stderr`.
---@class cro.Output
---@field private fd integer
---@field private name string
---@field private c userdata the same stream of Lua's io library
---@field private box userdata|false the file of the core, once it is written to
---@field private writing cro.Promise|false what is with the core
---@field private waiting string[] what comes behind that
---@field private bytes integer of waiting
---@field private room cro.Promise|false of those who wait for that
local Output = {}
Output.__index = Output
Output.__name = "cro.Output"

function Output:__tostring() return self.name end

-- What nobody awaited is written nevertheless: the program's end waits for it.
local function finish(self) return self:flush():settled(function() end) end

local send

local function written(self, promise, err)
  self.writing = false
  if #self.waiting > 0 then
    local data, room = table.concat(self.waiting), self.room
    self.waiting, self.bytes, self.room = {}, 0, false
    send(self, data, room)
  else
    scope.disown(self)
  end
  if err then return Promise.settle_broken(promise, err) end
  return Promise.settle_kept(promise, true)
end

function send(self, data, promise)
  if not self.box then
    local box, err = core.stdio(self.fd)
    if not box then
      err.op, err.path = self.name .. ":write", self.name
      err.message = self.name .. ":write: "
        .. (err.kind == "closed" and "it was closed before the program started" or err.message)
      scope.disown(self)
      return Promise.settle_broken(promise, err)
    end
    self.box = box
  end
  self.writing = promise
  request.run("write", self.name .. ":write", { data = data }, function(_, err)
    return written(self, promise, err)
  end, self.box)
end

--- Writes a string. The promise is kept when the system has all of it: who awaits it goes
--- no faster than the reader. It breaks with kind "broken_pipe" when the reader has left,
--- "no_space" when the disk is full, "closed" when the program was started without it,
--- "limit" when a MiB waits because nobody awaited. What `print` and `io.write` wrote
--- before comes before it.
---@param data string
---@return cro.Promise
function Output:write(data)
  options.argument(self.name .. ":write", 1, data, "string")
  self.c:flush()
  local promise
  if not self.writing then
    promise = Promise.made()
    scope.own(self, "output", finish, scope.program)
    send(self, data, promise)
    return promise
  end
  if self.bytes + #data > MOST then
    return Promise.broken(errors.new("limit", ("%s:write: %d bytes wait for the reader already; await "
      .. "%s:write(...)"):format(self.name, self.bytes, self.name), { op = self.name .. ":write", path = self.name }))
  end
  if self.room and self.room:was_cancelled() then self.room = false end
  promise = self.room or Promise.made()
  self.room = promise
  self.waiting[#self.waiting + 1] = data
  self.bytes = self.bytes + #data
  return promise
end

--- Kept when the system has everything written so far.
---@return cro.Promise
function Output:flush()
  self.c:flush()
  return self.room or self.writing or Promise.kept(true)
end

--- Is it a terminal?
---@return boolean
function Output:is_terminal() return (core.stdio_terminal(self.fd)) end

--- Columns and rows of the terminal; nil when it is none, or does not say.
---@return integer|nil columns
---@return integer|nil rows
function Output:size() return select(2, core.stdio_terminal(self.fd)) end

local function output(fd, name, c)
  local self = setmetatable({
    held = false, fd = fd, name = name, c = c, box = false, writing = false, waiting = {}, bytes = 0, room = false,
  }, Output)
  return self
end

receiver.guard_all(Output, "output")

--- Standard input.
stdio.stdin = setmetatable({ read = false }, Stdin)
--- Standard output.
stdio.stdout = output(1, "stdout", io.stdout)
--- Standard error.
stdio.stderr = output(2, "stderr", io.stderr)

return stdio
