--- Resumes a coroutine as C does, which enters one only while no fiber runs.
local S = require "cro.state"

---@param co thread
---@param died nil|fun(err: any) called at once when the coroutine raises
---@return boolean ok
---@return any err
return function(co, died)
  local current, scope = S.current, S.scope
  S.current, S.scope = S.OUTSIDE, false
  local ok, err = coroutine.resume(co)
  if not ok and died then died(err) end
  S.current, S.scope = current, scope
  return ok, err
end
