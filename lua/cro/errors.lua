--- Error values: one table shape for everything that goes wrong at run time.
---
--- An error is a table `{ kind, message, phase, cause, traceback, ... }` whose
--- `tostring` is its message. Programming mistakes are plain strings with a
--- position instead, raised by `misuse` at the first line outside this library.
--- Tables that a script raises itself are never wrapped or changed.
---
--- Two of them unwind the code they are raised in: a stop, and the cancellation of the
--- running fiber. They are told by what they are, not by their kind: that something else
--- was cancelled, or was stopped, is an ordinary error for whoever waits for it.
local S = require "cro.state"
local stacks = require "cro.traceback"

---@class cro.Error
---@field kind string what went wrong, for programs: "error", "cancelled", "stop", ...
---@field message string what went wrong, for people
---@field phase string|nil what was being done
---@field cause any the error beneath this one
---@field traceback string|nil where it was raised
---@field trail string[]|nil the way it took: "awaited at ...", "in the supply block at ..."
local Error = {}
Error.__index = Error
Error.__name = "cro.Error"

function Error:__tostring() return self.message end

function Error.__concat(left, right) return tostring(left) .. tostring(right) end

local errors = {}

--- An error that is passed up a long chain must not grow for ever.
local MAX_TRAIL = 16
--- Fields of a raised table that are shown.
local MAX_FIELDS = 8
--- Causes of causes that are shown; they may go in a circle.
local MAX_CAUSES = 16

--- Makes an error value. Does not raise it.
---@param kind string
---@param message string
---@param fields table|nil copied into the error
---@return cro.Error
function errors.new(kind, message, fields)
  local err = { kind = kind, message = message }
  for key, value in pairs(fields or {}) do
    err[key] = value
  end
  return setmetatable(err, Error)
end

--- Unwinds the code of a block that has ended. It carries nothing, so one will do.
errors.STOP = errors.new("stop", "the block this code belongs to has ended")
--- Unwinds a handler that called `last`.
errors.LAST = errors.new("stop", "the source of this handler was ended by last()")
--- Unwinds code whose values reach nobody any more.
errors.UNHEARD = errors.new("stop", "nobody listens any more to what is emitted here")
local STOP, LAST, UNHEARD = errors.STOP, errors.LAST, errors.UNHEARD

--- Is this an error value of this library, rather than what a script raised itself?
---@param value any
---@return boolean
function errors.is(value) return getmetatable(value) == Error end

--- Is this the end of a block, which unwinds the code that belongs to it?
---@param err any
---@return boolean
function errors.is_stop(err) return err == STOP or err == LAST or err == UNHEARD end
local is_stop = errors.is_stop

--- True for what must not be swallowed: it unwinds the code that raised it, because its
--- block has ended or its fiber was cancelled.
---@param err any
---@param rec cro.Fiber|nil whose code raised it; the running one by default
---@return boolean
function errors.is_unwinding(err, rec)
  return is_stop(err) or err and err == (rec or S.current).cancelled or false
end
local is_unwinding = errors.is_unwinding

--- Was something given up on purpose, whether or not that was the running fiber?
---@param err any
---@return boolean
function errors.is_cancellation(err) return getmetatable(err) == Error and err.kind == "cancelled" end

--- An error as others see it, who wait for the code that raised it: a stop is private.
---@param err any
---@return any
function errors.outside(err)
  if not is_stop(err) then return err end
  return errors.new("cancelled", "it was stopped: " .. err.message)
end

--- Where tables of the script were raised, which have no place of their own for it.
local traces = setmetatable({}, { __mode = "k" })

--- Notes where a table of the script was raised, for reports. The first time counts.
---@param value any
---@param traceback string|nil
function errors.remember(value, traceback)
  if type(value) == "table" and getmetatable(value) ~= Error and not traces[value] then traces[value] = traceback end
end

--- Where a value was raised, if that is known.
---@param value any
---@return string|nil
function errors.traceback(value)
  local known = traces[value]
  if getmetatable(value) == Error then known = value.traceback end
  if type(known) ~= "string" then return nil end
  return stacks.trim((known:gsub("^\n", "")))
end

--- What `tostring` says of a value, whatever its `__tostring` does.
local function text_of(value)
  local ok, text = pcall(tostring, value)
  if ok and type(text) == "string" then return text end
  return ("(a %s whose __tostring fails)"):format(type(value))
end

--- Makes any raised value an error value; tables of the script stay as they are.
---@param value any
---@param traceback string|nil
---@return any
function errors.wrap(value, traceback)
  if type(value) == "table" then return errors.outside(value) end
  local message = value == nil and "an error without a message" or text_of(value)
  return errors.new("error", message, { traceback = traceback })
end

--- The message handler of every xpcall here: keeps the place of the failure.
---@param value any
---@return any
function errors.trace(value)
  if getmetatable(value) ~= Error then
    if type(value) ~= "table" then return errors.wrap(value, debug.traceback("", 2)) end
    if not traces[value] then errors.remember(value, debug.traceback("", 2)) end
    return value
  end
  if not value.traceback and not is_unwinding(value) then
    value.traceback = debug.traceback("", 2)
  end
  return value
end

--- The first place on the stack that is not part of this library: "file:line", or "?".
errors.place = stacks.place

--- Raises a programming mistake, naming the line of the script that made it.
---@param message string
function errors.misuse(message)
  local place = errors.place()
  error(place == "?" and message or place .. ": " .. message, 0)
end

--- The way that tables of the script took.
local trails = setmetatable({}, { __mode = "k" })

--- Notes a step of the way of an error. One that was noted is not noted again: many may
--- wait for the same at one place.
---@param err any
---@param step string such as "awaited at app.lua:3"
---@return any err
function errors.passed(err, step)
  if type(err) ~= "table" or is_unwinding(err) then return err end
  local own = getmetatable(err) == Error
  local trail = own and rawget(err, "trail") or trails[err]
  if type(trail) ~= "table" then trail = {} end
  for i = 1, #trail do
    if trail[i] == step then return err end
  end
  if #trail < MAX_TRAIL then trail[#trail + 1] = step end
  if own then err.trail = trail else trails[err] = trail end
  return err
end

--- Notes the block that an error broke, and returns the error.
---@param err any
---@param block cro.Block
---@return any
function errors.through(err, block)
  local opened = block.origin and ", opened at " .. block.origin or ""
  return errors.passed(err, ("in the %s block at %s%s"):format(
    block.waiter and "react" or "supply", stacks.defined(block.body), opened))
end

--- Notes that the error passed through an await of the script, and returns it.
---@param err any
---@return any
function errors.awaited(err)
  if type(err) ~= "table" or is_unwinding(err) then return err end
  local stack = stacks.stack()
  return stack and errors.passed(err, "awaited at " .. stack) or err
end

--- The way an error took from where it was raised: what awaited it, which blocks it came
--- through, the first first.
---@param err any
---@return string[]
function errors.trail(err)
  if getmetatable(err) == Error then return rawget(err, "trail") or {} end
  return type(err) == "table" and trails[err] or {}
end

--- A raised value as text: a table that says nothing of itself is shown by its fields.
local function raw_text(value)
  local meta = getmetatable(value)
  if type(value) ~= "table" or type(meta) == "table" and meta.__tostring then return text_of(value) end
  local fields = {}
  for key, field in next, value do
    fields[#fields + 1] = ("%s = %s"):format(text_of(key), text_of(field))
  end
  if #fields == 0 then return "a table {}" end
  table.sort(fields)
  if #fields > MAX_FIELDS then fields = { table.concat(fields, ", ", 1, MAX_FIELDS), "..." } end
  return "a table { " .. table.concat(fields, ", ") .. " }"
end

local function story(err, depth)
  local own = getmetatable(err) == Error
  local lines = { own and text_of(err.message) or raw_text(err), errors.traceback(err) }
  for _, step in ipairs(errors.trail(err)) do
    lines[#lines + 1] = text_of(step)
  end
  if own and err.cause ~= nil and depth < MAX_CAUSES then
    lines[#lines + 1] = "caused by: " .. story(err.cause, depth + 1)
  end
  return table.concat(lines, "\n")
end

--- The whole story of an error for a log: message, traceback, awaits, causes. Never
--- raises, whatever the script has put into the error.
---@param err any
---@return string
function errors.describe(err)
  local ok, text = pcall(story, err, 1)
  return ok and text or ("(a %s that cannot be shown: %s)"):format(type(err), text_of(text))
end

return errors
