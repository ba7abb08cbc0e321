--- What is said of handshakes: names that are asked for, what failed and what to do.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local runtime = require "cro.runtime"

local handshake = {}

--- Seconds in which one failed handshake of a listener is reported.
local QUIET = 10

--- Calls of a script's function that may be under way at once; what fails meanwhile is not told.
local MOST = 64

--- What says nothing about this side: port scanners, health checks, impatient clients.
local COMMON = { eof = true, reset = true, broken_pipe = true, timeout = true, closed = true }

--- Calls the script's function on a fiber of its own, so that one that waits keeps nobody
--- waiting, and one that raises is reported.
local function telling(name, handler)
  local running = 0
  local function call(err)
    local ok, failure = pcall(handler, err)
    running = running - 1
    if ok or errors.is_unwinding(failure) then return end
    require("cro.report").unhandled(failure, { what = "on_handshake_error of " .. name() })
  end
  return function(err)
    if running >= MOST then return end
    running = running + 1
    fiber.run_now(function() call(err) end)
  end
end

--- What is called for each handshake that fails at a listener: the script's function, or
--- one that says so on stderr, no more than once in ten seconds.
---@param name fun(): string of the listener
---@param handler nil|fun(err: cro.Error)
---@return fun(err: cro.Error, more: integer)
function handshake.reporter(name, handler)
  if handler then return telling(name, handler) end
  local last, silent = -math.huge, 0
  return function(err, more)
    silent = silent + more
    if COMMON[err.kind] then return end
    if fiber.now() - last < QUIET then
      silent = silent + 1
      return
    end
    local others = silent > 0 and (", and %d more"):format(silent) or ""
    last, silent = fiber.now(), 0
    runtime.write_report(("%s: %s%s"):format(name(), err.message, others))
  end
end

--- The name to be asked for: as it stands in certificates, without the last dot.
---@param host string
---@return string
function handshake.name_of(host)
  local name = host:gsub("%.$", "")
  return name
end

--- What the core says of failed handshakes, and what to do about it.
local CURES = {
  { "self%-signed", "ca_file names a certificate to trust" },
  { "not signed by a CA that is trusted here", "ca_file names a CA to trust" },
  { "the certificate is for .*, not for", "server_name says whose certificate is expected" },
  { "plain HTTP", "check the port" },
  { "does not speak TLS", "check the port" },
}

--- Adds to the error of a connect what can be done about it.
---@param err cro.Error
---@return cro.Error err
function handshake.explain(err)
  for _, row in ipairs(CURES) do
    if err.message:find(row[1]) then
      err.message = ("%s; %s"):format(err.message, row[2])
      return err
    end
  end
  return err
end

--- Places where something unsafe was said of.
local warned = {}

--- Says once for each place of the script that anybody may be at the other end.
---@param name string of the function
function handshake.warn_insecure(name)
  local place = errors.place()
  if warned[place] then return end
  warned[place] = true
  runtime.write_report(("%s%s: insecure_skip_verify: anybody may be at the other end, and read and change what is "
    .. "said; ca_file names a certificate to trust"):format(place == "?" and "" or place .. ": ", name))
end

return handshake
