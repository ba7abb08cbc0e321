--- Limits and timeouts of HTTP, as scripts write them.
---
--- Sizes are bytes or "64K", "1M"; times are seconds, fractions allowed; 0 turns a
--- timeout off. The names are those of the core, which holds the defaults; a name it
--- does not know is an error here, before anything listens.
local errors = require "cro.errors"
local opts = require "cro.options"
local spec = require "cro.http.router.spec"

local settings = {}

--- Beyond it a number of Lua is no longer exact.
local MOST = 2 ^ 53

local function from(least, said)
  return function(n) return n >= least and n <= MOST, said end
end

--- Counts and rates are numbers; sizes may have a unit. With 0 of some nothing could be
--- served at all: that is a mistake, and not "no limit".
local COUNT = { "integer", check = from(0, "a count, 0 or more") }
local SOME = { "integer", check = from(1, "a count, 1 or more: with 0 no request could be served") }
local BYTES = "number|string"
local SOME_BYTES = { BYTES, least = 1 }

--- Bounds a peer meets, with their defaults: header_bytes 16K, header_count 100,
--- uri_bytes 8K, method_bytes 32, chunk_overhead 16K, body_bytes 1M, body_min_rate 240,
--- requests_per_connection 10000, pipeline_bytes 64K, query_params 1000, cookies 100,
--- json_depth 128, connections 10000, write_min_rate 240 (per second), write_buffer 1M.
settings.LIMITS = {
  header_bytes = SOME_BYTES,
  header_count = SOME,
  uri_bytes = SOME_BYTES,
  method_bytes = SOME,
  chunk_overhead = BYTES,
  body_bytes = BYTES,
  body_min_rate = BYTES,
  requests_per_connection = SOME,
  pipeline_bytes = BYTES,
  query_params = COUNT,
  cookies = COUNT,
  json_depth = { "integer", check = function(n) return n >= 1 and n <= 1000, "1 to 1000" end },
  connections = COUNT,
  write_min_rate = BYTES,
  write_buffer = BYTES,
}

local SECONDS = { "number", check = function(n) return n >= 0 and n < math.huge, "seconds, 0 for never" end }

--- What a peer may do over one connection of HTTP/2, with its defaults: max_streams 100,
--- stream_window 64K, connection_window room for all of those (1M or more), reset_burst 200 and
--- reset_rate 33 (per second), glitch_burst 1000 and glitch_rate 100, queued_acks 100, held_headers 1M.
settings.H2 = {
  max_streams = { "integer", check = function(n) return n >= 1 and n <= 1000000, "1 to 1000000" end },
  stream_window = BYTES,
  connection_window = BYTES,
  reset_burst = COUNT,
  reset_rate = COUNT,
  glitch_burst = SOME,
  glitch_rate = COUNT,
  queued_acks = SOME,
  held_headers = SOME_BYTES,
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

local function bytes(where, value, least)
  local size = spec.bytes(where, value)
  if size < least then
    errors.misuse(("%s: expected %d byte or more, got %s: nothing could be served"):format(
      where, least, opts.show(value)))
  end
  return size
end

local function check_bounds(where, given, rules)
  local checked = opts.check(where, given, rules)
  for key, value in pairs(checked) do
    local rule = rules[key]
    if rule == BYTES or rule == SOME_BYTES then
      checked[key] = bytes(("%s: option %q"):format(where, key), value, rule == SOME_BYTES and rule.least or 0)
    end
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
