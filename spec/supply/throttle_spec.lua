local cro = require "cro.reactive"
local world = require "spec.support.world"

local sleep = cro.sleep
local Supply, Supplier = cro.Supply, cro.Supplier

local function note_into(list)
  return function(value) list[#list + 1] = value end
end

--- A live source, a throttled tap of it, and what came where.
local function setup(limit, per, given)
  local all = { seen = {}, bled = {}, told = {}, source = Supplier.new(), control = Supplier.new() }
  all.bleed, all.status = Supplier.new(), Supplier.new()
  all.bleed:supply():tap { value = note_into(all.bled), done = function() all.bleed_done = true end }
  all.status:supply():tap { value = note_into(all.told), done = function() all.status_done = true end }
  given = given or {}
  given.control, given.bleed, given.status = all.control, all.bleed, all.status
  all.tap = all.source:supply():throttle(limit, per, given):tap {
    value = note_into(all.seen),
    done = function() all.done = true end,
    quit = function(err) all.err = err end,
  }
  return all
end

local function emit(all, from, to)
  for i = from, to do
    all.source:emit(i)
  end
  sleep(0)
end

describe("throttle", function()
  it("lets bleed what is more than may wait", world.inside(function()
    local all = setup(1, 10, { vent_at = 2 })
    emit(all, 1, 6)
    assert.same({ 1 }, all.seen)
    assert.same({ 4, 5, 6 }, all.bled)
    all.source:done()
    sleep(100)
    assert.same({ 1, 2, 3 }, all.seen)
    assert.is_true(all.done and all.bleed_done)
  end))

  it("bleeds when it is told to, the oldest first", world.inside(function()
    local all = setup(1, 10)
    emit(all, 1, 6)
    all.control:emit "bleed:2"
    sleep(0)
    assert.same({ 2, 3 }, all.bled)
    all.control:emit { vent_at = 1 }
    sleep(0)
    assert.same({ 2, 3, 4, 5 }, all.bled)
    all.tap:close()
  end))

  it("says how it is doing when asked to, and at the end", world.inside(function()
    local all = setup(2, 10, { vent_at = 3 })
    emit(all, 1, 7)
    all.control:emit "status:now"
    sleep(0)
    assert.same({ id = "now", limit = 2, allowed = 0, buffered = 3, emitted = 2, bled = 2, vent_at = 3 }, all.told[1])
    all.source:done()
    sleep(100)
    assert.same({ id = "done", limit = 2, allowed = 1, buffered = 0, emitted = 5, bled = 2, vent_at = 3 }, all.told[2])
    assert.is_true(all.status_done)
  end))

  it("stops for a limit of none and goes on for another", world.inside(function()
    local all = setup(1, 10)
    all.control:emit "limit:0"
    sleep(0)
    emit(all, 1, 3)
    sleep(50)
    assert.same({}, all.seen)
    all.control:emit { limit = 2, status = "raised" }
    sleep(0)
    assert.same({ 1, 2 }, all.seen)
    assert.equal("raised", all.told[1].id)
    all.tap:close()
  end))

  it("quits for a control that it does not know", world.inside(function()
    local rows = {
      { "faster", "a control message is one of limit:N, bleed:N, vent_at:N and status:ID, got the string" },
      { "limt:3", 'unknown control the string "limt"' },
      { "limit:x", 'control "limit": expected a whole number, got the string "x"' },
      { 5, "got the number 5" },
    }
    for _, row in ipairs(rows) do
      local all = setup(1, 10)
      all.control:emit(row[1])
      sleep(0)
      assert.matches(row[2], tostring(all.err), 1, true)
      assert.equal(0, world.timers())
    end
  end))

  it("has no use for a control that bleeds without somewhere to", world.inside(function()
    local control, err = Supplier.new(), nil
    Supplier.new():supply():throttle(1, 1, { control = control }):tap { quit = function(e) err = e end }
    control:emit "bleed:1"
    sleep(0)
    assert.matches('control "bleed" needs the option bleed, a Supplier', tostring(err), 1, true)
  end))

  it("never lets more through in any slot, whatever comes", world.inside(function()
    local counts, began = {}, cro.now()
    local source = cro.supply(function()
      for i = 1, 40 do
        cro.emit(i)
        if i % 7 == 0 then sleep(0.9) end
      end
    end)
    local seen = 0
    source:throttle(3, 1):tap(function()
      local slot = math.floor(cro.now() - began + 1e-6)
      counts[slot] = (counts[slot] or 0) + 1
      seen = seen + 1
    end)
    sleep(60)
    assert.equal(40, seen)
    for _, count in pairs(counts) do
      assert.is_true(count <= 3)
    end
  end))
end)

describe("throttle by jobs", function()
  it("never runs more than it may, and counts those that run", world.inside(function()
    local running, worst = 0, 0
    local all = setup(3, function()
      running = running + 1
      worst = math.max(worst, running)
      sleep(1)
      running = running - 1
    end)
    emit(all, 1, 7)
    all.control:emit "status:now"
    sleep(0)
    assert.equal(3, all.told[1].running)
    assert.equal(0, all.told[1].allowed)
    assert.equal(4, all.told[1].buffered)
    all.source:done()
    sleep(10)
    assert.equal(3, worst)
    assert.equal(7, #all.seen)
    assert.is_true(all.done)
  end))

  it("cancels its jobs when it is closed", world.inside(function()
    local ended = {}
    local tap = Supply.from_list({ 1, 2 }):throttle(2, function()
      local _, err = pcall(sleep, 100)
      ended[#ended + 1] = err.kind
    end):tap()
    sleep(1)
    tap:close()
    sleep(0)
    assert.same({ "cancelled", "cancelled" }, ended)
    assert.equal(0, world.timers())
  end))

  it("waits for its delay before the first job", world.inside(function()
    local began = {}
    Supply.from_list({ 1, 2 }):throttle(2, function() began[#began + 1] = cro.now() end, { delay = 5 }):tap()
    sleep(10)
    assert.same({ 5, 5 }, began)
  end))
end)

describe("start", function()
  it("cancels the job when its supply is closed", world.inside(function()
    local ended = {}
    local source = Supplier.new()
    local tap = source:supply():start(function(v)
      local ok, err = pcall(sleep, 10)
      ended[#ended + 1] = v .. (ok and " done" or " " .. err.kind)
    end):migrate():tap()
    source:emit "a"
    sleep(1)
    source:emit "b"
    sleep(1)
    assert.same({ "a cancelled" }, ended)
    tap:close()
    sleep(0)
    assert.same({ "a cancelled", "b cancelled" }, ended)
    assert.equal(0, world.timers())
  end))

  it("runs nothing before its supply is tapped", world.inside(function()
    local ran = 0
    local supplies = cro.await(Supply.from_list({ 1, 2 }):start(function() ran = ran + 1 end):list())
    sleep(1)
    assert.equal(0, ran)
    cro.await(supplies[1])
    assert.equal(1, ran)
  end))
end)

describe("share", function()
  it("holds its source for a slow tap, if asked to", world.inside(function()
    local sent, seen = 0, 0
    local shared = cro.supply(function()
      for i = 1, 50 do
        cro.emit(i)
        sent = i
      end
    end):delayed(1, { buffer = 1 }):share { policy = "wait" }
    shared:tap(function()
      sleep(1)
      seen = seen + 1
    end)
    sleep(5.5)
    assert.is_true(sent < 10)
    sleep(200)
    assert.equal(50, seen)
  end))

  it("tells who taps it later that it is over", world.inside(function()
    local ends = {}
    local done = Supply.from_list({ 1 }):share()
    done:tap { done = function() ends[#ends + 1] = "done" end }
    local failed = cro.supply(function() error({ kind = "own" }, 0) end):share()
    failed:tap { quit = function(err) ends[#ends + 1] = err.kind end }
    assert.same({ "done", "own" }, ends)
  end))
end)

describe("Supply.on_demand", function()
  it("runs its producer where a scheduler says", world.inside(function()
    local log, note = world.log()
    local later
    Supply.on_demand(function(emitter)
      note "produce"
      emitter:emit(1)
      emitter:done()
    end, { scheduler = function(fn) later = fn end }):tap { value = note, done = function() note "done" end }
    note "tapped"
    later()
    assert.same({ "tapped", "produce", "1", "done" }, log)
  end))

  it("never runs it when the tap was closed before", world.inside(function()
    local ran, later = false, nil
    Supply.on_demand(function() ran = true end, { scheduler = function(fn) later = fn end }):tap():close()
    later()
    assert.is_false(ran)
  end))
end)

describe("schedule_on", function()
  it("takes a function, a table with cue, or nothing", world.inside(function()
    local schedulers = { cro.start, { cue = function(fn) return cro.start(fn) end }, false }
    for _, scheduler in ipairs(schedulers) do
      local seen, inside = {}, true
      Supply.from_list({ 1, 2, 3 }):schedule_on(scheduler or nil):tap(function(v)
        assert(not inside, "handled inside of tap")
        seen[#seen + 1] = v
      end)
      inside = false
      sleep(1)
      assert.same({ 1, 2, 3 }, seen)
    end
  end))

  it("quits when the scheduler fails", world.inside(function()
    local err
    Supply.from_list({ 1 }):schedule_on(function() error({ kind = "own" }, 0) end):tap { quit = function(e) err = e end }
    sleep(0)
    assert.equal("own", err and err.kind)
  end))
end)
