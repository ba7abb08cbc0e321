--- Limits and timeouts of HTTP, as scripts write them.
---
--- Sizes are bytes or "64K", "1M"; times are seconds, fractions allowed; 0 turns a
--- timeout off. The names are those of the core, which holds the defaults; a name it
--- does not know is an error here, before anything listens.
local opts = require "cro.options"
local spec = require "cro.http.router.spec"

local settings = {}

--- Bounds a peer meets, with their defaults: header_bytes 16K, header_count 100,
--- uri_bytes 8K, method_bytes 32, chunk_overhead 16K, body_bytes 1M, body_min_rate 240,
--- requests_per_connection 10000, pipeline_bytes 64K, query_params 1000, cookies 100,
--- json_depth 128, connections 10000, write_buffer 1M.
settings.LIMITS = {
  header_bytes = "number|string",
  header_count = "integer",
  uri_bytes = "number|string",
  method_bytes = "integer",
  chunk_overhead = "number|string",
  body_bytes = "number|string",
  body_min_rate = "number|string",
  requests_per_connection = "integer",
  pipeline_bytes = "number|string",
  query_params = "integer",
  cookies = "integer",
  json_depth = { "integer", check = function(n) return n >= 1 and n <= 1000, "1 to 1000" end },
  connections = "integer",
  write_buffer = "number|string",
}

local SECONDS = { "number", check = function(n) return n >= 0 and n < math.huge, "seconds, 0 for never" end }

--- Seconds, with their defaults: header 10, body_idle 30, request 300, keepalive 60,
--- write_idle 30, handler 0 (never), linger 2, drain 30.
settings.TIMEOUTS = {
  header = SECONDS,
  body_idle = SECONDS,
  request = SECONDS,
  keepalive = SECONDS,
  write_idle = SECONDS,
  handler = SECONDS,
  linger = SECONDS,
  drain = SECONDS,
}

--- Both, as they stand in a specification of options.
settings.KEYS = { limits = "table", timeouts = "table" }

local function check_limits(function_name, given)
  local where = function_name .. ": limits"
  local checked = opts.check(where, given, settings.LIMITS)
  for key, value in pairs(checked) do
    checked[key] = spec.bytes(("%s: option %q"):format(where, key), value)
  end
  return checked
end

--- The `limits` and `timeouts` of a table of options, checked; sizes as numbers.
---@param function_name string
---@param given table|nil
---@return { limits: table<string, number>, timeouts: table<string, number> }
function settings.check(function_name, given)
  given = given or {}
  return {
    limits = check_limits(function_name, given.limits),
    timeouts = opts.check(function_name .. ": timeouts", given.timeouts, settings.TIMEOUTS),
  }
end

return settings
