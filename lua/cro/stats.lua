--- Counters of the program: those of the core, and what was reported.
local report = require "cro.report"

local stats = {}

--- Counters of this process, as of now. Numbers all: `tcp`, `unix_sockets`, `pipes`,
--- `connecting`, `listeners`, `timers`, `signals`, `fibers`, `requests`, `lua_bytes`,
--- `c_blocks` and whatever else the core counts; `errors` is how many came to the error
--- reporter.
---@return table<string, number>
function stats.stats()
  local counters = require("cro.core").stats()
  counters.errors = report.count()
  return counters
end

return stats
