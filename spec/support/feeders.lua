--- Producers that wait, and fibers that emit with what a producer was given, for the random
--- scripts of spec/support/scripted.lua.
local cro = require "cro.reactive"

local feeders = {}

local TENTH = 0.1

local function note(value) return type(value) == "table" and value.fed and value or nil end

--- The handler of a value begins: whoever emits it has not been told that nobody will have it.
---@param stage table
---@param value any
function feeders.begin(stage, value)
  local fed = note(value)
  if not fed then return end
  stage.check(not fed.begun, "a value was handled twice")
  stage.check(not fed.refused, "a value was handled whose emit had raised before")
  fed.begun = true
end

--- Emits a value that is noted. An emit that returns has been handled; what runs directly at
--- the emitter's line, without a block in between, was begun at the least.
---@param stage table
---@param emitter table { own = cro.Emitter, nested = integer }
function feeders.feed(stage, emitter)
  local value = { fed = true, begun = false, refused = false }
  stage.feeding[value] = emitter
  local ok, err = pcall(emitter.own.emit, emitter.own, value)
  stage.feeding[value] = nil
  if ok then
    stage.check(value.begun or emitter.nested > 0, "an emit returned and nobody had the value")
    return
  end
  value.refused = not value.begun
  error(err, 0)
end

--- Who emits what nobody will have any more is told so.
---@param stage table
function feeders.check_waiting(stage)
  for value, emitter in pairs(stage.feeding) do
    local dead = emitter.nested == 0 and emitter.own.line.closed and not value.begun
    value.late = dead and (value.late or 0) + 1 or 0
    stage.check(value.late < 5, "an emitter waits for a line that has closed")
  end
end

--- A producer: emits some values by itself, with waits, and lets others emit.
---@param stage table
---@param one table from the generator
---@return cro.Supply
function feeders.source(stage, one)
  return cro.Supply.on_demand(function(own)
    local emitter = { own = own, nested = one.nested }
    stage.emitters[#stage.emitters + 1] = emitter
    local ok, err = pcall(function()
      for _ = 1, one.n do
        cro.sleep(one.wait * TENTH)
        feeders.feed(stage, emitter)
      end
    end)
    if not ok then error(err, 0) end
    if one.finally == "done" then own:done() end
  end)
end

return feeders
