local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local react, whenever, supply, emit, sleep = cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

describe("R4: emit along a chain", function()
  it("calls the consumer directly and returns when the value is handled", world.inside(function()
    local log, note = world.log()
    supply(function()
      note "before"
      emit(1)
      note "after"
    end):tap(function(v)
      sleep(1)
      note("handled " .. v)
    end)
    sleep(2)
    assert.same({ "before", "handled 1", "after" }, log)
  end))

  it("waits in the consumer's queue while it is busy", world.inside(function()
    local log, note = world.log()
    local function source(name, delay)
      return supply(function()
        sleep(delay)
        emit(name)
        note(name .. " emitted at " .. cro.now())
      end)
    end
    react(function()
      whenever(source("a", 1), function() sleep(10) end)
      whenever(source("b", 2), function() sleep(10) end)
      whenever(source("c", 3), function() sleep(10) end)
    end)
    assert.same({ "a emitted at 11", "b emitted at 21", "c emitted at 31" }, log)
  end))

  it("does not make the emitter wait for what queued behind its value", world.inside(function()
    local returned_at
    react(function()
      whenever(supply(function()
        sleep(1)
        emit "first"
        returned_at = cro.now()
      end), function() sleep(1) end)
      whenever(supply(function()
        sleep(1.5)
        emit "second"
      end), function() sleep(50) end)
    end)
    assert.equal(2, returned_at)
  end))

  it("is an error when it would wait for the handler it is called from", world.inside(function()
    local outer, message
    local upstream = supply(function(b)
      outer = b
      emit(1)
    end)
    react(function()
      whenever(upstream, function()
        local ok, err = pcall(outer.emit, 2)
        message = not ok and tostring(err)
      end)
    end)
    assert.matches("emit would wait for the handler it is called from", message, 1, true)
  end))

  it("sees that through a react which the handler waits in", world.inside(function()
    local outer, message
    local upstream = supply(function(b)
      outer = b
      emit(1)
    end)
    react(function()
      whenever(upstream, function()
        react(function()
          whenever(Supply.interval(1):head(1), function()
            local ok, err = pcall(outer.emit, 2)
            message = not ok and tostring(err)
          end)
        end)
      end)
    end)
    assert.matches("emit would wait for the handler it is called from", message, 1, true)
  end))

  it("keeps the order of each source for any mix of speeds", function()
    local plan = property.list(property.record {
      gap = property.integer(0, 4),
      wait = property.integer(0, 4),
    }, 5)
    property.check(plan, function(sources)
      world.run(function()
        local last, total = {}, 0
        react(function()
          for i, one in ipairs(sources) do
            last[i] = 0
            whenever(supply(function()
              for value = 1, 4 do
                if one.gap > 0 then sleep(one.gap / 10) end
                emit(value)
                assert(last[i] == value, "emit returned before its value was handled")
              end
            end), function(value)
              if one.wait > 0 then sleep(one.wait / 10) end
              assert(value == last[i] + 1, "out of order")
              last[i] = value
              total = total + 1
            end)
          end
        end)
        assert(total == 4 * #sources, "values were lost")
      end)
    end)
  end)
end)

describe("R5: a value that crosses", function()
  it("is never handled inside emit", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    react(function()
      whenever(supplier, function(v)
        note("handled " .. v)
        if v == 2 then cro.done() end
      end)
      supplier:emit(1)
      supplier:emit(2)
      note "emitted"
    end)
    assert.same({ "emitted", "handled 1", "handled 2" }, log)
  end))

  it("is handled only after the running fiber waits or ends, even from outside the block", world.inside(function()
    local log, note = world.log()
    local supplier = Supplier.new()
    cro.start(function()
      react(function() whenever(supplier, note) end)
    end)
    sleep(0)
    supplier:emit "a"
    note "still here"
    sleep(0)
    note "waited"
    supplier:done()
    assert.same({ "still here", "a", "waited" }, log)
  end))

  it("has its operators applied in the owner's turn, not in emit", world.inside(function()
    local supplier, mapped = Supplier.new(), 0
    react(function()
      whenever(supplier:supply():map(function(v)
        mapped = mapped + 1
        return v
      end), cro.done)
      supplier:emit(1)
      assert.equal(0, mapped)
    end)
    assert.equal(1, mapped)
  end))

  it("lets a block emit to the supplier it taps: the chat", world.inside(function()
    local chat, heard = Supplier.new(), {}
    local function client(name, words)
      return cro.start(function()
        react(function()
          whenever(chat, function(message)
            heard[#heard + 1] = name .. ":" .. message
            if #heard == 8 then chat:done() end
          end)
          whenever(Supply.from_list(words), function(word)
            sleep(1)
            chat:emit(word)
          end)
        end)
      end)
    end
    local a, b = client("a", { "one", "two" }), client("b", { "three", "four" })
    cro.await { a, b }
    table.sort(heard)
    assert.same({ "a:four", "a:one", "a:three", "a:two", "b:four", "b:one", "b:three", "b:two" }, heard)
  end))
end)

describe("R4, R11: an emit that waits for its turn", function()
  for how, stop in pairs {
    ["its source is closed"] = function(handle) handle:close() end,
    ["its source is ended by last()"] = function() cro.last() end,
    ["its block is done"] = function() cro.done() end,
    ["its block fails"] = function() error { kind = "own" } end,
  } do
    it("is stopped, not told that its value was handled, when " .. how, world.inside(function()
      local emitter, handled = nil, {}
      local source = Supply.on_demand(function(own) emitter = own end)
      local block = cro.start(react, function()
        local handle
        handle = whenever(source, function(value)
          handled[#handled + 1] = value
          sleep(1)
          stop(handle)
        end)
        whenever(cro.Promise.after(5), function() end)
      end)
      sleep(0)
      local first = cro.start(function() emitter:emit(1) end)
      sleep(0)
      local raised
      cro.start(function() raised = select(2, pcall(emitter.emit, emitter, 2)) end)
      cro.pawait(first)
      cro.pawait(block)
      assert.same({ 1 }, handled)
      assert.equal("stop", raised.kind)
    end))
  end

  it("is stopped at once when its source closes, however long the block is busy still", world.inside(function()
    local log, note = world.log()
    local emitter, handle
    react(function()
      handle = whenever(Supply.on_demand(function(own) emitter = own end), note)
      local begun = cro.now()
      whenever(Supply.from_list { 1 }, function()
        for n = 1, 3 do
          cro.start(function()
            local _, err = pcall(emitter.emit, emitter, n)
            note(("%d %s after %g"):format(n, err.kind, cro.now() - begun))
          end)
        end
        sleep(1)
        handle:close()
        sleep(60)
      end)
    end)
    assert.same({ "1 stop after 1", "2 stop after 1", "3 stop after 1" }, log)
  end))

  it("may be given up, in any order, without harm to the others", world.inside(function()
    local log, note = world.log()
    local emitter
    react(function()
      whenever(Supply.on_demand(function(own) emitter = own end), note)
      whenever(Supply.from_list { 1 }, function()
        local jobs = {}
        for n = 1, 5 do
          jobs[n] = cro.start(function() emitter:emit(n) end)
        end
        sleep(1)
        for _, n in ipairs { 3, 1, 5 } do
          jobs[n]:cancel()
        end
      end)
      whenever(cro.Promise.after(2), cro.done)
    end)
    assert.same({ "2", "4" }, log)
  end))
end)

describe("R6: whenever taps at once", function()
  it("queues what the source brings until the running handler returns", world.inside(function()
    local log, note = world.log()
    react(function()
      local w = whenever(Supply.from_list { 1, 2 }, note)
      note "not yet"
      w:last(function() note "last" end)
    end)
    assert.same({ "not yet", "1", "2", "last" }, log)
  end))

  it("is never too late to set quit", world.inside(function()
    local caught
    react(function()
      whenever(supply(function() error "early" end), function() end)
        :quit(function(err) caught = tostring(err) end)
    end)
    assert.matches("early", caught, 1, true)
  end))

  it("is never too late to close", world.inside(function()
    local seen = 0
    react(function()
      whenever(Supply.from_list { 1, 2 }, function() seen = seen + 1 end):close()
    end)
    assert.equal(0, seen)
  end))
end)
