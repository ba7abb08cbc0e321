--- What is true right now: which fiber runs, and in which block.
---
--- One table that all reactive modules share, so that the innermost block of a
--- fiber costs one field to read. Before a fiber yields it says that nobody runs, when it
--- goes on that it does; whoever starts one in the middle of another restores both fields;
--- whoever enters a block restores `scope`. Nothing else may write them.

---@class cro.Fiber
---@field co thread|false
---@field waiting any what it is parked on; false when it is not parked or has been woken
---@field value any what it is woken with, or false; of one that has not begun, its function
---@field scope any the innermost block or tap at the time it parked
---@field guarded boolean it was cancelled, or is behind a shield: a wait has to look
---@field cancelled any the error each wait raises from now on, or false
---@field shield any the innermost shield, false outside of one
---@field used boolean something must be put back when its job ends
---@field run false never a task: the ready queue tells them by this field
---@field failed nil|fun(co: thread, err: any, traceback: string, orderly: boolean) for a coroutine that C made
---@field defers nil|function[]
---@field job false|cro.Owner what its code owns, once there is something
---@field link false|cro.JobLink its place in the list of who started its job
local OUTSIDE = {
  co = false,
  waiting = false,
  value = false,
  scope = false,
  guarded = true, -- no fiber: whoever wants to wait has to look
  cancelled = false,
  shield = false,
  used = false,
  run = false,
  job = false, -- the program, by cro.scope
  link = false,
}

local state = {
  --- The running fiber, or OUTSIDE.
  current = OUTSIDE,
  --- The innermost block or plain tap whose code runs, or false.
  scope = false,
  --- How many fibers are resumed inside one another on the C stack.
  depth = 0,
  OUTSIDE = OUTSIDE,
}

local function in_chain(owner, scope)
  while scope do
    if scope == owner then return true end
    if scope.waiter and scope.outer ~= scope.under and in_chain(owner, scope.outer) then
      return true
    end
    scope = scope.under
  end
  return false
end

--- Is the code of this block or tap beneath the running code: on this fiber, or on one
--- that waits for the react which the running code belongs to?
---@param owner table
---@return boolean
function state.is_beneath(owner) return in_chain(owner, state.scope) end

--- Has this block, or one beneath it, ended?
---@param scope table|false
---@return boolean
function state.ended_beneath(scope)
  while scope do
    if scope.ended then return true end
    scope = scope.under
  end
  return false
end

return state
