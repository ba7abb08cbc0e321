--- Tracing: a part that shows what passes between two others, and passes it on.
---
--- CRO_TRACE=1 has `compose` put one behind every part that is not a sink. The lines go
--- to stderr, one event each: EMIT with the text of the message, DONE, QUIT with the
--- error. CRO_TRACE_MACHINE_READABLE=1 escapes newlines and backslashes, so that one
--- event is one line.
local types = require "cro.pipeline.types"

local trace = {}

--- For specs: where settings come from.
trace.getenv = os.getenv

--- For specs: where lines go to.
---@param line string
function trace.write(line)
  io.stderr:write(line)
  io.stderr:flush()
end

local function is_set(name)
  local value = trace.getenv(name)
  return value ~= nil and value ~= "" and value ~= "0"
end

--- Does the environment ask for traces?
---@return boolean
function trace.is_wanted() return is_set "CRO_TRACE" end

local next_label = 1

--- A label for a pipeline that was given none.
---@return string "anon 1", "anon 2", ...
function trace.new_label()
  local label = "anon " .. next_label
  next_label = next_label + 1
  return label
end

local function escape(text)
  text = text:gsub("\n+$", "")
  if not is_set "CRO_TRACE_MACHINE_READABLE" then return text end
  return (text:gsub("\\", "\\\\"):gsub("\n", "\\n"))
end

--- Writes one event.
---@param label string of the pipeline
---@param name string of the component
---@param event "EMIT"|"DONE"|"QUIT"
---@param text string|nil
function trace.event(label, name, event, text)
  local tail = text and " " .. escape(text) or ""
  trace.write(("[TRACE(%s)] %s %s%s\n"):format(label, name, event, tail))
end

local function error_text(err)
  if type(err) == "table" and err.message then return tostring(err.message) end
  return tostring(err)
end

--- A supply like `messages` that shows what passes.
---@param messages cro.Supply
---@param run { label: string } the label of the moment is shown: that of a port is known later
---@param name string of the component that made the messages
---@param type_ any their type
---@return cro.Supply
function trace.supply(messages, run, name, type_)
  local reactive = require "cro.reactive"
  return reactive.supply(function(block)
    block.whenever(messages, function(message)
      trace.event(run.label, name, "EMIT", types.trace(type_, message))
      block.emit(message)
    end):last(function()
      trace.event(run.label, name, "DONE")
    end):quit(function(err)
      trace.event(run.label, name, "QUIT", error_text(err))
      error(err, 0)
    end)
  end)
end

return trace
