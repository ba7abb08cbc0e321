local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

local function noted(source, note, name) return source:on_close(function() note("close " .. name) end) end

describe("R13: closing", function()
  it("closes sources, the last opened first, then runs close callbacks, then tells downstream", world.inside(function()
    local log, note = world.log()
    local s = supply(function()
      cro.closing(function() note "callback 1" end)
      whenever(noted(Supply.interval(1), note, "a"), emit)
      cro.closing(function() note "callback 2" end)
      whenever(noted(Supply.interval(1), note, "b"), function() cro.done() end)
    end)
    s:tap { done = function() note "downstream done" end }
    sleep(2)
    assert.same({ "close b", "close a", "callback 2", "callback 1", "downstream done" }, log)
  end))

  it("waits until the running handler has left and the sources have ended", world.inside(function()
    local log, note = world.log()
    local slow = supply(function()
      cro.closing(function()
        sleep(2)
        note("source ended at " .. cro.now())
      end)
      whenever(Supply.interval(1), emit)
    end)
    react(function()
      whenever(slow, function() end)
      cro.closing(function() note("callback at " .. cro.now()) end)
      whenever(cro.Promise.after(1.5), function() cro.done() end)
    end)
    note("react returned at " .. cro.now())
    assert.same({ "source ended at 3.5", "callback at 3.5", "react returned at 3.5" }, log)
  end))

  it("starts no handler once it has begun, and drops what is queued", world.inside(function()
    local seen = {}
    local supplier = Supplier.new()
    react(function()
      whenever(supplier, function(v)
        seen[#seen + 1] = v
        if v == 2 then cro.done() end
      end)
      for i = 1, 5 do
        supplier:emit(i)
      end
    end)
    assert.same({ 1, 2 }, seen)
  end))

  it("stops the emitters that wait in the queue", world.inside(function()
    local stopped = 0
    local function source()
      return supply(function()
        sleep(1)
        local ok, err = pcall(emit, 1)
        if not ok and err.kind == "stop" then stopped = stopped + 1 end
        error(err, 0)
      end)
    end
    react(function()
      whenever(source(), function()
        sleep(1)
        cro.done()
      end)
      whenever(source(), function() end)
      whenever(source(), function() end)
    end)
    assert.equal(2, stopped)
  end))

  it("runs close callbacks that wait, outside of the block and not cancelled", world.inside(function()
    local log, note = world.log()
    local job = cro.start(function()
      react(function()
        cro.closing(function()
          sleep(1)
          local ok, err = pcall(emit, 1)
          note(tostring(ok) .. " " .. err)
        end)
        whenever(Supply.interval(1), function() end)
      end)
    end)
    sleep(0.5)
    job:cancel()
    cro.pawait(job:settled(function() end))
    assert.equal(1, #log)
    assert.matches("emit outside of a supply block", log[1], 1, true)
    assert.equal(1.5, cro.now())
  end))

  it("returns at once from close, also inside a handler, whose code goes on", world.inside(function()
    local log, note = world.log()
    local tap
    tap = supply(function()
      cro.closing(function() note "closed" end)
      emit(1)
    end):tap { tap = function(own) tap = own end, value = function()
      tap:close()
      note "goes on"
    end }
    assert.same({ "goes on", "closed" }, log)
  end))

  it("closes inner taps through any number of blocks", world.inside(function()
    local log, note = world.log()
    local function wrap(source, depth)
      if depth == 0 then return source end
      return wrap(supply(function()
        cro.closing(function() note(depth) end)
        whenever(source, emit)
      end), depth - 1)
    end
    local tap = wrap(noted(Supply.interval(1), note, "source"), 3):tap()
    sleep(2.5)
    tap:close()
    assert.same({ "close source", "3", "2", "1" }, log)
    assert.equal(0, world.timers())
  end))

  it("calls the closer of an outside source exactly once, however the tap ends", world.inside(function()
    local sink, opened, closed
    local source = Supply.from_source {
      name = "outside",
      open = function(own)
        sink, opened = own, opened + 1
        return function() closed = closed + 1 end
      end,
    }
    local ways = {
      function(tap) tap:close() end,
      function() sink:done() end,
      function() sink:quit "gone" end,
      function(tap)
        sink:done()
        tap:close()
        sink:quit "late"
      end,
    }
    for _, way in ipairs(ways) do
      opened, closed = 0, 0
      local tap = source:tap { quit = function() end }
      way(tap)
      tap:close()
      assert.same({ 1, 1 }, { opened, closed })
    end
  end))

  local plan = property.record {
    depth = property.integer(1, 4),
    sources = property.list(property.one_of { "interval", "list", "slow", "supplier", "promise" }, 4),
    how = property.one_of { "close", "done", "fail", "cancel", "natural" },
    at = property.integer(0, 30),
  }

  local function open_source(kind, supplier)
    if kind == "interval" then return Supply.interval(0.7):head(5) end
    if kind == "list" then return Supply.from_list { 1, 2, 3 } end
    if kind == "supplier" then return supplier:supply() end
    if kind == "promise" then return cro.Promise.after(2):supply() end
    return supply(function()
      for i = 1, 3 do
        sleep(0.9)
        emit(i)
      end
    end)
  end

  it("runs every close callback exactly once and delivers nothing after the end", function()
    property.check(plan, function(p)
      world.run(function()
        local opened, closed, ends, late = 0, 0, 0, 0
        local supplier = Supplier.new()
        local function counted(source)
          return supply(function()
            opened = opened + 1
            cro.closing(function() closed = closed + 1 end)
            whenever(source, function(v)
              sleep(0.1)
              emit(v)
            end)
          end)
        end
        local kill = cro.Promise.new()
        local chain = supply(function()
          opened = opened + 1
          cro.closing(function() closed = closed + 1 end)
          for _, kind in ipairs(p.sources) do
            whenever(counted(open_source(kind, supplier)), emit)
          end
          whenever(kill, function()
            if p.how == "done" then cro.done() end
            if p.how == "fail" then error { kind = "own" } end
          end)
        end)
        for _ = 2, p.depth do
          chain = counted(chain)
        end
        local function over() ends = ends + 1 end
        local tap = chain:tap { value = function() if ends > 0 then late = late + 1 end end, done = over, quit = over }
        cro.start(function()
          sleep(p.at / 10)
          supplier:emit(1)
          if p.how == "close" or p.how == "cancel" then tap:close() end
          kill:keep()
          supplier:done()
        end)
        sleep(100)
        tap:close()
        sleep(1)
        assert(late == 0, "a value came after the end")
        assert(ends <= 1, "the end came twice")
        assert(p.how == "close" or p.how == "cancel" or ends == 1, "the end never came")
        assert(opened == closed, ("%d opened, %d closed"):format(opened, closed))
        assert(world.timers() == 0, "a timer was left behind")
      end)
    end)
  end)
end)
