local cro = require "cro.reactive"
local world = require "spec.support.world"

local react, whenever, supply, emit, sleep, done =
  cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep, cro.done
local Supply, Promise = cro.Supply, cro.Promise

describe("R10: done, last and the natural end", function()
  it("done does not return, wherever it stands", world.inside(function()
    local after = false
    react(function()
      done()
      after = true
    end)
    react(function()
      whenever(Supply.from_list { 1 }, function()
        done()
        after = true
      end)
    end)
    react(function()
      whenever(Supply.from_list {}, function() end):last(function()
        done()
        after = true
      end)
    end)
    react(function()
      ("x"):gsub("x", function() done() end)
      after = true
    end)
    assert.is_false(after)
  end))

  it("done ends the innermost block only", world.inside(function()
    local log, note = world.log()
    react(function()
      react(function() done() end)
      note "outer goes on"
    end)
    assert.same({ "outer goes on" }, log)
  end))

  it("done of a supply block lets its consumer finish what it has", world.inside(function()
    local log, note = world.log()
    local s = supply(function()
      whenever(Supply.from_list { 1, 2, 3 }, function(v)
        emit(v)
        if v == 2 then done() end
      end)
    end)
    s:tap { value = note, done = function() note "done" end }
    sleep(1)
    assert.same({ "1", "2", "done" }, log)
  end))

  it("done unwinds through user pcalls, which may clean up and rethrow", world.inside(function()
    local log, note = world.log()
    react(function()
      local ok, err = pcall(done)
      note(tostring(ok) .. " " .. err.kind)
      error(err, 0)
    end)
    assert.same({ "false stop" }, log)
  end))

  it("done called in a coroutine of the script ends the block all the same", world.inside(function()
    local after = false
    react(function()
      coroutine.wrap(function() done() end)()
      after = true
    end)
    assert.is_false(after)
  end))

  it("last ends the source of the running handler and runs its last", world.inside(function()
    local log, note = world.log()
    react(function()
      whenever(Supply.interval(1), function(v)
        if v == 2 then cro.last() end
        note(v)
      end):last(function() note "last" end)
      whenever(Supply.interval(1, 0.5):head(4), function(v) note("other " .. v) end)
    end)
    assert.same({ "0", "other 0", "1", "other 1", "last", "other 2", "other 3" }, log)
    assert.equal(0, world.timers())
  end))

  it("last outside of a handler is a mistake that says so", world.inside(function()
    local ok, err = pcall(react, function() cro.last() end)
    assert.is_false(ok)
    assert.matches("last() outside of a whenever handler", tostring(err), 1, true)
  end))

  it("a block without open source and running body is done", world.inside(function()
    react(function() end)
    local s = supply(function() end)
    assert.same({ n = 0 }, cro.await(s:list()))
    react(function()
      whenever(Promise.after(1), function() end)
      whenever(Supply.interval(1):head(2), function() end)
    end)
    assert.equal(1, cro.now())
  end))

  it("closing the last handle counts", world.inside(function()
    react(function()
      local w = whenever(Supply.interval(1), function() end)
      whenever(Promise.after(3.5), function() w:close() end)
    end)
    assert.equal(3.5, cro.now())
  end))

  it("close of a handle stops the source without its last", world.inside(function()
    local log, note = world.log()
    react(function()
      local w = whenever(Supply.interval(1), note):last(function() note "last" end)
      whenever(Promise.after(1.5), function()
        w:close()
        w:close()
      end)
    end)
    assert.same({ "0", "1" }, log)
  end))

  it("keeps a block open while its last opens another source", world.inside(function()
    local seen = {}
    react(function()
      whenever(Supply.from_list { 1 }, function(v) seen[#seen + 1] = v end):last(function()
        whenever(Supply.from_list { 2 }, function(v) seen[#seen + 1] = v end)
      end)
    end)
    assert.same({ 1, 2 }, seen)
  end))

  it("a whenever may be nested, and in a function that a handler calls", world.inside(function()
    local seen = {}
    local function open(v)
      whenever(Supply.from_list { v, v }, function(w) seen[#seen + 1] = w end)
    end
    react(function() whenever(Supply.from_list { 1, 2 }, open) end)
    table.sort(seen)
    assert.same({ 1, 1, 2, 2 }, seen)
  end))
end)

describe("R11: the stop", function()
  it("is raised by the current wait of a handler whose block ends", world.inside(function()
    local log, note = world.log()
    local stop = Promise.new()
    cro.start(function()
      sleep(1)
      stop:keep()
    end)
    local tap = supply(function()
      local ok, err = pcall(sleep, 100)
      note(tostring(ok) .. " " .. err.kind .. " at " .. cro.now())
      error(err, 0)
    end):tap()
    cro.await(stop)
    tap:close()
    sleep(1)
    assert.same({ "false stop at 1" }, log)
    assert.equal(0, world.timers())
  end))

  it("is raised by every later wait, emit, whenever, closing and done", world.inside(function()
    local kinds = {}
    local tap = supply(function()
      pcall(sleep, 100)
      for _, use in ipairs {
        function() sleep(1) end,
        function() cro.await(Promise.kept(1)) end,
        function() emit(1) end,
        function() whenever(Supply.from_list {}, print) end,
        function() cro.closing(print) end,
        done,
        function() react(function() end) end,
      } do
        local _, err = pcall(use)
        kinds[#kinds + 1] = err.kind
      end
    end):tap()
    sleep(1)
    tap:close()
    sleep(1)
    assert.same({ "stop", "stop", "stop", "stop", "stop", "stop", "stop" }, kinds)
  end))

  it("is raised by an emit to a consumer that has ended", world.inside(function()
    local log, note = world.log()
    local s = supply(function()
      for i = 1, math.huge do
        emit(i)
      end
    end)
    s:head(3):tap { value = note, done = function() note "done" end }
    assert.same({ "1", "2", "3", "done" }, log)
  end))

  it("ends a synchronous endless source when the consumer calls done", world.inside(function()
    local seen = 0
    local s = Supply.on_demand(function(emitter)
      while true do
        emitter:emit(1)
      end
    end)
    react(function()
      whenever(s, function()
        seen = seen + 1
        if seen == 5 then done() end
      end)
    end)
    assert.equal(5, seen)
  end))

  it("can only be delayed by code that swallows it", world.inside(function()
    local rounds = 0
    local s = supply(function()
      for _ = 1, 4 do
        pcall(sleep, 100)
        rounds = rounds + 1
      end
    end)
    local tap = s:tap()
    sleep(1)
    tap:close()
    sleep(1)
    assert.equal(4, rounds)
    assert.equal(2, cro.now())
  end))

  it("is never returned by pawait or cro.pcall", world.inside(function()
    local returned = 0
    local function try(wait)
      local tap = supply(function()
        wait()
        returned = returned + 1
      end):tap()
      sleep(1)
      tap:close()
      sleep(1)
    end
    try(function() cro.pawait(Promise.new()) end)
    try(function() cro.pcall(sleep, 100) end)
    assert.equal(0, returned)
  end))

  it("cro.pcall returns errors and results like pcall", world.inside(function()
    assert.same({ true, 1, nil, 3 }, { cro.pcall(function() return 1, nil, 3 end) })
    local ok, err = cro.pcall(error, { kind = "own" })
    assert.is_false(ok)
    assert.equal("own", err.kind)
  end))

  it("does not reach code of another block on the same fiber", world.inside(function()
    local finished = false
    react(function()
      local w
      w = whenever(supply(function() emit(1) end), function()
        w:close()
        sleep(1)
        finished = true
      end)
      whenever(Promise.after(5), function() end)
    end)
    assert.is_true(finished)
  end))

  it("ends a react that runs inside a stopped handler", world.inside(function()
    local log, note = world.log()
    local tap = supply(function()
      react(function()
        cro.closing(function() note "inner closed" end)
        whenever(Supply.interval(1), function() end)
      end)
      note "not reached"
    end):tap()
    sleep(1.5)
    tap:close()
    sleep(1)
    assert.same({ "inner closed" }, log)
    assert.equal(0, world.timers())
  end))

  it("ends a react whose body waits inside a stopped handler", world.inside(function()
    local log, note = world.log()
    local tap = supply(function()
      react(function()
        cro.closing(function() note "inner closed" end)
        sleep(1000)
      end)
      note "not reached"
    end):tap()
    sleep(1)
    tap:close()
    sleep(1)
    assert.same({ "inner closed" }, log)
    assert.equal(0, world.timers())
  end))
end)
