--- Limits and timeouts of HTTP, as scripts write them.
---
--- Sizes are bytes or "64K", "1M"; times are seconds, fractions allowed; 0 turns a
--- timeout off. The names are those of the core, which holds the defaults; a name it
--- does not know is an error here, before anything listens.
local errors = require "cro.errors"
local opts = require "cro.options"
local spec = require "cro.http.router.spec"

local settings = {}

--- Bounds a peer meets, with their defaults: header_bytes 16K, header_count 100,
--- uri_bytes 8K, method_bytes 32, chunk_overhead 16K, body_bytes 1M, body_min_rate 240,
--- requests_per_connection 10000, pipeline_bytes 64K, query_params 1000, cookies 100,
--- json_depth 128, connections 10000, write_min_rate 240 (per second), write_buffer 1M.
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
  write_min_rate = "number|string",
  write_buffer = "number|string",
}

local SECONDS = { "number", check = function(n) return n >= 0 and n < math.huge, "seconds, 0 for never" end }

--- What a peer may do over one connection of HTTP/2, with its defaults: max_streams 100,
--- stream_window 64K, connection_window room for all of those (1M or more), reset_burst 200 and
--- reset_rate 33 (per second), glitch_burst 1000 and glitch_rate 100, queued_acks 100, held_headers 1M.
settings.H2 = {
  max_streams = { "integer", check = function(n) return n >= 1 and n <= 1000000, "1 to 1000000" end },
  stream_window = "number|string",
  connection_window = "number|string",
  reset_burst = "integer",
  reset_rate = "integer",
  glitch_burst = "integer",
  glitch_rate = "integer",
  queued_acks = "integer",
  held_headers = "number|string",
}

--- Seconds, with their defaults: header 10, body_idle 30, request 300, keepalive 60,
--- write_idle 30, handler 0 (never), linger 2, drain 30, tls_handshake 10, h2_idle 60,
--- h2_settings 10.
settings.TIMEOUTS = {
  header = SECONDS,
  body_idle = SECONDS,
  request = SECONDS,
  keepalive = SECONDS,
  write_idle = SECONDS,
  handler = SECONDS,
  linger = SECONDS,
  drain = SECONDS,
  tls_handshake = SECONDS,
  h2_idle = SECONDS,
  h2_settings = SECONDS,
}

--- All three, as they stand in a specification of options.
settings.KEYS = { limits = "table", timeouts = "table", h2 = "table" }

--- Windows are 31 bits; that of the connection begins at 65535 (RFC 9113 6.9).
local WINDOWS = { stream_window = 1024, connection_window = 65535 }

local function check_windows(where, checked)
  for key, least in pairs(WINDOWS) do
    local bytes = checked[key]
    if bytes and (bytes < least or bytes >= 2 ^ 31) then
      errors.misuse(("%s: option %q: expected %d to 2147483647 bytes, got %d"):format(where, key, least, bytes))
    end
  end
end

local function check_bounds(where, given, rules)
  local checked = opts.check(where, given, rules)
  for key, value in pairs(checked) do
    checked[key] = spec.bytes(("%s: option %q"):format(where, key), value)
  end
  return checked
end

local function check_h2(where, given)
  local checked = check_bounds(where, given, settings.H2)
  check_windows(where, checked)
  return checked
end

--- The `limits`, `timeouts` and `h2` of a table of options, checked; sizes as numbers.
---@param function_name string
---@param given table|nil
---@return { limits: table<string, number>, timeouts: table<string, number>, h2: table<string, number> }
function settings.check(function_name, given)
  given = given or {}
  return {
    limits = check_bounds(function_name .. ": limits", given.limits, settings.LIMITS),
    timeouts = opts.check(function_name .. ": timeouts", given.timeouts, settings.TIMEOUTS),
    h2 = check_h2(function_name .. ": h2", given.h2),
  }
end

return settings
