--- Loops over tables that see every entry.
---
--- The LuaJIT of Debian 12 (2.1.0-beta3 of March 2022) runs `for k, v in pairs(t)` by an
--- instruction of its own. When it gives up compiling such a loop, that instruction is
--- replaced while the loop runs, and the loop ends early or goes on with a wrong key
--- (LuaJIT issue 827, fixed in April 2022): two nested loops over pairs are enough.
--- Under such a LuaJIT crolua's `pairs` and `next` are functions in Lua, for which the
--- instruction is never used. A loop then costs three to four times as much per entry.
---
--- They are not compiled either: what its machine code calls for `next` answers with an
--- address, of which a trace that needs many registers may keep the lower half (`xchg eax,
--- edx` behind lj_vm_next), and crash.
---
--- Loaded by `cro.boot` before anything else; gives back nothing.
local next, type, error = next, type, error

--- Is this a LuaJIT that has the fault? Those with it call themselves a beta.
local function is_affected() return jit ~= nil and jit.version:find("beta", 1, true) ~= nil end

local function refuse(name, value)
  error(("bad argument #1 to '%s' (table expected, got %s)"):format(name, type(value)), 3)
end

-- Not `next` itself, and called by nothing but loops: it checks nothing.
local function step(t, key) return next(t, key) end

local function all_pairs(t)
  if type(t) ~= "table" then refuse("pairs", t) end
  return step, t, nil
end

local function next_entry(t, key)
  if type(t) ~= "table" then refuse("next", t) end
  return next(t, key)
end

if is_affected() then
  jit.off(step)
  jit.off(next_entry)
  rawset(_G, "pairs", all_pairs)
  rawset(_G, "next", next_entry)
end
