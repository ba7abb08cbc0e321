--- How long the phases of one piece of work may take, each and together.
---
--- A policy knows a fixed set of phases with default limits and an optional total. It
--- keeps no clock: whoever does the work says how much time has passed, and is told how
--- much the next phase may take. All times are seconds; `math.huge` means no limit.
local errors = require "cro.errors"
local options = require "cro.options"

---@class cro.Timeout
---@field total number seconds for all phases together; `math.huge` when there is no limit
---@field phases table<string, number> seconds for each phase
local Timeout = {}
Timeout.__index = Timeout
Timeout.__name = "cro.Timeout"

--- Raises a `cro.Error`, so that a program can tell by its kind what was wrong.
local function refuse(kind, message, fields)
  local place = errors.place()
  error(errors.new(kind, place == "?" and message or place .. ": " .. message, fields), 0)
end

local function check_seconds(value, phase)
  if type(value) == "number" and value >= 0 then return end -- NaN is not
  refuse("invalid_timeout", ("cro.timeout: %q: expected seconds (a number, 0 or more), got %s"):format(
    phase, options.show(value)), { phase = phase, value = value })
end

local function unknown_phase(phase, phases)
  local names = {}
  for name in pairs(phases) do
    names[#names + 1] = name
  end
  table.sort(names)
  local near = type(phase) == "string" and options.nearest(phase, names)
  local cure = near and ("did you mean %q?"):format(near) or "it knows " .. table.concat(names, ", ")
  local shown = type(phase) == "string" and ("%q"):format(phase) or options.show(phase)
  refuse("unknown_phase", ("cro.timeout: unknown phase %s; %s"):format(shown, cure), { phase = phase })
end

--- Makes a policy.
---
--- Errors: kind "unknown_phase" for a key of `given` that `defaults` does not name, kind
--- "invalid_timeout" for a limit that is no number, negative or NaN.
---@param given number|table<string, number>|nil a total alone, or seconds by phase and `total`
---@param defaults table<string, number> every phase and its limit; `total` too where there is one
---@return cro.Timeout
function Timeout.new(given, defaults)
  options.argument("timeout.new", 1, given, "nil|number|table")
  options.argument("timeout.new", 2, defaults, "table")
  local phases = { total = math.huge }
  for phase, seconds in pairs(defaults) do
    check_seconds(seconds, phase)
    phases[phase] = seconds
  end
  if type(given) == "number" then given = { total = given } end
  for phase, seconds in pairs(given or {}) do
    if phases[phase] == nil then unknown_phase(phase, phases) end
    check_seconds(seconds, phase)
    phases[phase] = seconds
  end
  local total = phases.total
  phases.total = nil
  return setmetatable({ total = total, phases = phases }, Timeout)
end

--- How long a phase that begins now may take: its own limit, or what the total has left
--- when that is less. 0 when the time is up, `math.huge` when nothing limits it.
---
--- Errors: kind "unknown_phase", and "invalid_timeout" for an `elapsed` that is no number.
---@param elapsed number seconds since the work began
---@param phase string
---@return number seconds
function Timeout:get(elapsed, phase)
  check_seconds(elapsed, "elapsed")
  local limit = self.phases[phase]
  if limit == nil then unknown_phase(phase, self.phases) end
  return math.min(limit, math.max(0, self.total - elapsed))
end

return Timeout
