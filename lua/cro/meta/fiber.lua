---@meta cro.core
local core = {}

--- Yields to whoever resumed `co`, unless the caller runs elsewhere or a C function is
--- between.
---@async
---@param co thread
---@return boolean|nil misplaced true: it did not yield
function core.pause(co) end

return core
