local cro = require "cro.reactive"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Promise = cro.Supply, cro.Promise

local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

describe("R15: the ambient names", function()
  it("mean the innermost block, also after a wait", world.inside(function()
    local outer, inner = {}, {}
    supply(function()
      emit "outer 1"
      local nested = supply(function()
        emit "inner 1"
        sleep(1)
        emit "inner 2"
      end)
      nested:tap(function(v) inner[#inner + 1] = v end)
      sleep(2)
      emit "outer 2"
    end):tap(function(v) outer[#outer + 1] = v end)
    sleep(3)
    assert.same({ "outer 1", "outer 2" }, outer)
    assert.same({ "inner 1", "inner 2" }, inner)
  end))

  it("are found by a function passed as it is", world.inside(function()
    local s = supply(function() whenever(Supply.from_list { 1, 2 }, emit) end)
    assert.same({ 1, 2, n = 2 }, cro.await(s:list()))
  end))

  it("mean no block in a fiber made by start, nor in a promise callback", world.inside(function()
    local messages = {}
    react(function()
      cro.await(cro.start(function() messages[1] = message_of(whenever, Supply.from_list {}, print) end))
      local p = Promise.new()
      local q = p:and_then(function() messages[2] = message_of(cro.done) end)
      p:keep()
      cro.await(q)
    end)
    assert.matches("whenever outside of a react or supply block", messages[1], 1, true)
    assert.matches("done outside of a react or supply block", messages[2], 1, true)
  end))

  it("are an error outside of any block, at the caller's line", world.inside(function()
    for word, use in pairs {
      whenever = function() whenever(Supply.from_list {}, print) end,
      emit = function() emit(1) end,
      done = function() cro.done() end,
    } do
      local message = message_of(use)
      assert.matches("^[^:]*r15_ambient_spec.lua:%d+: " .. word .. " outside of a", message)
    end
  end))

  it("make emit in a react an error that says why", world.inside(function()
    assert.matches("emit in a react block", message_of(react, function() emit(1) end), 1, true)
    assert.matches("emit in a react block", message_of(react, function(b) b.emit(1) end), 1, true)
  end))

  it("are given explicitly as the block's argument", world.inside(function()
    local closed = false
    local s = supply(function(b)
      b.closing(function() closed = true end)
      b.whenever(Supply.from_list { 1, 2, 3 }, function(v)
        b.emit(v * 10)
        if v == 2 then b.done() end
      end)
    end)
    assert.same({ 10, 20, n = 2 }, cro.await(s:list()))
    assert.is_true(closed)
  end))

  it("let an inner react emit to the outer block whose handler waits for it", world.inside(function()
    local s = supply(function(b)
      react(function()
        whenever(Supply.interval(1):head(2), function(v) b.emit(v) end)
      end)
      emit "after"
    end)
    assert.same({ 0, 1, "after", n = 3 }, cro.await(s:list()))
  end))

  it("let an inner react end the outer block", world.inside(function()
    local log, note = world.log()
    local s = supply(function(b)
      react(function()
        cro.closing(function() note "inner closed" end)
        whenever(Supply.interval(1), function(v)
          note(v)
          if v == 1 then b.done() end
        end)
      end)
      note "not reached"
    end)
    s:tap { done = function() note "done" end }
    sleep(5)
    assert.same({ "0", "1", "inner closed", "done" }, log)
    assert.equal(0, world.timers())
  end))

  it("refuse the argument's functions anywhere else", world.inside(function()
    local block
    local tap = supply(function(b)
      block = b
      whenever(Supply.interval(1), function() end)
    end):tap()
    for _, word in ipairs { "emit", "done", "closing" } do
      assert.matches(word .. " of a block outside of its handlers", message_of(block[word], print), 1, true)
    end
    assert.matches("whenever of a block outside", message_of(block.whenever, Supply.from_list {}, print), 1, true)
    tap:close()
  end))

  it("let a consumer's handler end the block upstream through its argument", world.inside(function()
    local upstream
    local seen = {}
    local s = supply(function(b)
      upstream = b
      for i = 1, 10 do
        emit(i)
      end
    end)
    react(function()
      whenever(s, function(v)
        seen[#seen + 1] = v
        if v == 3 then upstream.done() end
      end)
    end)
    assert.same({ 1, 2, 3 }, seen)
  end))

  it("refuse a source that is none, and a handler that is none", world.inside(function()
    react(function()
      assert.matches("expected a supply, a promise or anything with a supply method, got the number 5",
        message_of(whenever, 5, print), 1, true)
      assert.matches("whenever: expected a handler function, got nothing",
        message_of(whenever, Supply.from_list {}), 1, true)
    end)
    assert.matches("react: expected a function", message_of(react, 1), 1, true)
    assert.matches("supply: expected a function", message_of(supply, {}), 1, true)
  end))
end)
