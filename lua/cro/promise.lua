--- Promises: a value that will be there, or an error that will.
---
--- A promise holds its outcome and who waits for it, and nothing else. Settling only
--- marks it and queues: waiters and callbacks run in a later turn, in the order they
--- were registered, and never inside `keep` or `fail`. A derived promise is its own
--- callback record, so that a step of a chain is one table.
---
--- Most promises are a table of two: while it is planned, `value` is who waits first. The
--- rest are defaults, and what few promises need is added later.
local S = require "cro.state"
local crowd = require "cro.crowd"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local later = require "cro.later"
local options = require "cro.options"
local receiver = require "cro.receiver"
local scope = require "cro.scope"
local unobserved = require "cro.unobserved"

local trace, push, pause, check = errors.trace, fiber.push, fiber.pause, fiber.check
local program, owner_here = scope.program, scope.here
local DEBUG = require("cro.traceback").DEBUG

---@class cro.Promise
---@field private state string "planned", "kept" or "broken"
---@field private value any the result or the error; before, the first fiber or task that waits, or false
---@field private more nil|cro.Crowd those that came later
---@field private run any what a derived or started promise does in its turn, `fn` its function
---@field private from any what it derives from, or who started it; then the fiber that runs it
---@field private argument any what a started function is given; who owns what a callback opens
---@field private vowed boolean|string only the vow's holder may settle it; of a derived one: for which outcome
---@field private seen boolean somebody will notice a failure
---@field private given_up boolean|nil it was cancelled: whoever settles it is not to blame
---@field private alarm cro.After|false of a promise of time
---@field private lender table|false what is to hear when the one who waits is interrupted
local Promise = {}
Promise.__index = Promise
Promise.__name = "cro.Promise"
Promise.run, Promise.fn, Promise.from, Promise.vowed, Promise.seen = false, false, false, false, false
Promise.lender, Promise.given_up, Promise.alarm = false, false, false

local function made(self)
  if DEBUG then self.origin = errors.place() end
  return setmetatable(self, Promise)
end

local function new() return made { state = "planned", value = false } end

--- A promise that comes from something to run.
local function new_task(run, fn, from, vowed)
  -- Constants only: these keys are in the table's template, others would grow it.
  local self = {
    state = "planned",
    value = false,
    run = false,
    fn = false,
    from = false,
    vowed = false,
    argument = nil,
  }
  self.run, self.fn, self.from, self.vowed = run, fn, from, vowed
  return made(self)
end

--- Is this a promise?
---@param value any
---@return boolean
function Promise.is(value) return getmetatable(value) == Promise end

--- A promise that this code will keep or fail.
---@return cro.Promise
function Promise.new() return new() end

-- As fiber.wake does, for a fiber that waits for this promise still.
local function release(waiter, promise)
  if waiter.run then return push(waiter) end
  if waiter.waiting ~= promise then return end
  waiter.waiting = false
  return push(waiter.co)
end

--- Returns whether somebody waited.
local function settle(self, state, value)
  local waiter = self.value
  self.state, self.value = state, value
  if self.fn then
    self.fn, self.from = false, false
  end
  if not waiter then return false end
  release(waiter, self)
  local more = self.more
  if not more then return true end
  self.more = nil
  for i = more.head, more.last do
    if more[i] then release(more[i], self) end
  end
  return true
end

--- What was given up is not reported again by what derives from it.
local function break_it(self, cause)
  if settle(self, "broken", cause) or self.seen or errors.is_cancellation(cause) then return end
  return unobserved.watch(self, cause)
end

--- The function of the promise has raised. What unwound it was meant for it; a cancellation
--- of something else is a failure like any other.
local function break_raised(self, err, unwound)
  if settle(self, "broken", errors.outside(err)) or self.seen or unwound then return end
  return unobserved.watch(self, err)
end

--- Notes that somebody looks at the promise: its failure needs no report.
function Promise:observe()
  if self.state == "kept" then return end
  self.seen = true
  local note = self.note
  if note then unobserved.dismiss(note) end
end
local observe = Promise.observe

--- For modules: adds what is released when the promise is settled, in order.
---@param waiter cro.Fiber|{ run: fun(task: table) } a fiber that is going to wait, or a task
function Promise:add_waiter(waiter)
  if self.state ~= "planned" then
    observe(self)
    return release(waiter, self)
  end
  if not self.value then
    self.value = waiter
    return
  end
  local alarm, more = self.alarm, self.more
  if alarm then
    alarm:rouse(self)
    if not self.value then return self:add_waiter(waiter) end
  end
  if more then return crowd.add(more, waiter) end
  self.more = crowd.new(waiter)
end

--- For modules: takes a waiter out again.
---@param waiter table what `add_waiter` was given; one that is not there is ignored
function Promise:forget(waiter)
  if self.state ~= "planned" then return end
  local more = self.more
  self.seen = true
  if self.value == waiter then
    self.value = more and crowd.take(more) or false
    if self.alarm and not self.value then self.alarm:rest(self) end
    return
  end
  if more then return crowd.remove(more, waiter) end
end

--- For modules and specs: does anything wait for it?
---@return boolean
function Promise:is_awaited()
  return self.state == "planned" and self.value ~= false and not (self.alarm and not self.alarm.timer)
end

local add_waiter, forget = Promise.add_waiter, Promise.forget

local function refuse(self, verb) return require("cro.vow").refuse(self, verb) end

--- Keeps the promise. Keeping it twice, or one whose vow was taken, is an error. One that
--- was cancelled meanwhile is left as it is.
---@param ... any the value, true by default; what follows it is ignored
function Promise:keep(...)
  if getmetatable(self) ~= Promise then receiver.refuse("promise", "keep", self) end
  if self.vowed or self.state ~= "planned" then return refuse(self, "keep") end
  local value = ...
  if value == nil and select("#", ...) == 0 then value = true end
  return settle(self, "kept", value)
end

--- Breaks the promise. A cause that is not a table becomes an error value. For what is
--- settled or vowed already, see `keep`.
---@param cause any "Died" by default
function Promise:fail(cause)
  if getmetatable(self) ~= Promise then receiver.refuse("promise", "fail", self) end
  if self.vowed or self.state ~= "planned" then return refuse(self, "fail") end
  return break_it(self, errors.wrap(cause == nil and "Died" or cause))
end
Promise["break"] = Promise.fail

--- "planned", "kept" or "broken".
---@return string
function Promise:status()
  if self.alarm then self.alarm:look(self) end
  return self.state
end

--- What broke the promise. An error while it is not broken.
---@return any
function Promise:cause()
  if self.state ~= "broken" then
    errors.misuse(("a promise has a cause only when it is broken; this one is %s"):format(self.state))
  end
  observe(self)
  return self.value
end

--- What is lent goes back when the fiber that waits for it is interrupted.
local function borrow(self, wait, rec)
  local lender = self.lender
  if rec and lender.waits then lender:waits() end
  if rec then add_waiter(self, rec) end
  local ok, err = pcall(wait, rec, self)
  if ok then
    self.lender = false
  elseif not self:is_awaited() then
    lender:lost(self)
  end
  if not ok then error(err, 0) end
end

local function wait_specially(self)
  local rec = fiber.may_wait "await"
  if self.lender then return borrow(self, fiber.suspend, rec) end
  add_waiter(self, rec)
  return fiber.suspend(rec, self)
end

--- Waits for the promise: returns its value or raises what broke it. When it is
--- settled already, nothing is switched.
---@async
---@return any
function Promise:await()
  if getmetatable(self) ~= Promise then receiver.refuse("promise", "await", self) end
  local rec = S.current
  if self.state == "planned" then
    if S.scope or rec.guarded or self.lender then
      wait_specially(self)
    else
      add_waiter(self, rec)
      if pause(rec, self) then
        forget(self, rec)
        fiber.may_wait "await"
      end
    end
  elseif self.lender then
    borrow(self, check)
  elseif S.scope or rec.guarded then
    check()
  end
  if self.state == "kept" then return self.value end
  observe(self)
  error(errors.awaited(self.value), 0)
end

--- The same as `await`.
Promise.result = Promise.await

local function run_derived(self)
  local from, mode, fn = self.from, self.vowed, self.fn
  if self.state ~= "planned" then return end
  if mode ~= "settled" and mode ~= from.state then
    if from.state == "kept" then return settle(self, "kept", from.value) end
    return break_it(self, from.value)
  end
  local owner, rec = self.argument, S.current
  if owner then rec.job = owner end
  self.from = rec -- whom `cancel` cancels
  local ok, value = xpcall(fn, trace, mode == "settled" and from or from.value)
  if owner then rec.job = false end
  if self.state ~= "planned" then return end
  if ok then return settle(self, "kept", value) end
  if DEBUG then errors.passed(value, "in a callback attached at " .. self.origin) end
  return break_raised(self, value, errors.is_unwinding(value))
end

local function derive(self, name, fn, mode)
  if getmetatable(self) ~= Promise then receiver.refuse("promise", name, self) end
  if type(fn) ~= "function" then
    errors.misuse(("%s: expected a function, got %s"):format(name, options.show(fn)))
  end
  local derived = new_task(run_derived, fn, self, mode)
  if S.scope or S.current.job ~= program then derived.argument = owner_here() end
  add_waiter(self, derived)
  return derived
end

--- A promise of what `fn(value)` returns once this one is kept; broken when this one
--- is, or when `fn` raises.
---@param fn fun(value: any): any
---@return cro.Promise
function Promise:and_then(fn) return derive(self, "and_then", fn, "kept") end

--- A promise of what `fn(cause)` returns once this one is broken; kept with the same
--- value when this one is kept.
---@param fn fun(cause: any): any
---@return cro.Promise
function Promise:or_else(fn) return derive(self, "or_else", fn, "broken") end

--- A promise of what `fn(promise)` returns once this one is kept or broken.
---@param fn fun(promise: cro.Promise): any
---@return cro.Promise
function Promise:settled(fn) return derive(self, "settled", fn, "settled") end

--- Gives up what the promise stands for. The fiber of a started promise, or of a callback
--- that runs, is cancelled and breaks it when it has unwound; any other promise breaks at
--- once with an error of kind "cancelled". What it derives from or combines is left alone,
--- and so is a settled promise.
---@param reason string|nil
function Promise:cancel(reason)
  if self.state ~= "planned" then return end
  self.seen, self.given_up = true, true
  local from = self.from
  if from and from.co then return fiber.cancel(from, reason) end
  if self.run == run_derived then forget(from, self) end
  local on_cancel = self.on_cancel
  settle(self, "broken", errors.new("cancelled", reason or "the promise was cancelled"))
  if on_cancel then on_cancel(reason) end
end

--- For modules: did somebody cancel it before it was settled?
---@return boolean
function Promise:was_cancelled() return self.given_up ~= false end

--- For modules: a promise that only `settle_*` settles, and what to call on `cancel`.
---@param on_cancel nil|fun(reason: string|nil)
---@return cro.Promise
function Promise.made(on_cancel)
  local promise = new()
  promise.vowed = true
  if on_cancel then promise.on_cancel = on_cancel end
  return promise
end

--- Keeps a made promise; does nothing when it is settled already.
---@param promise cro.Promise
---@param value any
function Promise.settle_kept(promise, value)
  if promise.state == "planned" then settle(promise, "kept", value) end
end

--- Breaks a made promise; does nothing when it is settled already.
---@param promise cro.Promise
---@param cause any what is not a table becomes an error value
function Promise.settle_broken(promise, cause)
  if promise.state == "planned" then break_it(promise, errors.wrap(cause)) end
end

--- A promise that is kept already.
---@param ... any the value, true by default; what follows it is ignored
---@return cro.Promise
function Promise.kept(...)
  local promise = made { state = "kept", value = false }
  promise.value = ...
  if promise.value == nil and select("#", ...) == 0 then promise.value = true end
  return promise
end

--- A promise that is broken already.
---@param cause any "Died" by default
---@return cro.Promise
function Promise.broken(cause)
  local promise = new()
  break_it(promise, errors.wrap(cause == nil and "Died" or cause))
  return promise
end

--- For cro.job.
Promise._job = { new_task = new_task, settle = settle, break_raised = break_raised }

later.add(Promise, "cro.vow", { "vow", "lent", "await_own" })
later.add(Promise, "cro.job", { "start" })
receiver.guard(Promise, "promise", { "status", "cause", "cancel" })

function Promise:__tostring() return ("Promise (%s)"):format(self.state) end

return Promise
