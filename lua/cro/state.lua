--- What is true right now: which fiber runs, and in which block.
---
--- One table that all reactive modules share, so that the innermost block of a
--- fiber costs one field to read. Whoever resumes a fiber restores both fields;
--- whoever enters a block restores `scope`. Nothing else may write them.

---@class cro.Fiber
---@field co thread|false
---@field waiting any what it is parked on; false when it is not parked or has been woken
---@field value any what it is woken with
---@field scope any the innermost block or tap at the time it parked
---@field cancelled any the error each wait raises from now on
---@field shield any the innermost shield, false outside of one
---@field used boolean something must be put back when its job ends
---@field run false never a task: the ready queue tells them by this field
---@field failed nil|fun(co: thread, err: any, traceback: string) for a coroutine that C made
---@field defers nil|function[]
---@field taps nil|table the open plain taps its job opened, latest first
local OUTSIDE = {
  co = false,
  waiting = false,
  value = nil,
  scope = false,
  cancelled = false,
  shield = false,
  used = false,
  run = false,
}

return {
  --- The running fiber, or OUTSIDE.
  current = OUTSIDE,
  --- The innermost block or plain tap whose code runs, or false.
  scope = false,
  --- How many fibers are resumed inside one another on the C stack.
  depth = 0,
  OUTSIDE = OUTSIDE,
}
