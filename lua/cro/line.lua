--- Lines: the connection of one source to one owner, operators included.
---
--- A line is one table with every field set when it is made. For a plain tap the same
--- table is the owner too. `head` is the composed operators and the handler; operators
--- are closures, made once per tap. `handling` tells an error in the handler from one
--- in an operator, so that one xpcall per value is enough.
local errors = require "cro.errors"
local enter = require "cro.enter"
local fiber = require "cro.fiber"
local options = require "cro.options"
local receiver = require "cro.receiver"
local ring = require "cro.ring"
local roots = require "cro.roots"
local turn = require "cro.turn"
local Promise = require "cro.promise"

local watch = require("cro.traceback").DEBUG and require "cro.watch"

local line = {}

--- Values that may queue for a live source when nobody says otherwise.
line.DEFAULT_BUFFER = 1024

--- What `whenever` returns.
---@class cro.Whenever
local Whenever = {}
Whenever.__index = Whenever
Whenever.__name = "cro.Whenever"
-- What few have: sixteen fields of their own fill a table of sixteen. `tail` flushes the
-- operators when the source is done, `tickets` are of who waits to emit.
Whenever.on_last, Whenever.on_quit, Whenever.tail, Whenever.tickets = false, false, false, false

--- What `tap` returns.
---@class cro.Tap
local Tap = {}
Tap.__index = Tap
Tap.__name = "cro.Tap"

--- What a tap calls, and how it queues.
---@class cro.TapCallbacks
---@field value nil|fun(value: any)
---@field done nil|fun()
---@field quit nil|fun(err: any)
---@field tap nil|fun(tap: cro.Tap) is given the tap before anything else
---@field buffer integer|nil values that may queue for a tap of a live source
---@field policy "error"|"drop_oldest"|"drop_newest"|nil what happens then
---@field with_fiber boolean|nil close it when the job of this fiber ends

local function check_callback(name, fn)
  if type(fn) == "function" then return end
  errors.misuse(("%s: expected a function, got %s"):format(name, options.show(fn)))
end

--- Names what runs when this source is done.
---@param fn fun()
---@return cro.Whenever
function Whenever:last(fn)
  check_callback("whenever(...):last", fn)
  self.on_last = fn
  return self
end

--- Names what runs when this source fails. When it returns, the failure is handled;
--- when it raises, the block fails.
---@param fn fun(err: any)
---@return cro.Whenever
function Whenever:quit(fn)
  check_callback("whenever(...):quit", fn)
  self.on_quit = fn
  return self
end

--- Stops this source without running its `last`. Closing twice is harmless.
function Whenever:close()
  if self.closed then return end
  turn.close_line(self)
  turn.uncount(self.owner)
end

--- Ends the tap and closes its source. Returns at once; closing twice is harmless.
function Tap:close() turn.close_line(self) end

receiver.guard(Whenever, "whenever(...)", { "last", "quit", "close" })
receiver.guard(Tap, "tap", { "close" })

local function discard() end

local function new_whenever(block)
  -- Constants only, the rest below: LuaJIT sizes the table for what is constant.
  local handle = setmetatable({
    enter = false,
    head = false,
    owner = false,
    bare = true, -- no operators: what runs is always the handler
    handling = true,
    closed = false,
    live = true, -- the source has not ended
    over = false, -- nothing more may reach the handler
    closer = false,
    upstream = false, -- the source's own
    prev = false, -- older in the block's list
    next = false,
    queued = 0,
    limit = false, -- values that may queue; false along an on-demand chain
  }, Whenever)
  handle.enter, handle.owner, handle.closer = enter.direct, block, discard
  return handle
end

local function new_tap()
  local tap = setmetatable({
    enter = false,
    head = false,
    tail = false,
    owner = false,
    bare = true,
    handling = true,
    closed = false,
    live = true,
    over = false,
    closer = false,
    upstream = false,
    prev = false,
    next = false,
    queued = 0,
    limit = false,
    on_last = false,
    on_quit = false,
    -- as its own owner
    plain = true,
    busy = false,
    under = false,
    attention = false,
    box = false,
    ending = 0,
    nowait = false,
    run = false,
    list = false,
    tickets = false,
  }, Tap)
  tap.enter, tap.closer, tap.run, tap.owner = enter.direct, discard, turn.drain, tap
  return tap
end

local function with_operators(self, supply, handler)
  self.bare, self.handling = false, false
  local head = function(value)
    if self.over then return end
    self.handling = true
    handler(value)
    self.handling = false
  end
  local stage = supply
  while stage.op do
    head = stage.op(head, stage.arg, self)
    stage = stage.from
  end
  return head
end

-- See the end of cro.supply.basic.
for _ = 1, 4 do
  with_operators({}, {}, error)
end

local function use_limit(self, limit, policy)
  self.enter, self.limit = enter.cross, limit
  if policy == "error" then return end
  self.policy = policy
  if policy == "drop_oldest" then self.own = ring.new() end
end

local function compose(self, supply, handler)
  self.head = supply.op and with_operators(self, supply, handler) or handler
end

--- Connects a supply to a block. Only `whenever` calls this.
---@param block table
---@param supply cro.Supply
---@param handler fun(value: any)
---@return cro.Whenever
function line.whenever(block, supply, handler)
  local self = new_whenever(block)
  compose(self, supply, handler)
  local source = supply.source
  if source.live then
    use_limit(self, source.limit or line.DEFAULT_BUFFER, source.policy or "error")
  elseif source.settles then
    self.enter = enter.settled
  end
  local latest = block.lines
  if latest then
    latest.next, self.prev = self, latest
  end
  block.lines = self
  if watch then self.origin = watch.tapped(self, supply) end
  block.open = block.open + 1
  local ok, err = pcall(source.open, source, self)
  if ok then return self end
  self.live = false
  self:close()
  error(err, 0)
end

--- Connects a supply to a plain tap.
---@param supply cro.Supply
---@param callbacks cro.TapCallbacks
---@return cro.Tap
function line.tap(supply, callbacks)
  local self = new_tap()
  self.on_last, self.on_quit = callbacks.done or false, callbacks.quit or false
  compose(self, supply, callbacks.value or discard)
  local source = supply.source
  if source.live and callbacks.buffer then
    use_limit(self, callbacks.buffer, callbacks.policy or source.policy or "error")
  elseif source.live then
    self.nowait = source.policy ~= "wait"
  end
  self.with_fiber = callbacks.with_fiber
  roots.add_tap(self)
  if watch then self.origin = watch.tapped(self, supply) end
  local ok, err = true, nil
  if callbacks.tap then ok, err = pcall(callbacks.tap, self) end
  if ok and not self.closed then ok, err = pcall(source.open, source, self) end
  if ok then return self end
  self.live = false
  self:close()
  error(err, 0)
end

--- For operators: ends the line from inside, as if its source were done, having closed
--- the source. `done` is the rest of the chain's.
---@param self table the line
---@param done fun() from `done_of`, taken when the operator was made
function line.complete(self, done)
  if self.closed then return end
  turn.close_source(self)
  done()
end

--- For sources and operators: `fn` is called once when the line has ended, on a fiber of its
--- own; a promise that it returns is awaited. The end of the line waits for it.
---@param self table the line
---@param fn fun(): cro.Promise|nil
function line.on_close(self, fn)
  local closers = self.closers or {}
  closers[#closers + 1] = function()
    local result = fn()
    if Promise.is(result) then return result:await() end
  end
  self.closers = closers
end

--- For operators: `fn(done)` is called when the source is done, and calls `done`, which
--- ends the rest of the chain.
---@param self table the line
---@param fn fun(done: fun())
function line.before_done(self, fn)
  local done = line.done_of(self)
  self.tail = function() return fn(done) end
end

--- For operators: what ends the chain behind this operator.
---@param self table the line
---@return fun()
function line.done_of(self)
  local done = self.tail
  if done then return done end
  return function() return turn.on_finish(self) end
end

--- Gives an event to a line, from a fiber of the source that must not raise. Waits until it
--- was taken, unless the line has a queue of its own.
---@async
---@param self table
---@param value any
---@return boolean taken false when nobody listens any more
function line.offer(self, value)
  if self.closed then return false end
  if not self.owner.busy or self.limit then
    self:enter(value)
    return not self.closed
  end
  local ok, err = pcall(self.enter, self, value)
  if not ok and not errors.is_unwinding(err) then fiber.report("error in a source", err) end
  return ok and not self.closed
end

return line
