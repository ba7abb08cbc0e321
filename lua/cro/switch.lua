--- Switching between coroutines in plain Lua, for a host that brings nothing better: what
--- cro.core does in C. It knows no fibers.
local switch = {}

local resume, yield, running = coroutine.resume, coroutine.yield, coroutine.running
local isyieldable = coroutine.isyieldable
local type = type

--- Does the caller run elsewhere than in `co`, or beneath a C function?
---@param co thread
---@return boolean
function switch.is_misplaced(co) return running() ~= co or not isyieldable() end

--- Yields, unless the caller is misplaced: then true.
---@async
---@param co thread
---@return boolean|nil misplaced
function switch.pause(co)
  if running() ~= co or not isyieldable() then return true end
  yield()
end

--- Resumes the coroutines of a list in order. It ends in front of an entry that is none, at
--- `last`, or behind a coroutine that died.
---@param list table
---@param at integer
---@param last integer
---@return integer next the first that was not resumed
---@return thread|nil died
---@return any err of what it died
function switch.resume_all(list, at, last)
  while at <= last do
    local co = list[at]
    if type(co) ~= "thread" then break end
    at = at + 1
    local ok, err = resume(co)
    if not ok then return at, co, err end
  end
  return at
end

return switch
