--- Every mistake in the use of promises, supplies, blocks, channels and locks: what is said,
--- at which line, and what to do instead.
local cro = require "cro.reactive"
local world = require "spec.support.world"
local Channel = require "cro.channel"
local Lock = require "cro.lock"
local Semaphore = require "cro.semaphore"

local Promise, Supplier, Supply = cro.Promise, cro.Supplier, cro.Supply
local react, supply, whenever, NAN = cro.react, cro.supply, cro.whenever, 0 / 0

--- Calls `fn` in the callback of a plain tap of a Supplier.
local function in_plain_tap(fn)
  local supplier, err = Supplier.new(), nil
  supplier:supply():tap(function() err = select(2, pcall(fn)) end)
  supplier:emit(1)
  error(err, 0)
end

local function kept() return Promise.kept(1) end

local function closed()
  local channel = Channel.new()
  channel:close()
  return channel
end

--- { what, fn, texts that must occur in this order ... }
local rows = {
  -- waiting where nothing may wait
  { "await in a callback of string.gsub", function() ("x"):gsub("x", function() cro.await(Promise.new()) end) end,
    "await in a function that C calls back", "wait before or after it" },
  { "sleep in a callback of table.sort", function() table.sort({ 2, 1 }, function() cro.sleep(1) end) end,
    "sleep in a function that C calls back", "wait before or after it" },
  { "await in coroutine.wrap", function() coroutine.wrap(function() cro.await(Promise.new()) end)() end,
    "await inside a coroutine that is not a fiber", "use cro.start instead" },
  { "sleep in a plain tap", function() in_plain_tap(function() cro.sleep(1) end) end,
    "sleep: a plain tap of a Supplier", "may not wait", "use whenever in a block, each(), or tap { buffer = n" },
  { "react in a plain tap", function() in_plain_tap(function() react(function() end) end) end,
    "react: a plain tap of a Supplier", "use whenever in a block" },
  { "send in a plain tap", function() in_plain_tap(function() Channel.new({ capacity = 0 }):send(1) end) end,
    "send to a full channel (offer never waits): a plain tap", "use whenever in a block" },
  -- words of blocks
  { "whenever outside", function() whenever(Supplier.new(), print) end,
    "whenever outside of a react or supply block", "inside of react(function() ... end)" },
  { "done outside", function() cro.done() end, "done outside of a react or supply block", "react(function()" },
  { "last outside", function() cro.last() end, "last outside of a react or supply block", "react(function()" },
  { "closing outside", function() cro.closing(print) end, "closing outside of a react or supply block", "react(" },
  { "emit outside", function() cro.emit(1) end,
    "emit outside of a supply block", "supply(function() ... end), or emit with a Supplier" },
  { "emit in react", function() react(function() cro.emit(1) end) end,
    "emit in a react block: it has no consumer", "use a supply block, or emit with a Supplier" },
  { "b.emit in react", function() react(function(b) b.emit(1) end) end,
    "emit in a react block: it has no consumer", "use a supply block, or emit with a Supplier" },
  { "whenever in a plain tap", function() in_plain_tap(function() whenever(Supplier.new(), print) end) end,
    "whenever outside of a react or supply block", "what a tap, a promise or start calls belongs to no block" },
  { "done in a fiber of start", function() cro.await(cro.start(function() cro.done() end)) end,
    "done outside of a react or supply block", "start calls belongs to no block" },
  { "done in a callback of a promise", function() cro.await(kept():and_then(function() cro.done() end)) end,
    "done outside of a react or supply block", "belongs to no block" },
  { "last in a body", function() react(function() cro.last() end) end,
    "last() outside of a whenever handler", "done() ends a block" },
  { "b.done after the block", function()
    local block
    react(function(b) block = b end)
    block.done()
  end, "done of a block outside of its handlers", "by a Supplier or a promise that it taps" },
  { "whenever without a handler", function() react(function() whenever(kept()) end) end,
    "whenever: expected a handler function" },
  { "whenever of nothing", function() react(function() whenever(nil, print) end) end,
    "whenever: expected a supply, a promise or anything with a supply method, got nothing" },
  { "last of what is no function", function() react(function() whenever(kept(), print):last(5) end) end,
    "whenever(...):last: expected a function, got the number 5" },
  { "react without a body", function() react() end, "react: expected a function" },
  { "supply of a value", function() supply(5) end, "supply: expected a function, got the number 5" },
  { "emit to one's own handler", function()
    local emitter
    local source = Supply.on_demand(function(own)
      emitter = own
      own:emit(1)
    end)
    react(function() whenever(source, function() emitter:emit(2) end) end)
  end, "emit would wait for the handler it is called from", "emit with a Supplier, which queues" },
  { "emit that waits for its own block", function()
    local supplier = Supplier.new { buffer = 1, policy = "wait" }
    react(function()
      whenever(kept(), function() for i = 1, 3 do supplier:emit(i) end end)
      whenever(supplier, print)
    end)
  end, "emit would wait for room in the block it is called from", "larger buffer or another policy" },
  -- promises
  { "keeping twice", function() kept():keep(2) end,
    "cannot keep this promise: it is already kept", "look at its status() first" },
  { "breaking what is broken", function()
    local p = Promise.broken "x"
    p:observe()
    p:fail "y"
  end, "cannot fail this promise: it is already broken", "status() first" },
  { "keeping through a vow twice", function()
    local vow = Promise.new():vow()
    vow:keep()
    vow:keep()
  end, "cannot keep this promise: it is already kept" },
  { "keeping what is vowed", function()
    local p = Promise.new()
    p:vow()
    p:keep()
  end, "only the holder of its vow may settle it" },
  { "taking a vow twice", function()
    local p = Promise.new()
    p:vow()
    p:vow()
  end, "cannot take the vow of this promise: it was already taken", "pass on the one there is" },
  { "keeping what start made", function() cro.start(function() end):keep() end,
    "cannot keep this promise: only the holder of its vow may settle it", "make one of your own with Promise.new" },
  { "taking the vow of what after made", function() Promise.after(0):vow() end,
    "cannot take the vow of this promise", "make one of your own with Promise.new" },
  { "the cause of a kept one", function() kept():cause() end,
    "a promise has a cause only when it is broken; this one is kept" },
  { "the cause of a planned one", function() Promise.new():cause() end, "this one is planned" },
  { "starting nothing", function() cro.start() end, "start: expected a function" },
  { "and_then of nothing", function() kept():and_then() end, "and_then: expected a function" },
  { "any_of promises instead of a list", function() Promise.any_of(kept(), kept()) end,
    "Promise.any_of: expected a list of promises; write Promise.any_of { p, q }" },
  { "all_of what is no promise", function() Promise.all_of { kept(), 5 } end,
    "Promise.all_of combines promises only: element 2 is the number 5" },
  { "await of nothing", function() cro.await() end,
    "await: expected a promise, a supply, a channel or a list of them, got nothing" },
  { "await of an empty list", function() cro.await {} end, "await: there is nothing to wait for in an empty list" },
  { "await of a list with a number", function() cro.await { kept(), 5 } end, "await: element 2: expected", "number 5" },
  -- times
  { "a negative limit", function() Promise.new():timeout(-1) end,
    "timeout: argument 1: expected a number of seconds, 0 or more, got -1" },
  { "NaN seconds", function() Promise.after(NAN) end, "Promise.after: argument 1: expected a number of seconds, got NaN" },
  { "sleeping NaN", function() cro.sleep(NAN) end, "sleep: argument 1: expected a number of seconds, got NaN" },
  { "a negative interval", function() Supply.interval(-1) end, "Supply.interval: argument 1: expected seconds, 0 or more" },
  { "a negative delay", function() Supplier.new():supply():delayed(-1) end, "delayed: argument 1: expected seconds, 0 or more" },
  { "stable for less than nothing", function() Supplier.new():supply():stable(-1) end, "stable: argument 1: expected seconds" },
  -- supplies
  { "merge of what is no supply", function() Supply.merge(Supplier.new():supply(), 5) end,
    "merge combines supplies only: argument 2 is the number 5", "Supply.from_list makes one of a list" },
  { "tap of a number", function() Supplier.new():supply():tap(5) end, "tap: expected a table of options, got the number 5" },
  { "a misspelt callback", function() Supplier.new():supply():tap { vlaue = print } end,
    'tap: unknown option "vlaue"; did you mean "value"?' },
  { "an unknown policy", function() Supplier.new { policy = "x" } end,
    'Supplier.new: option "policy": expected one of "error", "wait"' },
  { "tapping a Supplier itself", function() Supplier.new():tap(print) end,
    "a Supplier has no tap", "supplier:supply():tap(...)" },
  { "emitting with a supply", function() Supplier.new():supply():emit(1) end,
    "a supply has no emit", "emit with a Supplier and tap its supply()" },
  -- channels, locks
  { "send on a closed channel", function() closed():send(1) end, "cannot send a message on a closed channel" },
  { "offer on a closed channel", function() closed():offer(1) end, "cannot send a message on a closed channel" },
  { "receive from a closed channel", function() closed():receive() end, "cannot receive a message on a closed channel" },
  { "a channel of a number", function() Channel.new(5) end, "Channel.new: expected a table of options, got the number 5" },
  { "unlocking what is not held", function() Lock.new():unlock() end,
    "unlock: the lock is not held", "use protect(fn)" },
  { "protecting nothing", function() Lock.new():protect() end, "protect: argument 1: expected callable, got nothing" },
  { "a lock within itself", function()
    local lock = Lock.new()
    lock:protect(function() lock:protect(print) end)
  end, "this fiber holds the lock already", "protect_or_queue_on_recursion" },
  { "a semaphore of less than nothing", function() Semaphore.new(-1) end,
    "Semaphore.new: argument 1: expected a number of permits, 0 or more, got the number -1" },
  { "releasing beyond max", function() Semaphore.new(1, { max = 1 }):release() end,
    "release: all 1 permits are there already", "with(fn)" },
  { "deferring nothing", function() cro.defer() end, "defer: expected a function" },
}

--- What is an error value, and so has no line in its message.
local WITHOUT_LINE = { ["last in a body"] = true }

local function check(row, message)
  local from = 1
  for i = 3, #row do
    local _, last = message:find(row[i], from, true)
    assert(last, ("%q does not say %q"):format(message, row[i]))
    from = last + 1
  end
end

describe("a mistake says what is wrong and what to do:", function()
  for _, row in ipairs(rows) do
    it(row[1], function()
      local raised
      world.run(function() raised = select(2, pcall(row[2])) end)
      check(row, tostring(raised))
      if type(raised) == "string" then
        assert.matches("misuse_spec.lua:%d+: ", raised)
      else
        local text = type(raised.message) == "string" and raised.message or ""
        local placed = text:find "misuse_spec.lua:%d+: " or raised.kind == "closed" or WITHOUT_LINE[row[1]]
        assert(placed, text)
      end
    end)
  end

  for name, fn in pairs {
    await = function() cro.await(Promise.new()) end,
    sleep = function() cro.sleep(1) end,
    react = function() react(print) end,
    receive = function() Channel.new():receive() end,
    protect = function()
      local lock = Lock.new()
      lock:try_lock()
      lock:protect(print)
    end,
  } do
    it(name .. " outside of any fiber", function()
      check({ 0, 0, name .. " outside of a fiber", "run the script with crolua", "cro.run(function() ... end)" },
        select(2, pcall(fn)))
    end)
  end
end)
