--- The three standard descriptors of a process: where each comes from and goes to.
local class = require "cro.process.class"
local command = require "cro.process.command"
local core = require "cro.core"
local errors = require "cro.errors"
local options = require "cro.options"
local Stream = require "cro.process.stream"

local misuse, Process, STANDARD = errors.misuse, class.Process, class.STANDARD

local stdio = {}

--- The descriptor of an open file, of the io library or of cro.file; nil for other values.
local function descriptor(value)
  if type(value) == "table" and getmetatable(value) and type(value.descriptor) == "function" then
    return value:descriptor()
  end
  return core.process_fd(value)
end

local WORDS = { pipe = true, null = true, inherit = true }

local function is_given(place, value)
  if type(value) == "string" then return WORDS[value] or place == "stderr" and value == "stdout" end
  if type(value) == "number" then return value >= 0 and value % 1 == 0 end
  return descriptor(value) ~= nil
end

--- Checks where one of the three goes and notes it. `what` is for messages.
---@param self cro.Process
---@param what string
---@param place string
---@param value any
function stdio.bind(self, what, place, value)
  local stream = place == "stdin" and Stream.of(value)
  if stream then
    self.opts.stdin = stream:join(what)
  elseif is_given(place, value) then
    self.opts[place] = value
  else
    misuse(('%s: %s: expected "pipe", "null", "inherit"%s, an open file or a descriptor%s, got %s'):format(
      what, place, place == "stderr" and ', "stdout"' or "",
      place == "stdin" and ", or the output of another process" or "", options.show(value)))
  end
end

local function bind_before_start(self, place, value)
  local what = "process:bind_" .. place
  if self:is_started() then misuse(("%s: %s was started already"):format(what, self.name)) end
  if self.opts.pty then misuse(("%s: the terminal is the %s of %s"):format(what, place, self.name)) end
  if place ~= "stdin" and (place == "stdout" and self.out or place == "stderr" and self.err or self.merged) then
    misuse(("%s: the %s of %s was taken as a supply"):format(what, place, self.name))
  end
  stdio.bind(self, what, place, value)
  return self
end

--- Where its input comes from, as the option stdin: an open file, a descriptor, "null",
--- "inherit", "pipe", or the output of another process that has not been started: then
--- the system joins the two and no byte passes through here. Returns the process.
---@param what any
---@return cro.Process
function Process:bind_stdin(what) return bind_before_start(self, "stdin", what) end

--- Where its output goes, as the option stdout. Returns the process.
---@param what any
---@return cro.Process
function Process:bind_stdout(what) return bind_before_start(self, "stdout", what) end

--- Where its error output goes, as the option stderr. Returns the process.
---@param what any
---@return cro.Process
function Process:bind_stderr(what) return bind_before_start(self, "stderr", what) end

local function take(self, place, merged)
  local field, called = place == "stderr" and "err" or "out", merged and "supply" or place
  if self.opts.pty then
    merged = false -- a terminal's output is one anyway
    if place == "stderr" then
      misuse(("process:stderr: %s has a terminal, where all output is one: take stdout"):format(self.name))
    end
  end
  if (self.out or self.err) and self.merged ~= merged then
    misuse(("process:%s: supply is all output of %s in one; take that or stdout and stderr"):format(
      called, self.name))
  end
  if self[field] then return self[field]:supply() end
  if self:is_started() then
    misuse(("process:%s: %s was started already: take its output before start"):format(called, self.name))
  end
  local given = self.opts[place]
  if given ~= nil and given ~= "pipe" then
    misuse(('process:%s: the option %s of %s is not "pipe"'):format(called, place, self.name))
  end
  self.merged = merged
  self[field] = Stream.new(self, ("%s of %s"):format(merged and "the output" or place, self.name))
  return self[field]:supply()
end

--- What it writes to standard output, as strings of bytes. Take it before start: output
--- that nobody takes goes where that of this program goes. It can be tapped once; while
--- a handler waits it is not read, and the process waits when the pipe is full. Closing
--- the tap closes the pipe.
---@return cro.Supply
function Process:stdout() return take(self, "stdout", false) end

--- What it writes to standard error; as stdout.
---@return cro.Supply
function Process:stderr() return take(self, "stderr", false) end

--- Both of them in one, in the order they were written.
---@return cro.Supply
function Process:supply()
  local given = self.opts.stderr
  if given ~= nil and given ~= "stdout" and given ~= "pipe" then
    misuse(("process:supply: the option stderr of %s says where that goes; take stdout"):format(self.name))
  end
  return take(self, "stdout", true)
end

--- What the core is given for one of the three, or nil and an error.
local function slot(self, place)
  local value = self.opts[place]
  local stream = place == "stdout" and self.out or place == "stderr" and self.err
  if stream and stream.link then return Stream.pipe_of(stream.link) end
  if place == "stderr" and self.merged then return "stdout" end
  if stream and stream.closed then return "null" end
  if stream then return "pipe" end
  if value == nil or value == "inherit" then return STANDARD[place] end
  if type(value) == "table" and not getmetatable(value) then return Stream.pipe_of(value) end
  if type(value) ~= "table" and type(value) ~= "userdata" then return value end
  local fd = descriptor(value)
  if fd then return fd end
  return nil, errors.new("closed", "the file it was to be given is closed")
end

--- Asked for with the options, though nobody has taken it yet.
local function make_asked(self)
  if self.merged or self.opts.pty then return end
  if self.opts.stdout == "pipe" then self.out = self.out or Stream.new(self, "stdout of " .. self.name) end
  if self.opts.stderr == "pipe" then self.err = self.err or Stream.new(self, "stderr of " .. self.name) end
end

--- What the core is told to start; nil and an error when that cannot be had.
---@param self cro.Process
---@return table|nil
---@return cro.Error|nil
function stdio.plan(self)
  local opts = self.opts
  local given = { file = "", args = false, detached = false, group = false }
  given.file, given.args = self.words[1], self.words
  given.cwd, given.uid, given.gid = opts.cwd, opts.uid, opts.gid
  given.detached, given.group = opts.detached, opts.group
  given.env = command.environment("cro.process", opts.env, opts.clear_env)
  if opts.pty then
    given.cols, given.rows = opts.pty.cols, opts.pty.rows
    given.stdin, given.stdout, given.stderr = "null", "null", "null"
    return given
  end
  make_asked(self)
  for place in pairs(STANDARD) do
    local value, err = slot(self, place)
    if value == nil then return nil, err end
    given[place] = value
  end
  return given
end

return stdio
