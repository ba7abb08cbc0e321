---@meta cro.core
--- Child processes as C gives them to Lua; cro.process is made of them.
---@class cro.core
local core = {}

---@class cro.core.StartOptions
---@field file string the command; without a slash it is looked for in the child's PATH
---@field args string[] args[1] is the name it sees
---@field env string[]|nil "NAME=value"; nil: that of this process
---@field cwd string|nil
---@field stdin string|integer|userdata "pipe", "null", a descriptor or a pipe of `process_pipe`
---@field stdout string|integer|userdata
---@field stderr string|integer|userdata or "stdout"
---@field cols integer|nil with `rows`: all three are a terminal of this size
---@field rows integer|nil
---@field group boolean|nil it leads a process group, to which signals go
---@field detached boolean|nil it has a session of its own and outlives this process
---@field uid integer|nil
---@field gid integer|nil

--- Starts a process; three connections come with it, nil for what is no pipe; that of a
--- terminal stands for stdout. Or nil, why not, and what was being done: "start", "cwd",
--- "ids", "terminal", "exec". `fn` is called once, when it has ended: with its exit code,
--- or nil and the name of the signal that has ended it.
---@param options cro.core.StartOptions
---@param fn fun(code: integer|nil, signal: string|nil)
---@return cro.core.Process|nil
---@return cro.core.Connection|cro.Error|nil stdin
---@return cro.core.Connection|string|nil stdout
---@return cro.core.Connection|nil stderr
function core.process_start(options, fn) end

--- A pipe for two processes, one of which is given the end to write, the other that to
--- read. Nil and why not.
---@return cro.core.Pipe|nil
---@return cro.Error|nil
function core.process_pipe() end

--- The descriptor of an open file of the io library, what it has buffered written first;
--- nothing for other values.
---@param file any
---@return integer|nil
function core.process_fd(file) end

--- Another size for the terminal of a connection: true, or nil and why not.
---@param connection cro.core.Connection
---@param cols integer
---@param rows integer
---@return boolean|nil
---@return cro.Error|nil
function core.process_resize(connection, cols, rows) end

--- The environment of this process, "NAME=value" each.
---@return string[]
function core.environ() end

---@class cro.core.Process
local process = {}

--- Its process id, also when it has ended.
---@return integer
function process:pid() end

--- Sends a signal: true, false when it has ended, or nil and why not.
---@param signal string a name or a number
---@return boolean|nil
---@return cro.Error|nil
function process:kill(signal) end

--- Sends a signal, and SIGKILL when it is still there after so many seconds.
---@param signal string
---@param seconds number
function process:stop(signal, seconds) end

---@class cro.core.Pipe
local pipe = {}

--- Closes what no process was given. Harmless twice.
function pipe:close() end

return core
