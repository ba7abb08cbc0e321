--- Promises about promises: all_of, any_of, timeout; await and pawait.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local Promise = require "cro.promise"
local receiver = require "cro.receiver"
local scope = require "cro.scope"
local sleepers = require "cro.sleepers"

require "cro.after"

local promises = {}
local await = Promise.await

local function check_list(name, list)
  if Promise.is(list) then errors.misuse(("%s: expected a list of promises; write %s { p, q }"):format(name, name)) end
  if list == Promise then errors.misuse(("%s: called with a colon; write %s { p, q }"):format(name, name)) end
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

--- Has `fn(promise)` called for each of the list that is settled, until the returned
--- function is called.
local function listen_to_all(list, fn)
  local tasks = {}
  for i = 1, #list do
    tasks[i] = listen(list[i], function() return fn(list[i]) end)
  end
  return function()
    for i = 1, #tasks do
      list[i]:forget(tasks[i])
    end
  end
end

--- Not by unpack, which takes some thousands at most.
local function copy(list)
  local other = {}
  for i = 1, #list do
    other[i] = list[i]
  end
  return other
end

--- Kept with true when every promise of the list is kept or broken. Look at each for
--- how it ended. An empty list is kept at once. Cancelling it leaves the others alone.
---@param list cro.Promise[]
---@return cro.Promise
function Promise.all_of(list)
  check_list("Promise.all_of", list)
  local forget_all
  local all = Promise.made(function() forget_all() end)
  local left = #list
  if left == 0 then Promise.settle_kept(all, true) end
  forget_all = listen_to_all(copy(list), function()
    left = left - 1
    if left == 0 then Promise.settle_kept(all, true) end
  end)
  return all
end

--- Kept with true as soon as one promise of the list is kept or broken. An empty list
--- is kept at once. The others are forgotten, not cancelled.
---@param list cro.Promise[]
---@return cro.Promise
function Promise.any_of(list)
  check_list("Promise.any_of", list)
  local forget_all
  local any = Promise.made(function() forget_all() end)
  if #list == 0 then Promise.settle_kept(any, true) end
  forget_all = listen_to_all(copy(list), function()
    if any:status() ~= "planned" then return end
    forget_all()
    Promise.settle_kept(any, true)
  end)
  return any
end

local TIMEOUT = { cancel = "boolean" }

--- What others settle is given up with the wait for it; what somebody is going to settle by
--- hand is theirs, and what others were given too (cro.outcome) goes on.
local function give_up(promise, cancel, reason)
  local mine = promise.vowed and promise.vowed ~= "by hand" and promise.vowed ~= "common"
  if cancel == nil then cancel = mine end
  if cancel then promise:cancel(reason) end
end

local function settle_like(promise, other)
  if other:status() == "kept" then return Promise.settle_kept(promise, other.value) end
  return Promise.settle_broken(promise, other:cause())
end

--- What was lent through one promise is lent through another that ends like it.
local function lend_on(promise, other)
  if not other.lender then return end
  promise.lender = {
    waits = function()
      local lender = other.lender
      if lender and lender.waits then lender:waits() end
    end,
    lost = function()
      if other.lender then other.lender:lost(other) end
    end,
  }
end

--- A promise that ends as this one does, or breaks with an error of kind "timeout" after so
--- many seconds. Then this one is cancelled, unless it was made by `Promise.new`: `cancel`
--- says otherwise. Cancelling the promise does the same.
---@param seconds number 0 or more
---@param given { cancel: boolean|nil }|nil
---@return cro.Promise
function Promise:timeout(seconds, given)
  options.seconds("timeout", 1, seconds, 0)
  local opts = options.check("timeout", given, TIMEOUT)
  local task, timer, link
  local function disarm()
    if timer then timer:close() end
    if link then scope.unlink(link) end
  end
  local timed = Promise.made(function(reason)
    disarm()
    self:forget(task)
    give_up(self, opts.cancel, reason)
  end)
  lend_on(timed, self)
  if self:status() ~= "planned" then
    settle_like(timed, self)
    return timed
  end
  task = listen(self, function()
    disarm()
    return settle_like(timed, self)
  end)
  if seconds == math.huge then return timed end
  link = scope.link_work(timed)
  timer = fiber.timer(seconds, function()
    disarm()
    if self:status() ~= "planned" then return end
    self:forget(task)
    local text = ("timed out after %g s"):format(seconds)
    Promise.settle_broken(timed, errors.new("timeout", text, { seconds = seconds }))
    give_up(self, opts.cancel, text)
  end)
  return timed
end

receiver.guard(Promise, "promise", { "timeout" })

local function index(value, name) return value[name] end

--- The method of a table or userdata; nil when there is none.
local function method(value, name)
  if type(value) ~= "table" and type(value) ~= "userdata" then return nil end
  local ok, found = pcall(index, value, name)
  return ok and type(found) == "function" and found or nil
end

local function is_awaitable(value)
  return Promise.is(value) or method(value, "promise") ~= nil or method(value, "supply") ~= nil
end

--- The promise, and whether it was made just now.
local function as_promise(value)
  if Promise.is(value) then return value, false end
  local own = method(value, "promise")
  if not own then return require("cro.supply").given_by(value, "await"):promise(), true end
  local given = own(value)
  if Promise.is(given) then return given, true end
  errors.misuse(("await: the promise method of %s must return a promise, it returned %s"):format(
    options.show(value), options.show(given)))
end

local function check_awaitable(value, where)
  if is_awaitable(value) then return end
  errors.misuse(("await: %sexpected a promise, a supply, a channel or a list of them, got %s"):format(
    where, options.show(value)))
end

--- Waits until all are kept or one is broken, which is returned.
local function wait_for_all(waiting)
  local over, left = Promise.made(), #waiting
  local forget_all = listen_to_all(waiting, function(promise)
    left = left - 1
    if promise:status() == "broken" then return Promise.settle_kept(over, promise) end
    if left == 0 then Promise.settle_kept(over, false) end
  end)
  local ok, broken = pcall(await, over)
  forget_all()
  return ok, broken
end

--- The wait is over without results: what was made for it is given up, and so is, when the
--- fiber was interrupted, what was lent.
local function drop(waiting, own, interrupted)
  for i = #waiting, 1, -1 do
    local promise = waiting[i]
    if promise.lender and (own[i] or interrupted) then
      promise.lender:lost(promise)
    elseif own[i] then
      promise:cancel()
    end
  end
end

--- Those of the list that are not settled, and the first that is broken.
local function look_at(waiting)
  local planned = 0
  for _, promise in ipairs(waiting) do
    if promise:status() == "broken" then return planned, promise end
    if promise:status() == "planned" then planned = planned + 1 end
  end
  return planned, false
end

local function wait_for_each(waiting, own)
  local ok, planned, broken = true, look_at(waiting)
  if not broken and planned > 0 then
    ok, broken = wait_for_all(waiting)
  elseif not broken then
    ok, broken = pcall(fiber.check)
  end
  if ok and not broken then return end
  drop(waiting, own, not ok)
  if ok then return broken:await() end
  error(broken, 0)
end

local function await_list(list)
  local waiting, own, results = {}, {}, {}
  if #list == 0 then errors.misuse "await: there is nothing to wait for in an empty list" end
  for i = 1, #list do
    check_awaitable(list[i], ("element %d: "):format(i))
  end
  for i = 1, #list do
    waiting[i], own[i] = as_promise(list[i])
    Promise.observe(waiting[i])
  end
  wait_for_each(waiting, own)
  for i = 1, #waiting do
    results[i], waiting[i].lender = waiting[i].value, nil
  end
  return results
end

local function is_list(what)
  return type(what) == "table" and getmetatable(what) == nil and not is_awaitable(what)
end

--- Waits for a promise, the last value of a supply, one value of a channel, or a list
--- of those (a list of results in order). Raises what broke it; the first of a list that
--- breaks ends the wait for the others.
---@async
---@param what cro.Promise|cro.Supply|table
---@return any
function promises.await(what)
  if getmetatable(what) == Promise then return await(what) end
  if is_list(what) then return await_list(what) end
  local own = method(what, "await")
  if own then return own(what) end
  check_awaitable(what, "")
  return Promise.await_own(as_promise(what))
end

--- Like `await`, but returns nil and the error instead of raising. The end of the block
--- that this code belongs to, and the cancellation of this fiber, are still raised.
---@async
---@param what cro.Promise|cro.Supply|table as for `await`
---@return any value
---@return any err
function promises.pawait(what)
  local ok, value = pcall(promises.await, what)
  if ok then return value end
  if type(value) == "string" or errors.is_unwinding(value) then error(value, 0) end
  return nil, value
end

--- `pcall` that never returns what unwinds the running code, the end of its block or the
--- cancellation of its fiber: that is raised. That something else was cancelled is an error
--- like others.
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
  options.seconds("sleep", 1, seconds)
  local rec = fiber.may_wait "sleep"
  fiber.suspend(rec, sleepers.add(rec, math.max(0, seconds)))
end

return promises
