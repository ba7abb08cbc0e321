--- Bounds of the whole process: `cro.limits { lua_memory = "256M", connections = 5000 }`.
---
--- The limits of one server are options of that server; these hold for all together.
local core = require "cro.core"
local errors = require "cro.errors"
local opts = require "cro.options"
local spec = require "cro.http.router.spec"

local limits = {}

local KEYS = {
  lua_memory = "number|string",
  connections = { "integer", check = function(n) return n >= 1, "a whole number, 1 or more" end },
  heartbeat = "any",
  tick = "any",
}

--- Settings that are known by name and need what is not there yet.
local MISSING = {
  heartbeat = "heartbeat watches worker processes, which this version does not start",
  tick = "tick interrupts a handler that never waits, which this version cannot do",
}

local connections -- what was set; nil: each server's own limit alone

local function memory_limit(given)
  local bytes = spec.bytes('cro.limits: option "lua_memory"', given)
  local used = core.limit_memory()
  if not used then
    errors.misuse 'cro.limits: option "lua_memory" needs a Lua state of its own: run the script with crolua'
  end
  if bytes <= used then
    errors.misuse(('cro.limits: option "lua_memory": %s is not above the %d bytes in use'):format(
      opts.show(given), used))
  end
  return bytes
end

local function set_connections(wanted)
  connections = core.limit_connections(wanted)
  if connections == wanted then return end
  io.stderr:write(("crolua: cro.limits: connections is %d, the limit of open files (ulimit -n) leaves room for %d: "
    .. "more are refused; raise it, or lower connections\n"):format(wanted, connections))
end

local function current()
  local _, lua_memory = core.limit_memory()
  return { lua_memory = lua_memory, connections = connections }
end

--- Sets bounds of the process; nothing changes when one of them is wrong.
---
--- - `lua_memory`: of the Lua heap, in bytes or "256M"; default 512M, or `CROLUA_LUA_MEMORY`.
---   Beyond it "not enough memory" is raised, which a handler's request answers with 503
--- - `connections`: accepted at a time over all listeners; default none, each server has
---   its own. One more is answered 503 by a server, closed by other listeners. No more than
---   the limit of open files leaves room for
---@param given { lua_memory: number|string|nil, connections: integer|nil }|nil
---@return { lua_memory: number|nil, connections: integer|nil } what holds now
function limits.limits(given)
  local checked = opts.check("cro.limits", given, KEYS)
  for key, why in pairs(MISSING) do
    if checked[key] ~= nil then errors.misuse(("cro.limits: option %q: %s"):format(key, why)) end
  end
  local bytes = checked.lua_memory and memory_limit(checked.lua_memory)
  if checked.connections and not core.running then
    errors.misuse 'cro.limits: option "connections" needs the event loop: run the script with crolua'
  end
  if bytes then core.limit_memory(bytes) end
  if checked.connections then set_connections(checked.connections) end
  return current()
end

return limits
