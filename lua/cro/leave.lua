--- A fiber that stops for good although its code has not ended: os.exit was called.
---
--- The blocks whose code it runs must not wait for it when they are closed, and nothing
--- may wake it again. For cro.boot; what is frozen is never thawed.
local S = require "cro.state"
local fiber = require "cro.fiber"

local leave = {}

--- Lets go of every block of this chain whose turn the fiber holds.
local function release_blocks(rec, scope)
  while scope do
    if scope.busy == rec then scope.busy = false end
    scope = scope.under
  end
end

--- The running fiber is about to park and not to come back.
function leave.prepare() release_blocks(S.current, S.scope) end

--- Has a parked fiber wait for nothing, for ever.
---@param rec cro.Fiber
function leave.freeze(rec)
  local waiting = rec.waiting
  if not waiting then return end
  release_blocks(rec, rec.scope)
  if type(waiting) == "table" and waiting.forget then waiting:forget(rec) end
  rec.waiting = { "the end of the program" }
  fiber.set_shield(rec, { through = true })
end

return leave
