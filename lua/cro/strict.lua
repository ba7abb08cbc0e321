--- `crolua --strict`: an assignment to a global that does not exist is an error.
---
--- Watches the table of globals, so that it counts for every chunk that has no environment
--- of its own, modules included. What exists may be assigned to; `rawset(_G, name, value)`
--- makes a global on purpose, and functions of C (`module`, libraries that register
--- themselves) may make theirs.
local strict = {}

--- At the prompt a global is the only variable that outlives its line.
strict.prompt = false

local function shown(name)
  return type(name) == "string" and ("'%s'"):format(name) or tostring(name)
end

local function cure(name)
  if type(name) ~= "string" or not name:find "^[%a_][%w_]*$" then return "" end
  return (": write 'local %s', or rawset(_G, \"%s\", ...) for a global on purpose"):format(name, name)
end

local function refuse(globals, name, value)
  local info = debug.getinfo(2, "S")
  if info.what == "C" or strict.prompt and info.source == "=stdin" then return rawset(globals, name, value) end
  error(("assignment to undeclared global %s (--strict)%s"):format(shown(name), cure(name)), 2)
end

--- From now on. A metatable that the globals have is kept, but for its `__newindex`.
function strict.install()
  local meta = getmetatable(_G) or {}
  meta.__newindex = refuse
  setmetatable(_G, meta)
end

return strict
