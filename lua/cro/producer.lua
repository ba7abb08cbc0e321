--- Sources whose code runs on a fiber of its own: lists, generators, on-demand code.
---
--- The fiber is resumed at once by the tap. When the line is closed, the producer's
--- current wait and its next `emit` raise a stop; the line has ended when it has left.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local turn = require "cro.turn"

local producer = {}

local function close(line)
  local self = line.upstream
  self.ended = true
  local rec = self.busy
  if not rec then return turn.finish_line(line, turn.DONE) end
  if rec.waiting and rec.scope == self then fiber.interrupt(rec) end
end

local function produce(self, run)
  local line = self.line
  if self.ended then return end
  local rec = S.current
  self.busy = rec
  S.scope = self
  local ok, err = xpcall(run, errors.trace, line, self.source)
  S.scope = false
  self.busy = false
  if rec.used then fiber.end_job(rec, not ok) end
  if self.ended then return turn.finish_line(line, turn.DONE) end
  if not ok then return turn.finish_line(line, turn.QUIT, errors.outside(err)) end
  if self.source.completes then return turn.finish_line(line, turn.DONE) end
end

--- Runs `run(line, source)` for one tap. When it returns, a source with `completes`
--- is done; any other is done when it says so.
---@param source table
---@param line table
---@param run fun(line: table, source: table)
function producer.open(source, line, run)
  local self = {
    source = false,
    line = false,
    busy = false, -- the fiber while it runs
    ended = false, -- the line is closed: as for a block, waits raise a stop
    under = false,
    nowait = false,
    is_owner = true,
    is_producer = true,
    held = false,
    jobs = false,
    taps = false,
    gone = false,
    sealed = false,
    lent = false,
  }
  self.source, self.line = source, line
  line.upstream, line.closer = self, close
  local scheduler = source.scheduler
  if not scheduler then return fiber.run_now(produce, self, run) end
  return scheduler(function() return fiber.run_now(produce, self, run) end)
end

return producer
