--- What is said to code that waits where nothing may: each with what to do instead.
local errors = require "cro.errors"

local misplaced = {}

--- On no fiber at all: plain `luajit`, or a callback that C makes.
---@param what string the verb, for the message
function misplaced.outside(what)
  errors.misuse(what .. " outside of a fiber: run the script with crolua, "
    .. "or wrap it in cro.run(function() ... end)")
end

--- In a plain tap of a live source, which runs inside its `emit`.
---@param what string
function misplaced.plain_tap(what)
  errors.misuse(what .. ": a plain tap of a Supplier, a signal or another live source runs inside emit "
    .. "and may not wait; use whenever in a block, each(), or tap { buffer = n, value = f }")
end

--- In a coroutine that the script made.
---@param what string
function misplaced.coroutine(what)
  errors.misuse(what .. " inside a coroutine that is not a fiber: "
    .. "wait outside of it, or use cro.start instead of coroutine.wrap")
end

--- With a C function between this code and its fiber. Said before anything is touched:
--- the failing yield itself would leave the fiber half parked.
---@param what string
function misplaced.within_c(what)
  errors.misuse(what .. " in a function that C calls back, as table.sort and string.gsub do: "
    .. "such a call cannot be left in the middle; wait before or after it")
end

return misplaced
