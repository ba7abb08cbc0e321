--- Blocks: react, supply, whenever, and the words that are valid inside of them.
---
--- A block owns the lines to its sources and its turn (see cro.turn). A react block
--- runs its body on its caller's fiber, which then waits for the block's end; a supply
--- block is made for each tap and runs its body on a fiber of its own. The words mean
--- the innermost block on the running fiber; `b.whenever`, `b.emit`, `b.done` and
--- `b.closing` of the body's argument mean that block wherever they are called in it.
local S = require "cro.state"
local cleanup = require "cro.cleanup"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local line = require "cro.line"
local misplaced = require "cro.misplaced"
local options = require "cro.options"
local receiver = require "cro.receiver"
local roots = require "cro.roots"
local turn = require "cro.turn"
local Supply = require "cro.supply"
local Supplier = require "cro.supplier"

local DEBUG = require("cro.traceback").DEBUG

local react = {}

--- A longer chain is a mistake, or somebody else's recursion: each block of it is a
--- level of calls that a value goes through.
local MAX_CHAIN = 200

---@class cro.Block
---@field whenever fun(source: any, handler: fun(value: any)): cro.Whenever
---@field emit fun(value: any)
---@field done fun()
---@field closing fun(fn: fun())

--- What the names of a block's argument stand for; made when first used.
local argument = {}
local Block = {}

function Block.__index(block, name)
  local make = argument[name]
  if not make then return nil end
  local fn = make(block)
  block[name] = fn
  return fn
end

local function add_closer(block, fn) block.closers = cleanup.add(block.closers, fn) end

local function new_block(target, level, waiter, body)
  -- Constants only, the rest below: LuaJIT sizes the table for what is constant.
  local block = setmetatable({
    is_block = true,
    is_owner = true,
    body = false,
    held = false, -- what its code has opened, see cro.scope
    jobs = false,
    taps = false,
    gone = false,
    sealed = false,
    lent = false,
    plain = false,
    nowait = false,
    closing_with = false,
    run = false,
    level = false,
    busy = false, -- the fiber that holds the turn
    under = false, -- the scope it came from
    attention = false, -- something is to be done when the turn is given up
    ended = false, -- "done", "quit" or "closed" once it is ending
    finishing = false,
    concluded = false,
    err = false,
    box = false,
    open = 1, -- sources that may still bring something; the body is one
    ending = 0, -- sources told to close that have not ended
    lines = false, -- the latest; older ones by `prev`
    down = false, -- where emit goes
    line = false,
    closers = false,
    waiter = false, -- the fiber in react
    outer = false, -- the scope that called react
    list = false,
    next = false,
    prev = false,
  }, Block)
  block.closing_with, block.run, block.level = add_closer, turn.drain, level
  block.down, block.line, block.waiter, block.body = target, target, waiter, body
  if DEBUG then block.origin = errors.place() end
  return block
end

local function innermost(word)
  local scope = S.scope
  if not scope or not scope.is_block then
    misplaced.word(word)
  end
  if scope.ended then error(errors.STOP, 0) end
  return scope
end

--- The block itself, when the running code belongs to it.
local function here(block, word)
  if S.scope ~= block and not S.is_beneath(block) then
    misplaced.elsewhere(word)
  end
  if block.ended then error(errors.STOP, 0) end
  return block
end

local function add_source(block, source, handler)
  if type(handler) ~= "function" then
    errors.misuse("whenever: expected a handler function, got " .. options.show(handler))
  end
  if getmetatable(source) == Supplier then
    return line.whenever(block, source:supply(), handler)
  end
  return line.whenever(block, Supply.from(source, "whenever"), handler)
end

--- Calls the handler for each value of a source (a supply, a promise, a channel,
--- anything with a supply method), one at a time per block.
---@param source any
---@param handler fun(value: any)
---@return cro.Whenever
function react.whenever(source, handler) return add_source(innermost "whenever", source, handler) end

local function cannot_emit()
  local scope = S.scope
  return misplaced.emit(scope and scope.is_block)
end

--- Gives a value to the consumer of the innermost supply block; returns when it was
--- handled. It does not return once nobody listens any more.
---@async
---@param value any
function react.emit(value)
  local scope = S.scope
  local down = scope and scope.down
  if not down then return cannot_emit() end
  return down.enter(down, value)
end

--- Ends the innermost block. Does not return.
function react.done()
  turn.end_block(innermost "done", "done")
  error(errors.STOP, 0)
end

--- Ends the source of the running handler and runs its `last`. Does not return.
function react.last()
  innermost "last"
  error(errors.LAST, 0)
end

--- Registers what runs once when the innermost block has ended for any reason.
---@param fn fun()
function react.closing(fn)
  if type(fn) ~= "function" then
    errors.misuse("closing: expected a function, got " .. options.show(fn))
  end
  return add_closer(innermost "closing", fn)
end

function argument.whenever(block)
  return function(source, handler) return add_source(here(block, "whenever"), source, handler) end
end

function argument.emit(block)
  return function(value)
    if S.scope ~= block then here(block, "emit") end
    local down = block.down
    if not down then misplaced.emit(true) end
    return down.enter(down, value)
  end
end

function argument.done(block)
  return function()
    turn.end_block(here(block, "done"), "done")
    error(errors.STOP, 0)
  end
end

function argument.closing(block)
  return function(fn) return add_closer(here(block, "closing"), fn) end
end

--- Interrupted: the block ends first, then the caller hears of it.
local function end_and_raise(block, err)
  turn.end_block(block, "quit", err)
  while not block.concluded do
    fiber.park_through(block)
  end
  error(err, 0)
end

--- Runs a body and then whatever it taps, until the block is done. Raises what broke
--- it.
---@async
---@param body fun(b: cro.Block)
function react.react(body)
  if type(body) ~= "function" then
    errors.misuse("react: expected a function, got " .. options.show(body))
  end
  local rec, outer = fiber.may_wait "react", S.scope
  local block = new_block(false, 0, rec, body)
  block.outer, block.under, block.busy = outer, outer, rec
  roots.add_block(block)
  S.scope = block
  local ok, err = xpcall(body, errors.trace, block)
  S.scope = outer
  turn.leave_body(block, ok, err)
  while not block.concluded do
    ok, err = pcall(fiber.suspend, rec, block)
    if not ok then end_and_raise(block, err) end
  end
  fiber.check()
  if block.ended == "quit" then error(errors.awaited(block.err), 0) end
end

local function close_block(target) return turn.end_block(target.upstream, "closed") end

local function run_body(block, body)
  if block.ended then return end
  block.busy = S.current
  S.scope = block
  local ok, err = xpcall(body, errors.trace, block)
  S.scope = false
  return turn.leave_body(block, ok, err)
end

local function open_block(source, target)
  local level = (target.owner.level or 0) + 1
  if level > MAX_CHAIN then
    errors.misuse(("a chain of more than %d supply blocks"):format(MAX_CHAIN))
  end
  local block = new_block(target, level, false, source.body)
  target.upstream, target.closer = block, close_block
  return fiber.run_now(run_body, block, source.body)
end

--- A supply whose body runs for each tap, on a fiber of its own, with state of its own.
--- It is done when the body has returned and everything it taps is done.
---@param body fun(b: cro.Block)
---@return cro.Supply
function react.supply(body)
  if type(body) ~= "function" then
    errors.misuse("supply: expected a function, got " .. options.show(body))
  end
  return Supply.of_source { open = open_block, body = body }
end

--- The values emitted from now on.
---@return cro.Supply
function Supplier:supply()
  if getmetatable(self) ~= Supplier then receiver.refuse("supplier", "supply", self) end
  local supply = self.own_supply
  if not supply then
    supply = Supply.of_source(self)
    self.own_supply = supply
  end
  return supply
end

for _, name in ipairs { "tap", "map", "grep", "each" } do
  Supplier[name] = function()
    errors.misuse(("a Supplier has no %s: it is the end that emits; what it emits is supplier:supply():%s(...)"):format(
      name, name))
  end
end

--- Only says that a supply is the end that is tapped.
function Supply.emit()
  errors.misuse "a supply has no emit: it is the end that is tapped; emit with a Supplier and tap its supply()"
end

return react
