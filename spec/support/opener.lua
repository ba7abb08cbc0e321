--- Things that are opened and belong to a scope, for specs of who closes them.
local cro = require "cro.reactive"
local scope = require "cro.scope"
local world = require "spec.support.world"

local opener = {}

--- Opens things with names, and notes when each is closed.
---@return fun(name: string): table open, string[] log, fun(text: any) note
function opener.new()
  local log, note = world.log()
  local function close(handle) note(handle.name) end
  local function open(name)
    local handle = { name = name, held = false }
    scope.own(handle, "thing", close)
    return handle
  end
  return open, log, note
end

--- How a promise ended, when it has.
---@async
---@param promise cro.Promise
---@return string
function opener.settled(promise)
  cro.await(promise:settled(function() end))
  return promise:status()
end

return opener
