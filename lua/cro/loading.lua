--- `require` and `dofile` as Lua functions, so that a module may wait while it loads.
---
--- They behave as the ones of Lua 5.1: same searchers (package.loaders), same results,
--- same texts. What is new is that other fibers run while a module waits: one that
--- requires the same module waits until it is loaded, and only a module that (through
--- others, or through other fibers) requires itself is refused as a loop.
local S = require "cro.state"
local fiber = require "cro.fiber"

local loading = {}

--- The registry's table: a script that replaces package.loaded changes nothing.
local loaded = package.loaded

--- What `loaded` holds for a module while it loads, and for ever after it failed.
local SENTINEL = newproxy()

---@class cro.Loading a module being loaded
---@field owner cro.Fiber
---@field waiting cro.Fiber[]
local Loading = {}
Loading.__index = Loading

local in_progress = {} -- by name
local waits_for = setmetatable({}, { __mode = "k" }) -- fiber -> Loading

--- The fiber gave up waiting for this module.
---@param rec cro.Fiber
function Loading.forget(_, rec) waits_for[rec] = nil end

--- True when waiting for this module would be waiting for ourselves.
local function is_loop(entry)
  local me = S.current
  while entry do
    if entry.owner == me then return true end
    entry = waits_for[entry.owner]
  end
  return false
end

---@async
local function wait_for(entry)
  local me = S.current
  entry.waiting[#entry.waiting + 1] = me
  waits_for[me] = entry
  fiber.park(entry, "require")
  waits_for[me] = nil
end

local function finish_loading(name, entry)
  in_progress[name] = nil
  for _, rec in ipairs(entry.waiting) do
    fiber.wake(rec, true, entry)
  end
end

--- The last error that passed through here, and the stack it was raised on: require
--- has to stop it on its way, which would lose the place.
---@type { value: any, traceback: string|nil }
loading.failure = { value = nil, traceback = nil }

local function note_failure(err)
  if err ~= nil and loading.failure.value ~= err then
    loading.failure = { value = err, traceback = debug.traceback("", 2) }
  end
  return err
end

--- Calls a module's loader; whoever waits for the module is woken whatever happens.
---@async
local function run_loader(name, loader)
  local entry = setmetatable({ owner = S.current, waiting = {} }, Loading)
  in_progress[name] = entry
  loaded[name] = SENTINEL
  local ok, result = xpcall(loader, note_failure, name)
  if ok and result ~= nil then loaded[name] = result end
  if ok and loaded[name] == SENTINEL then loaded[name] = true end
  finish_loading(name, entry)
  if not ok then error(result, 0) end
  return loaded[name]
end

--- Asks the searchers, as the manual says.
---@param name string
---@return function|nil loader
---@return string|nil message why there is none
function loading.find(name)
  local loaders = package.loaders
  if type(loaders) ~= "table" then return nil, "'package.loaders' must be a table" end
  local tried, at = {}, 0
  while true do
    at = at + 1
    local searcher = loaders[at]
    if searcher == nil then
      return nil, ("module '%s' not found:%s"):format(name, table.concat(tried))
    end
    -- Through pcall, so that what it raises is not said to come from this line.
    local ok, found = pcall(searcher, name)
    if not ok then error(found, 0) end
    if type(found) == "function" then return found end
    if type(found) == "string" then tried[#tried + 1] = found end
  end
end

--- As `require`, but says why it cannot instead of raising.
---@async
---@param name string
---@return boolean
---@return any module or message
function loading.load(name)
  local module = loaded[name]
  if module == SENTINEL then
    local entry = in_progress[name]
    if not entry or is_loop(entry) then
      return false, ("loop or previous error loading module '%s'"):format(name)
    end
    wait_for(entry)
    return loading.load(name)
  end
  if module then return true, module end
  local loader, message = loading.find(name)
  if not loader then return false, message end
  return true, run_loader(name, loader)
end

---@async
local function look_for(name)
  if type(name) == "number" then name = tostring(name) end
  if type(name) == "string" then return loading.load(name) end
  local given = name == nil and "no value" or type(name)
  return false, ("bad argument #1 to 'require' (string expected, got %s)"):format(given)
end

--- Loads a module unless it is loaded, and returns what it returned. Raises the texts
--- of Lua 5.1 when there is no such module, or when it (through others) requires itself.
---@async
---@param name string
---@return any
function loading.require(name)
  local module = loaded[name]
  if module and module ~= SENTINEL then return module end
  local ok, result = look_for(name)
  if not ok then error(result, 2) end
  return result
end

local function same(...) return ... end

--- Runs a file, which may wait.
---@async
---@param name string|nil nil: stdin
---@return any ... what the file returns
function loading.dofile(name)
  local chunk, message = loadfile(name)
  if not chunk then error(message, 0) end
  return same(chunk()) -- not a tail call: the traceback shows both
end

-- Loading is over when code is hot: at start these would be compiled in vain. What asks
-- for a module that is there may well be part of hot code.
jit.off(look_for)
jit.off(run_loader, true)
jit.off(loading.find, true)
jit.off(loading.load)

--- Puts both in the place of the stock functions.
function loading.install()
  _G.require = loading.require -- luacheck: ignore 122
  _G.dofile = loading.dofile -- luacheck: ignore 121 122
end

return loading
