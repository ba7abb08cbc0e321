--- The one place where errors end that no code is left to receive.
---
--- Broken pipelines of a connection, handlers that raised, failed taps and callbacks all
--- come here. The default writes the error and its traceback to stderr; `cro.on_error`
--- puts a function of the script in its place. An error in that function is written to
--- stderr together with the one it was given, and never comes back here.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"

local report = {}

--- For specs: where text goes.
---@param text string
function report.write(text)
  io.stderr:write(text, "\n")
  io.stderr:flush()
end

local hook
local reported = 0

---@class cro.ErrorContext
---@field what string whose error it is, e.g. "error in the pipeline of a TCP Connection"
---@field label string|nil the label of the pipeline
---@field connection any|nil

local function heading(context)
  if context.label then return ("%s [%s]"):format(context.what, context.label) end
  return context.what
end

local function write_default(err, context)
  report.write(heading(context) .. ": " .. errors.describe(err))
end

local function call_hook(fn, err, context)
  local ok, failure = xpcall(fn, errors.trace, err, errors.traceback(err), context)
  if ok or errors.is_unwinding(failure) then return end
  report.write("error in the function given to cro.on_error: " .. errors.describe(failure))
  write_default(err, context)
end

--- Reports an error. Never raises and never waits; the hook runs on a fiber of its own.
---@param err any
---@param context cro.ErrorContext|nil
function report.unhandled(err, context)
  context = context or { what = "unhandled error" }
  err = errors.wrap(err)
  reported = reported + 1
  local fn = hook
  if fn then
    fiber.run_now(function() call_hook(fn, err, context) end)
  else
    write_default(err, context)
  end
end

--- Has unhandled errors given to `fn(err, traceback, context)` instead of stderr. Nil
--- brings the default back. The function may wait.
---@param fn nil|fun(err: any, traceback: string|nil, context: cro.ErrorContext)
---@return nil|function before what was set before
function report.on_error(fn)
  if fn ~= nil then options.argument("cro.on_error", 1, fn, "callable") end
  local before = hook
  hook = fn
  return before
end

--- How many errors have come here.
---@return integer
function report.count() return reported end

--- Has what fibers, taps and callbacks report come here too.
function report.install()
  fiber.report = function(what, err) report.unhandled(err, { what = what }) end
end

return report
