local cro = require "cro.reactive"
local world = require "spec.support.world"

local emit, sleep, supply = cro.emit, cro.sleep, cro.supply
local Supply, Supplier = cro.Supply, cro.Supplier

--- 1 to n, on demand, and how far it has come.
local function counting(n)
  local progress = { sent = 0 }
  return supply(function()
    for i = 1, n do
      emit(i)
      progress.sent = i
    end
  end), progress
end

describe("a loop over a supply", function()
  --- How many of `value` the source has sent when the loop has had one and waits.
  local function ahead(value, given)
    local sent = 0
    local source = supply(function()
      for _ = 1, 1000 do
        sent = sent + 1
        emit(value)
      end
    end)
    for _ in source:each(given) do
      sleep(1)
      return sent - 1
    end
  end

  it("takes 64 values ahead, and of strings no more than 256 KiB", world.inside(function()
    assert.equal(64 + 1, ahead(true))
    assert.equal(64 + 1, ahead "short")
    assert.equal(4 + 1, ahead(("x"):rep(65536)))
    assert.equal(1 + 1, ahead(("x"):rep(1024 * 1024)))
  end))

  it("takes as many ahead as it was told, however long they are", world.inside(function()
    assert.equal(1 + 1, ahead("short", { buffer = 1 }))
    assert.equal(10 + 1, ahead(("x"):rep(65536), { buffer = 10 }))
  end))
end)

describe("an operator that holds values", function()
  it("holds an on-demand source when it has as many as it may", world.inside(function()
    local rows = {
      { "delayed", function(s) return s:delayed(1, { buffer = 10 }) end },
      { "throttle", function(s) return s:throttle(1, 1, { buffer = 9 }) end },
      { "throttle by jobs", function(s) return s:throttle(1, function() sleep(1) end, { buffer = 9 }) end },
      { "zip", function(s) return s:zip(Supply.interval(1, 1), { buffer = 10 }) end },
      { "schedule_on", function(s)
        return s:schedule_on(function(fn)
          cro.start(function()
            sleep(1)
            fn()
          end)
        end, { buffer = 10 })
      end },
    }
    for _, row in ipairs(rows) do
      local source, progress = counting(100)
      local seen = 0
      local tap = row[2](source):tap(function() seen = seen + 1 end)
      sleep(0.5)
      assert.is_true(progress.sent >= 9 and progress.sent <= 10, row[1] .. " took " .. progress.sent)
      sleep(200)
      assert.equal(100, seen, row[1])
      assert.equal(100, progress.sent, row[1])
      tap:close()
      assert.equal(0, world.timers(), row[1])
    end
  end))

  it("lets a live source queue as its supplier says, and no further", world.inside(function()
    local rows = {
      { "delayed", function(s) return s:delayed(1, { buffer = 4 }) end },
      { "throttle", function(s) return s:throttle(1, 1, { buffer = 4 }) end },
      { "zip", function(s) return s:zip(Supply.interval(1, 1), { buffer = 4 }) end },
    }
    for _, row in ipairs(rows) do
      local supplier = Supplier.new { buffer = 8 }
      local seen, err = 0, nil
      row[2](supplier:supply()):tap { value = function() seen = seen + 1 end, quit = function(e) err = e end }
      for i = 1, 50 do
        supplier:emit(i)
      end
      sleep(100)
      assert.equal("slow_consumer", err and err.kind, row[1])
      assert.is_true(seen >= 8 and seen <= 14, row[1] .. " let " .. seen .. " through")
      assert.equal(0, world.timers())
    end
  end))

  it("is given room by a supplier that drops", world.inside(function()
    local supplier = Supplier.new { buffer = 8, policy = "drop_newest" }
    local seen, done = {}, false
    supplier:supply():delayed(1, { buffer = 4 }):tap { value = function(v) seen[#seen + 1] = v end,
      done = function() done = true end }
    for i = 1, 50 do
      supplier:emit(i)
    end
    supplier:done()
    sleep(100)
    assert.is_true(done)
    assert.equal(1, seen[1])
    assert.is_true(#seen <= 14)
  end))

  it("holds its source while what is behind it waits", world.inside(function()
    local rows = {
      function(s) return s:map(function(v) return v end) end,
      function(s) return s:batch(1) end,
      function(s) return s:merge(Supply.from_list {}) end,
      function(s) return s:map(function(v) return { v } end):flat() end,
      function(s) return s:map(function(v) return Supply.from_list { v } end):migrate() end,
      function(s) return s:zip_latest(Supply.from_list { 1 }) end,
    }
    for i, op in ipairs(rows) do
      local source, progress = counting(20)
      op(source):tap(function() sleep(1) end)
      sleep(3.5)
      assert.is_true(progress.sent <= 5, "row " .. i .. " took " .. progress.sent)
      sleep(50)
      assert.equal(20, progress.sent)
    end
  end))

  it("quits when it would keep more values than it may", world.inside(function()
    local rows = {
      { "unique", { max = 5 } }, { "repeated", { max = 5 } }, { "unique", { max = 5, expires = 100 } },
      { "unique", { max = 5, with = rawequal } }, { "reverse", { max = 5 } }, { "collate", { max = 5 } },
      { "batch", { seconds = 100, max = 5 } }, { "batch", { seconds = 100, max = 5, emit_timed = true } },
    }
    for _, row in ipairs(rows) do
      local _, err = cro.pawait(Supply[row[1]](counting(9), row[2]):list())
      assert.equal("too_many", err.kind)
      assert.matches(row[1] .. " would keep more than 5 values", err.message, 1, true)
    end
    for _, name in ipairs { "sort", "grab" } do
      local fn = name == "grab" and function(v) return v end or nil
      local _, err = cro.pawait(Supply[name](counting(9), fn, { max = 5 }):list())
      assert.equal("too_many", err.kind)
    end
    local _, err = cro.pawait(counting(9):classify(function(v) return v end, { max = 5 }):list())
    assert.equal("too_many", err.kind)
  end))
end)

describe("Supplier.preserving", function()
  it("keeps as many values as it may, and then says that it lost some", world.inside(function()
    local supplier, seen, err = Supplier.preserving { buffer = 3 }, {}, nil
    for i = 1, 10 do
      supplier:emit(i)
    end
    supplier:done()
    supplier:supply():tap { value = function(v) seen[#seen + 1] = v end, quit = function(e) err = e end }
    assert.same({ 1, 2, 3 }, seen)
    assert.equal("slow_consumer", err.kind)
    supplier:supply():tap(function(v) seen[#seen + 1] = v end)
    supplier:emit(11)
    assert.equal(11, seen[4])
  end))

  it("drops by its policy", world.inside(function()
    local expected = { drop_oldest = { 8, 9, 10 }, drop_newest = { 1, 2, 3 } }
    for policy, kept in pairs(expected) do
      local supplier, seen = Supplier.preserving { buffer = 3, policy = policy }, {}
      for i = 1, 10 do
        supplier:emit(i)
      end
      supplier:supply():tap(function(v) seen[#seen + 1] = v end)
      assert.same(kept, seen)
    end
  end))

  it("with the policy wait holds its emitter until somebody taps", world.inside(function()
    local supplier, seen, sent = Supplier.preserving { buffer = 3, policy = "wait" }, {}, 0
    cro.start(function()
      for i = 1, 10 do
        supplier:emit(i)
        sent = i
      end
    end)
    sleep(1)
    assert.equal(3, sent)
    supplier:supply():tap(function(v) seen[#seen + 1] = v end)
    sleep(1)
    assert.equal(10, sent)
    assert.equal(10, #seen)
  end))

  it("keeps one end of many", world.inside(function()
    local supplier, ends = Supplier.preserving(), 0
    for _ = 1, 5 do
      supplier:done()
    end
    for _ = 1, 2 do
      supplier:supply():tap { done = function() ends = ends + 1 end }
    end
    assert.equal(1, ends)
  end))
end)

describe("classify", function()
  it("keeps the values of a group for its first tap, and quits that group alone when there are too many",
    world.inside(function()
      local groups = cro.await(counting(9):classify(function(v) return v > 6 and "few" or "many" end, { buffer = 4 }):list())
      local _, err = cro.pawait(groups[1]:supply():list())
      assert.equal("slow_consumer", err.kind)
      assert.same({ n = 3, 7, 8, 9 }, cro.await(groups[2].value:list()))
    end))

  it("ends its groups when its tap is closed", world.inside(function()
    local first = {}
    counting(9):classify(function(v) return v % 3 end):head(2):flat():tap { value = function(v) first[#first + 1] = v end,
      done = function() first[#first + 1] = "done" end }
    sleep(1)
    assert.same({ 1, "done" }, { first[1], first[#first] })
  end))

  it("is not held by keys that nobody wants", world.inside(function()
    local source, progress = counting(5000)
    local keys = cro.await(source:classify(function(v) return v % 2 end):map(function(group) return group.key end):list())
    assert.same({ n = 2, 1, 0 }, keys)
    assert.equal(5000, progress.sent)
  end))

  it("holds its source for a slow group", world.inside(function()
    local source, progress = counting(50)
    local seen = 0
    cro.start(function()
      cro.react(function()
        cro.whenever(source:classify(function() return "one" end, { buffer = 4 }), function(group)
          cro.whenever(group, function()
            sleep(1)
            seen = seen + 1
          end)
        end)
      end)
    end)
    sleep(5.5)
    assert.is_true(progress.sent < 20, progress.sent .. " were sent")
    sleep(100)
    assert.equal(50, seen)
  end))
end)

describe("sanitize", function()
  it("queues what a tap makes its own producer emit", world.inside(function()
    local seen, emitter = {}, nil
    local source = Supply.on_demand(function(own)
      emitter = own
      own:emit(1)
    end)
    source:sanitize():tap { value = function(v)
      seen[#seen + 1] = "begin " .. v
      if v < 3 then emitter:emit(v + 1) end
      if v == 3 then emitter:done() end
      seen[#seen + 1] = "end " .. v
    end, done = function() seen[#seen + 1] = "done" end }
    sleep(0)
    assert.same({ "begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3", "done" }, seen)
  end))

  it("refuses what would queue without end", world.inside(function()
    local emitter, err
    local source = Supply.on_demand(function(own)
      emitter = own
      own:emit(1)
    end)
    source:sanitize():tap { value = function()
      for i = 1, 2000 do
        emitter:emit(i)
      end
    end, quit = function(e) err = e end }
    assert.matches("more than 1024 values were emitted from inside the handler", tostring(err), 1, true)
  end))

  it("works through operators and blocks behind it", world.inside(function()
    local seen, emitter = {}, nil
    local source = Supply.on_demand(function(own)
      emitter = own
      own:emit(1)
    end):sanitize()
    source:map(function(v) return v * 2 end):merge(Supply.from_list {}):tap(function(v)
      seen[#seen + 1] = v
      if v == 2 then emitter:emit(5) end
    end)
    sleep(0)
    assert.same({ 2, 10 }, seen)
  end))
end)
