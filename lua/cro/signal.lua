--- Signals of the process as supplies.
local core = require "cro.core"
local errors = require "cro.errors"
local options = require "cro.options"
local supplies = require "cro.supply"

local function check(i, name)
  if type(name) ~= "string" then
    errors.misuse(('cro.signal: argument %d: a name such as "SIGINT" expected, got %s%s'):format(
      i, options.show(name), type(name) == "table" and "; call it with a dot: cro.signal(...)" or ""))
  end
  local known, catchable = core.signal_known(name)
  if not known then
    errors.misuse(("cro.signal: %s is no signal; give a name such as SIGINT"):format(options.show(name)))
  end
  if catchable then return end
  errors.misuse(("cro.signal: %s cannot be caught; SIGTERM and SIGINT ask a program to end"):format(name))
end

--- A live source of one or more signals: each value is the name as it was given. While
--- somebody taps it the signal's default action is off.
---
---     whenever(cro.signal "SIGINT", function() done() end)
---@param ... string such as "SIGINT", "SIGTERM"
---@return cro.Supply
local function signal(...)
  local names = { ... }
  if select("#", ...) == 0 then errors.misuse 'cro.signal: a name such as "SIGINT" expected, got nothing' end
  for i = 1, select("#", ...) do
    check(i, names[i])
  end
  return supplies.from_source {
    name = "signal " .. table.concat(names, ", "),
    pausable = false,
    open = function(sink)
      local handles = {}
      local function close()
        for _, handle in ipairs(handles) do
          handle:close()
        end
      end
      for i, name in ipairs(names) do
        local ok, handle = pcall(core.signal, name, function(seen) sink:value(seen) end)
        if not ok then
          close()
          error(handle, 0)
        end
        handles[i] = handle
      end
      return close
    end,
  }
end

return signal
