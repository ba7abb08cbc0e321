--- Promises about promises and time: all_of, any_of, after, at; await and pawait.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local Promise = require "cro.promise"
local sleepers = require "cro.sleepers"

local promises = {}
local await = Promise.await

local function check_list(name, list)
  if type(list) ~= "table" or getmetatable(list) ~= nil then
    errors.misuse(("%s: expected a list of promises, got %s"):format(name, options.show(list)))
  end
  for i = 1, #list do
    if not Promise.is(list[i]) then
      errors.misuse(("%s combines promises only: element %d is %s"):format(name, i, options.show(list[i])))
    end
  end
end

--- A task that hears of one promise and stays out of its way afterwards.
local function listen(promise, fn)
  local task = { run = fn }
  promise:add_waiter(task)
  return task
end

--- Kept with true when every promise of the list is kept or broken. Look at each for
--- how it ended. An empty list is kept at once.
---@param list cro.Promise[]
---@return cro.Promise
function Promise.all_of(list)
  check_list("Promise.all_of", list)
  local all = Promise.made()
  local left = #list
  if left == 0 then Promise.settle_kept(all, true) end
  for i = 1, #list do
    listen(list[i], function()
      left = left - 1
      if left == 0 then Promise.settle_kept(all, true) end
    end)
  end
  return all
end

--- Kept with true as soon as one promise of the list is kept or broken. An empty list
--- is kept at once. The others are forgotten, not cancelled.
---@param list cro.Promise[]
---@return cro.Promise
function Promise.any_of(list)
  check_list("Promise.any_of", list)
  local tasks = {}
  local function forget_all()
    for i, task in ipairs(tasks) do
      list[i]:forget(task)
    end
    tasks = {}
  end
  local any = Promise.made(forget_all)
  if #list == 0 then Promise.settle_kept(any, true) end
  local given = list
  list = { unpack(given) }
  for i = 1, #list do
    tasks[i] = listen(list[i], function()
      if any:status() ~= "planned" then return end
      forget_all()
      Promise.settle_kept(any, true)
    end)
  end
  return any
end

--- Kept with true after so many seconds; a negative number means at once.
---@param seconds number
---@return cro.Promise
function Promise.after(seconds)
  options.argument("Promise.after", 1, seconds, "number")
  local timer
  local promise = Promise.made(function() timer:close() end)
  timer = fiber.timer(math.max(0, seconds), function() Promise.settle_kept(promise, true) end)
  return promise
end

--- Kept with true when the clock of `cro.now` shows this time; a past one means at once.
---@param when number seconds
---@return cro.Promise
function Promise.at(when)
  options.argument("Promise.at", 1, when, "number")
  return Promise.after(when - fiber.now())
end

local function as_promise(value, what)
  if Promise.is(value) then return value end
  if type(value) == "table" or type(value) == "userdata" then
    local own = value.promise
    if type(own) == "function" then return own(value) end
    if type(value.supply) == "function" then return value:supply():promise() end
  end
  errors.misuse(("%s: expected a promise, a supply, a channel or a list of them, got %s"):format(
    what, options.show(value)))
end

local function await_list(list)
  local waiting, results = {}, {}
  if #list == 0 then errors.misuse "await: there is nothing to wait for in an empty list" end
  for i = 1, #list do
    waiting[i] = as_promise(list[i], "await")
    Promise.observe(waiting[i])
  end
  for i = 1, #waiting do
    results[i] = waiting[i]:await()
  end
  return results
end

--- Waits for a promise, the last value of a supply, one value of a channel, or a list
--- of those (a list of results in order). Raises what broke it.
---@async
---@param what cro.Promise|cro.Supply|table
---@return any
function promises.await(what)
  if getmetatable(what) == Promise then return await(what) end
  if type(what) == "table" and getmetatable(what) == nil and not what.promise then
    return await_list(what)
  end
  if type(what) == "table" and what.await then return what:await() end
  return as_promise(what, "await"):await()
end

--- Like `await`, but returns nil and the error instead of raising. The end of a block
--- and a cancellation are still raised.
---@async
---@param what cro.Promise|cro.Supply|table as for `await`
---@return any value
---@return any err
function promises.pawait(what)
  local ok, value = pcall(promises.await, what)
  if ok then return value end
  if type(value) == "string" or errors.is_unwinding(value) and not promises.is_cause(what, value) then
    error(value, 0)
  end
  return nil, value
end

--- Is this the error that broke the promise, rather than one meant for the waiter?
---@param what any what was awaited
---@param err any what was raised
---@return boolean
function promises.is_cause(what, err)
  return Promise.is(what) and what:status() == "broken" and what:cause() == err
    and S.current.cancelled ~= err
end

--- `pcall` that never returns the end of a block or a cancellation: they are raised.
---@async
---@param fn function
---@param ... any its arguments
---@return boolean ok
---@return any ... what it returns, or the error
function promises.pcall(fn, ...)
  local results = { xpcall(fn, errors.trace, ...) }
  if not results[1] and errors.is_unwinding(results[2]) then error(results[2], 0) end
  return unpack(results, 1, table.maxn(results))
end

--- Waits so many seconds; what else can run does meanwhile.
---@async
---@param seconds number a negative one counts as 0
function promises.sleep(seconds)
  options.argument("sleep", 1, seconds, "number")
  if seconds ~= seconds then errors.misuse "sleep: seconds expected, got NaN" end
  local rec = fiber.may_wait "sleep"
  fiber.suspend(rec, sleepers.add(rec, math.max(0, seconds)))
end

return promises
