--- The class of processes: what one holds. The other parts add its methods.

--- How a process has ended.
---@class cro.process.Exit
---@field code integer|nil its exit code; nil when a signal has ended it
---@field signal string|nil the signal that has ended it, such as "SIGKILL"
---@field pid integer
local Exit = {}
Exit.__index = Exit

function Exit:__tostring()
  if self.signal then return "ended by " .. self.signal end
  return self.code and "exit code " .. self.code or "ended, nobody knows how"
end

---@class cro.Process
---@field name string the command as it was given, quoted, for messages
---@field private words string[]
---@field private opts table
---@field private state "new"|"started"|"ended"|"failed"
---@field private box userdata|false the process of the core
---@field private input cro.Connection|false
---@field private out cro.process.Stream|false stdout, or all there is
---@field private err cro.process.Stream|false stderr
---@field private merged boolean
---@field private exit cro.Promise|false what start has returned
---@field private started cro.Outcome that it runs
---@field private gone cro.Outcome that it has been reaped
---@field private info cro.process.Exit|false
---@field private failure cro.Error|false why it is being ended
---@field private timer table|false its time-out
---@field private last_call table|false when its output is closed
---@field private due number|false the time of that, and of SIGKILL
---@field package held table|false see cro.scope
local Process = {}
Process.__index = Process
Process.__name = "cro.Process"

function Process:__tostring()
  if self.state == "new" then return ("process %s (not started)"):format(self.name) end
  if self.state == "failed" then return ("process %s (could not be started)"):format(self.name) end
  local how = self.info and tostring(self.info) or "running"
  return ("process %s (%d, %s)"):format(self.name, self.box:pid(), how)
end

--- For the parts of this module: has start been called?
---@return boolean
function Process:is_started() return self.state ~= "new" end

return { Process = Process, Exit = Exit, STANDARD = { stdin = 0, stdout = 1, stderr = 2 } }
