--- Child processes: their output is supplies, their input takes writes, their end is a
--- promise.
---
---     local list = cro.process("ls", "-l")
---     cro.react(function()
---       cro.whenever(list:stdout():lines(), print)
---       cro.whenever(list:start(), function(info) print("ended with", info.code) end)
---     end)
local receiver = require "cro.receiver"
local class = require "cro.process.class"
local command = require "cro.process.command"
local connection = require "cro.connection"
local core = require "cro.core"
local ending = require "cro.process.ending"
local errors = require "cro.errors"
local later = require "cro.later"
local options = require "cro.options"
local Outcome = require "cro.outcome"
local Promise = require "cro.promise"
local scope = require "cro.scope"
local stdio = require "cro.process.stdio"
local Stream = require "cro.process.stream"

local misuse, Process = errors.misuse, class.Process

local function explain(self, err, step)
  local cwd = self.opts.cwd
  local text = err.message:gsub("^start: ", "")
  if step == "cwd" then
    text = ("its working directory '%s': %s"):format(cwd, text)
  elseif step == "ids" then
    text = "its user or group: " .. text
  elseif step == "terminal" then
    text = "its terminal: " .. text
  elseif err.kind == "closed" then
    text = "a descriptor it was to be given is not open"
  elseif step == "exec" then
    if err.kind == "not_found" and not self.words[1]:find("/", 1, true) then text = "no such command" end
    if cwd then text = ("%s (in the working directory '%s')"):format(text, cwd) end
  end
  local failure = errors.new(err.kind, ("%s cannot be started: %s"):format(self.name, text))
  failure.command, failure.cwd, failure.phase = self.words[1], cwd, "start"
  return failure
end

local function fail(self, failure)
  self.state = "failed"
  Promise.settle_broken(self.exit, failure)
  self.started:fail(failure)
  if self.out then self.out:give_up() end
  if self.err then self.err:give_up() end
  self.failure = failure
  return self.exit
end

--- What raises here lacks memory: a child that is there already ends.
local function attach(self, input, out, err)
  if self.opts.pty then
    self.input = connection.wrap(out, "terminal of " .. self.name)
    self.out = self.out or Stream.unheard(self)
  elseif input then
    self.input = connection.wrap(input, "stdin of " .. self.name)
    self.input.closer = "process:close_stdin()"
  end
  if self.out then self.out:attach(out) end
  if self.err then self.err:attach(err) end
end

local function spawn(self)
  local given, err = stdio.plan(self)
  if not given then return fail(self, explain(self, err, "start")) end
  local box, input, out, err_box = core.process_start(given, function(code, signal)
    return ending.on_exit(self, code, signal)
  end)
  if not box then return fail(self, explain(self, input, out)) end
  self.box, self.state = box, "started"
  if not self.opts.detached then scope.own(self, "process", ending.close_left) end
  local ok, failure = pcall(attach, self, input, out, err_box)
  if not ok then
    self:close():observe()
    error(failure, 0)
  end
  ending.watch_time(self)
  self.started:keep(box:pid())
  return self.exit
end

--- Starts it. The promise is kept with how it has ended, `{ code, signal, pid }`, when
--- it has and all output that is tapped was delivered. It breaks when the process cannot
--- be started, with the kind "not_found", "access", ..., with "closed" when it was closed
--- before, and with "timeout" when it took longer than the option says. Cancelling the
--- promise ends the process as `close` does.
---@return cro.Promise
function Process:start()
  if self:is_started() then
    misuse(("process:start: %s was started already; each run takes a process of its own"):format(self.name))
  end
  self.state = "failed"
  self.exit = Promise.made(function() self:close():observe() end)
  if self.failure then return fail(self, self.failure) end
  return spawn(self)
end

local function must_be_started(self, what)
  if self:is_started() then return end
  misuse(("process:%s: %s must be started first: call start()"):format(what, self.name))
end

--- Kept with the process id when it was started, broken when it cannot be.
---@return cro.Promise
function Process:ready() return self.started:ask() end

--- What start has returned.
---@return cro.Promise
function Process:promise()
  must_be_started(self, "promise")
  return self.exit
end

--- Its process id; nil when it was not started.
---@return integer|nil
function Process:pid()
  if self.box then return self.box:pid() end
  return nil
end

local function input_of(self, what)
  must_be_started(self, what)
  if not self.input and self.state ~= "failed" then
    misuse(('process:%s: %s is not open for writing: give it stdin = "pipe"'):format(what, self.name))
  end
  return self.input
end

local function write(self, what, data)
  local input = input_of(self, what)
  if not input then return Promise.broken(self.failure) end
  if self.info then
    return Promise.broken(errors.new("closed", ("write: %s has ended: %s"):format(self.name, tostring(self.info))))
  end
  return input:write(data)
end

--- Writes bytes to its standard input, which takes the option stdin = "pipe". The promise
--- is kept with how many, at once while less than 64 KiB wait to be taken, else when that is so again; it
--- breaks with the kind "broken_pipe" when the process has closed its input or ended.
---@param data string
---@return cro.Promise
function Process:write(data)
  if type(data) ~= "string" then
    misuse(("process:write: a string expected, got %s; print writes other values"):format(options.show(data)))
  end
  return write(self, "write", data)
end

local function text_of(...)
  local parts = {}
  for i = 1, select("#", ...) do
    parts[i] = tostring((select(i, ...)))
  end
  return table.concat(parts)
end

--- Writes values as text, nothing between them; as `write`.
---@param ... any
---@return cro.Promise
function Process:print(...) return write(self, "print", text_of(...)) end

--- Writes values as text and the end of a line; as `write`.
---@param ... any
---@return cro.Promise
function Process:say(...) return write(self, "say", text_of(...) .. "\n") end

--- Waits until the system has taken what was written to its standard input.
---@return cro.Promise kept with true; broken when it could not be given all of it
function Process:flush()
  local input = input_of(self, "flush")
  if not input then return Promise.broken(self.failure) end
  return input:flush()
end

--- Closes its standard input behind what was written. On a terminal, types the end of
--- input (^D), which counts at the beginning of a line.
function Process:close_stdin()
  local input = input_of(self, "close_stdin")
  if not input then return end
  if not self.opts.pty then return input:close() end
  return input:write("\4"):observe()
end

--- Sends it a signal, or to all of its group with the option `group`.
---@param signal string|number|nil a name or a number; "SIGHUP" by default
---@return boolean|nil sent false when it has ended
---@return cro.Error|nil err when that is not allowed
function Process:kill(signal)
  signal = command.signal("process:kill", signal == nil and "SIGHUP" or signal)
  must_be_started(self, "kill")
  if not self.box then return false end
  return self.box:kill(signal)
end

--- Gives its terminal another size; the programs in it hear of that by SIGWINCH.
---@param cols integer
---@param rows integer
---@return boolean resized false when it has ended
function Process:resize(cols, rows)
  if not self.opts.pty then misuse(("process:resize: %s has no terminal: give it pty = true"):format(self.name)) end
  local size = command.size("process:resize", { cols = cols, rows = rows })
  if not self.box then
    self.opts.pty = size
    return not self:is_started()
  end
  return core.process_resize(self.input.box, size.cols, size.rows) == true
end

local function no_stdio_with_pty(name, opts)
  for place in pairs(class.STANDARD) do
    if opts[place] ~= nil then
      misuse(("%s: with pty the terminal is the %s too: leave that out"):format(name, place))
    end
  end
end

local function new(name, words, opts)
  local self = {
    name = false, words = false, opts = false, state = "new", box = false, input = false,
    out = false, err = false, merged = false, exit = false, started = false, gone = false,
    info = false, failure = false, timer = false, last_call = false, due = false,
    held = false,
  }
  self.name, self.words, self.opts = ("'%s'"):format(words[1]), words, opts
  self.started, self.gone = Outcome.new(), Outcome.new()
  setmetatable(self, Process)
  if opts.pty then no_stdio_with_pty(name, opts) end
  for place in pairs(class.STANDARD) do
    if opts[place] ~= nil then stdio.bind(self, name, place, opts[place]) end
  end
  return self
end

receiver.guard_all(Process, "process")

local process = {}

--- The class of processes.
process.Process = Process

--- For the parts of this module: a process of checked words and options.
---@param name string of the function, for messages
---@param words string[] the command first
---@param opts table
---@return cro.Process
function process.new(name, words, opts) return new(name, words, opts) end

--- Runs a command to its end; see cro.process.run.
process.run = later.fn("cro.process.run", "run")

return setmetatable(receiver.plain(process, "cro.process"), {
  __call = function(_, ...)
    local words, opts = command.parse("cro.process", command.OPTIONS, ...)
    return new("cro.process", words, opts)
  end,
})
