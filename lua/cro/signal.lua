--- Signals of the process as supplies.
local core = require "cro.core"
local supplies = require "cro.supply"

--- A live source of one or more signals: each value is the name as it was given. While
--- somebody taps it the signal's default action is off.
---
---     whenever(cro.signal "SIGINT", function() done() end)
---@param ... string such as "SIGINT", "SIGTERM"
---@return cro.Supply
local function signal(...)
  local names = { ... }
  if #names == 0 then error('cro.signal: a name such as "SIGINT" expected, got nothing', 2) end
  for i, name in ipairs(names) do
    if type(name) ~= "string" then
      error(('cro.signal: argument %d: a name such as "SIGINT" expected, got %s'):format(i, type(name)), 2)
    end
    if not core.signal_known(name) then
      error(("cro.signal: '%s' is no signal; give a name such as SIGINT"):format(name), 2)
    end
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
