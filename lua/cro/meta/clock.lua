---@meta cro.core
--- The loop's clock, stopped and moved by hand, which cro.test.clock is made of; and what is
--- done by no clock at all.

local core = {}

--- Calls a function once, on a fiber, about so many real seconds later, if the program still
--- runs then; it must not wait. A later call takes its place.
---@param seconds number
---@param fn fun()
function core.aside(seconds, fn) end

--- Stops it: timers, deadlines and the wall clock stand still, sockets go on.
---@return boolean done false when it is stopped already
function core.clock_stop() end

--- Time goes by itself again, from where it was moved to.
function core.clock_resume() end

--- How long it has been moved since it was stopped.
---@return number|nil seconds nil when it is not stopped
function core.clock_passed() end

--- Lets time pass, from timer to timer; calls `fn` when all that follows from it is at rest.
---@param seconds number
---@param fn fun(err: cro.Error|nil)
function core.clock_pass(seconds, fn) end

--- Ends a pass where it is; its function gets an error "cancelled".
function core.clock_give_up() end

--- Has time go to the next timer by itself whenever all is at rest.
---@param on boolean
function core.clock_jump(on) end

return core
