--- Taking things out of their scope.
local errors = require "cro.errors"
local options = require "cro.options"
local roots = require "cro.roots"
local scope = require "cro.scope"
local Promise = require "cro.promise"

local program = scope.program

--- Only a job has an owner: it is in the list of that one, or names it until it begins.
local function detach_promise(promise)
  local from, alarm = promise.from, promise.alarm
  if alarm and alarm.link then scope.unlink(alarm.link) end
  if not from then return end
  local link = from.co and from.link
  if link and link.promise == promise then scope.end_job(from) end
  if not from.co and from.sealed ~= nil then promise.from = false end
end

local function detach(thing)
  if Promise.is(thing) then return detach_promise(thing) end
  if thing.plain and thing.owner == thing then return roots.detach(thing) end
  local node = thing.held
  if node ~= false and type(node) ~= "table" then
    errors.misuse "cro.detach: expected a handle, a promise of cro.start or a tap, got a table that has no owner"
  end
  if node and node.owner ~= program then scope.move_handle(thing, program) end
end

--- Takes a handle, a job or a tap out of the block or job that owns it: it stays open
--- until somebody closes it, or the program ends. For what outlives its opener: pools,
--- caches, jobs in the background. Returns what it was given.
---@generic T
---@param thing T a connection, file, process, a promise of `start`, a tap, ...
---@return T
return function(thing)
  if type(thing) ~= "table" then
    errors.misuse("cro.detach: expected a handle, a promise of cro.start or a tap, got " .. options.show(thing))
  end
  detach(thing)
  return thing
end
