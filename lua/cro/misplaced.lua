--- What is said to code that waits where nothing may, and to words of blocks outside of one:
--- each with what to do instead.
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

--- A word of blocks where there is no block: at the top, in the callback of a plain tap or
--- of a promise, in a fiber of `start`.
---@param word string
function misplaced.word(word)
  errors.misuse(word .. " outside of a react or supply block: write it inside of react(function() ... end); "
    .. "what a tap, a promise or start calls belongs to no block")
end

--- A word of one block, in code that is not of that block.
---@param word string
function misplaced.elsewhere(word)
  errors.misuse(("%s of a block outside of its handlers: only its body and what its whenevers call may use it; "
    .. "tell the block by a Supplier or a promise that it taps"):format(word))
end

--- `emit` where nobody would hear it.
---@param in_react boolean
function misplaced.emit(in_react)
  if in_react then
    errors.misuse "emit in a react block: it has no consumer; use a supply block, or emit with a Supplier"
  end
  errors.misuse "emit outside of a supply block; put it into supply(function() ... end), or emit with a Supplier"
end

--- A value for the very handler that brings it.
function misplaced.own_handler()
  errors.misuse("emit would wait for the handler it is called from; emit with a Supplier, which queues, "
    .. "or from a fiber of its own: cro.start(function() ... end)")
end

return misplaced
