--- Methods called with a dot, constructors called with a colon.
local cro = require "cro.reactive"
local clock = require "cro.clock"
local world = require "spec.support.world"
local Channel = require "cro.channel"
local Lock = require "cro.lock"
local Semaphore = require "cro.semaphore"
local receiver = require "cro.receiver"

local Promise, Supplier, Supply = cro.Promise, cro.Supplier, cro.Supply

local function emitter()
  local own
  Supply.on_demand(function(e) own = e end):tap()
  return own
end

local function handle()
  local own
  cro.react(function() own = cro.whenever(Promise.kept(), print) own:close() end)
  return own
end

local rows = {
  { "promise", Promise.new, { "keep", "fail", "await", "result", "status", "cause", "cancel", "and_then", "or_else",
    "settled", "timeout", "vow", "supply" } },
  { "vow", function() return Promise.new():vow() end, { "keep", "fail" } },
  { "supplier", Supplier.new, { "emit", "done", "quit", "supply" } },
  { "supply", function() return Supplier.new():supply() end, { "tap", "with", "live", "promise", "list", "await",
    "each", "channel", "map", "head", "act", "share" } },
  { "emitter", emitter, { "emit", "done", "quit" } },
  { "sink", function()
    local own
    Supply.from_source({ open = function(sink) own = sink end }):tap()
    return own
  end, { "value", "done", "quit" } },
  { "tap", function() return Supplier.new():supply():tap() end, { "close" } },
  { "whenever(...)", handle, { "last", "quit", "close" } },
  { "channel", Channel.new, { "send", "offer", "receive", "poll", "each", "close", "fail", "closed", "count", "capacity",
    "promise", "supply", "list" } },
  { "lock", Lock.new, { "is_held", "lock", "try_lock", "unlock", "protect", "protect_or_queue_on_recursion" } },
  { "semaphore", function() return Semaphore.new(1) end, { "acquire", "try_acquire", "release", "with", "available" } },
  { "timer", function() return clock.timer(1, print) end, { "close", "cancel" } },
}

describe("a method called with a dot", function()
  for _, row in ipairs(rows) do
    local noun, make, methods = unpack(row)
    for _, name in ipairs(methods) do
      it(("says so: %s of a %s"):format(name, noun), world.inside(function()
        local object = make()
        for _ = 1, 2 do -- some are loaded by the first call
          for shown, value in pairs { ["nothing"] = false, ["the number 1"] = 1, ["a function"] = print } do
            local line = debug.getinfo(1, "l").currentline + 1
            local ok, err = pcall(function() object[name](value or nil) end)
            assert.is_false(ok)
            assert.matches(("spec/receiver_spec.lua:%d: "):format(line), err, 1, true)
            assert.matches((" is called on %s; write %s:"):format(shown, noun), err, 1, true)
            assert.matches("with a colon", err, 1, true)
          end
        end
      end))
    end
  end

  it("is not mistaken for one with a colon that does its work", world.inside(function()
    local supplier, seen = Supplier.new(), {}
    local tap = supplier:supply():tap(function(value) seen[#seen + 1] = value end)
    supplier:emit(1)
    tap:close()
    supplier:emit(2)
    assert.same({ 1 }, seen)
    assert.equal("planned", Promise.new():status())
  end))
end)

describe("a constructor called with a colon", function()
  for name, fn in pairs {
    ["Promise.after"] = function() return Promise:after(1) end,
    ["Promise.at"] = function() return Promise:at(1) end,
    ["Supplier.new"] = function() return Supplier:new() end,
    ["Supplier.preserving"] = function() return Supplier:preserving() end,
    ["Channel.new"] = function() return Channel:new() end,
    ["Supply.from_iterator"] = function() return Supply:from_iterator(print) end,
    ["Supply.on_demand"] = function() return Supply:on_demand(print) end,
    ["Supply.from_list"] = function() return Supply:from_list { 1 } end,
    ["Promise.any_of"] = function() return Promise:any_of {} end,
    ["Promise.all_of"] = function() return Promise:all_of { Promise.new() } end,
  } do
    it("says so: " .. name, function()
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.matches("spec/receiver_spec.lua:%d+: ", err)
      assert.matches(name == "Supplier.preserving" and "Supplier" or name, err, 1, true)
      assert.is_true(err:find("called with a colon", 1, true) ~= nil or err:find("with a dot", 1, true) ~= nil)
    end)
  end

  it("says what class it was given", function()
    local _, err = pcall(function() Semaphore:new(1) end)
    assert.matches("got the class Semaphore", err, 1, true)
    _, err = pcall(function() Supply:merge(Supply.from_list {}) end)
    assert.matches("argument 1 is the class Supply", err, 1, true)
    _, err = pcall(function() cro.start(Promise) end)
    assert.matches("got the class Promise", err, 1, true)
    world.run(function()
      _, err = pcall(cro.await, Promise)
      assert.matches("await is called on the class Promise", err, 1, true)
    end)
  end)
end)

local function refused(text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

describe("a method of a class that checks all of them, called with a dot", function()
  local Door, door = {}, nil
  Door.__index = Door
  function Door:open(...) return self, select("#", ...), ... end
  function Door.make() return setmetatable({}, Door) end
  function Door:__tostring() return "door" .. #self end
  receiver.guard_all(Door, "door", { make = true })

  before_each(function() door = Door.make() end)

  it("is refused, and the message says how to write it", function()
    refused("open is called on nothing; write door:open(...), with a colon", function() door.open() end)
    refused('open is called on the string "x"; write door:open(...), with a colon',
      function() door.open "x" end)
    refused("open is called on a table", function() door.open {} end)
  end)

  it("is what it was when it is called with a colon, with every argument", function()
    local self, count, one, two = door:open(nil, 2)
    assert.equal(door, self)
    assert.same({ 2, nil, 2 }, { count, one, two })
    assert.equal(0, select(2, door:open()))
    assert.equal("door0", tostring(door))
  end)

  it("may be borrowed by what inherits it", function()
    local gate = setmetatable({}, { __index = Door })
    assert.equal(gate, (gate:open()))
  end)
end)

describe("a function of a module called with a colon", function()
  local shop = receiver.plain({ buy = function(...) return select("#", ...), ... end, open = true }, "cro.shop")

  it("is refused, and the message says how to write it", function()
    refused("cro.shop.buy is called on cro.shop itself; write cro.shop.buy(...), with a dot", function() shop:buy(5) end)
  end)

  it("is what it was when it is called with a dot, with every argument", function()
    assert.equal(0, (shop.buy()))
    assert.same({ 2, nil, nil }, { shop.buy(nil, nil) })
    assert.is_true(shop.open)
  end)
end)
