--- The end of a process: by itself, by time, by whoever owns it.
local class = require "cro.process.class"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local Promise = require "cro.promise"
local scope = require "cro.scope"

local Process, Exit = class.Process, class.Exit

local ending = {}

local function settle_exit(self)
  if self.timer then self.timer:close() end
  if self.last_call then self.last_call:close() end
  if self.failure then
    self.failure.code, self.failure.signal = self.info.code, self.info.signal
    return Promise.settle_broken(self.exit, self.failure)
  end
  return Promise.settle_kept(self.exit, self.info)
end

--- For its streams: one of them has ended.
function Process:stream_over()
  local out, err = self.out, self.err
  if not self.info then return end
  if not (out and out:is_awaited()) and not (err and err:is_awaited()) then settle_exit(self) end
  if not (out and out:is_open()) and not (err and err:is_open()) then return scope.disown(self) end
end

--- It has ended and was reaped.
---@param self cro.Process
---@param code integer|nil
---@param signal string|nil
function ending.on_exit(self, code, signal)
  local info = { code = false, signal = false, pid = false }
  info.code, info.signal, info.pid = code, signal, self.box:pid()
  self.info, self.state = setmetatable(info, Exit), "ended"
  if self.input and not self.opts.pty then self.input:close() end
  self.gone:keep(true)
  return self:stream_over()
end

local function finish_streams(self)
  if self.out then self.out:finish() end
  if self.err then self.err:finish() end
  return self:stream_over()
end

--- Asks it to end, insists after so many seconds; then what others hold of its output is
--- not waited for either. Once more only to insist sooner.
local function stop(self, seconds)
  local due = fiber.now() + seconds
  if self.due and self.due <= due then return end
  self.due = due
  if self.last_call then self.last_call:close() end
  self.last_call = fiber.timer(seconds, function() return finish_streams(self) end)
  if not self.info then self.box:stop(self.opts.stop_signal, seconds) end
end

--- Has it end when its time is over.
---@param self cro.Process
function ending.watch_time(self)
  local seconds = self.opts.timeout
  if not seconds then return end
  self.timer = fiber.timer(seconds, function()
    self.failure = errors.new("timeout", ("%s did not end within %g s"):format(self.name, seconds))
    self.failure.command = self.words[1]
    return stop(self, self.opts.kill_after)
  end)
end

--- Closed before it was started: that will not happen any more.
local function give_up(self)
  if self.state ~= "new" or self.failure then return end
  self.failure = errors.new("closed", ("%s was closed before it was started"):format(self.name))
  self.failure.command = self.words[1]
  self.started:fail(self.failure)
end

local function close(self, seconds)
  give_up(self)
  if self.state ~= "started" then
    if self.input then self.input:abort() end
    finish_streams(self)
    return Promise.kept(true)
  end
  stop(self, seconds)
  if self.input then self.input:abort() end
  finish_streams(self)
  return self.gone:ask()
end

--- Ends it and lets go of what belongs to it: the signal of the option stop_signal
--- ("SIGTERM"), SIGKILL after kill_after seconds. Its pipes are closed at once. What a
--- block or a job has started it closes when it ends. Harmless twice. One that was not started
--- yet cannot be any more: kind "closed".
---@return cro.Promise kept when the process is gone
function Process:close() return close(self, self.opts.kill_after) end

--- Of the seconds that all clean-up has: killed before they are over.
local SHARE = 0.9

--- By the block or job that has started it.
---@param self cro.Process
---@return cro.Promise
function ending.close_left(self)
  return close(self, math.min(self.opts.kill_after, fiber.cleanup_seconds * SHARE))
end

return ending
