---@meta cro.core
local core = {}

--- Yields to whoever resumed `co`, unless the caller runs elsewhere or a C function is
--- between.
---@async
---@param co thread
---@return boolean|nil misplaced true: it did not yield
function core.pause(co) end

--- Resumes the coroutines of a list in order. It ends in front of an entry that is none, at
--- `last`, or behind a coroutine that died.
---@param list table
---@param at integer
---@param last integer
---@return integer next the first that was not resumed
---@return thread|nil died
---@return any err of what it died
function core.resume_all(list, at, last) end

return core
