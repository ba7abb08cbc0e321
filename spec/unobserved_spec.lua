local cro = require "cro.reactive"
local garbage = require "spec.support.garbage"
local program = require "spec.support.program"
local world = require "spec.support.world"

local Promise, sleep = cro.Promise, cro.sleep

local function lose(count, err)
  for _ = 1, count do
    Promise.broken(err)
  end
  garbage.collect()
end

--- A script that is run; it does not collect by itself.
local function run(text)
  local folder = program.folder()
  program.write(folder .. "/script.lua", [[
    local cro = require "cro"
    local function lose(text) cro.start(function() error(text, 0) end) end
  ]] .. text)
  local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua")
  program.remove(folder)
  return result
end

describe("promises that break with nobody looking", function()
  it("are reported each for itself", world.inside(function()
    lose(1, "lost")
    lose(1, "lost too")
    assert.equal(2, #world.reports)
    assert.matches("^a broken promise that nobody observed.*lost", world.reports[1])
  end))

  it("are reported once when one error breaks them all", world.inside(function()
    lose(5, cro.errors.new("reset", "the peer has gone"))
    assert.equal(1, #world.reports)
    assert.matches("the peer has gone", world.reports[1], 1, true)
  end))

  it("are counted when they say the same, told once a second in one line", world.inside(function()
    for second = 0, 2 do
      for _ = 1, 4 do
        lose(10, "lost")
      end
      assert.equal(second + 1, #world.reports)
      sleep(1)
    end
    local place = "unobserved_spec.lua:%d+"
    assert.matches("^a broken promise that nobody observed %(broken at [^\n]*" .. place .. "%): lost", world.reports[1])
    assert.matches("^39 more like this: a broken promise that nobody observed %(broken at [^\n]*" .. place .. "%): lost$",
      world.reports[2])
    assert.matches("^40 more like this", world.reports[3])
    cro.at_exit()
    assert.matches("^40 more like this", world.reports[4])
    cro.at_exit()
    assert.equal(4, #world.reports)
  end))

  it("are told in full again when it was quiet for a while", world.inside(function()
    for _ = 1, 2 do
      lose(1, "lost")
      sleep(3)
    end
    assert.equal(2, #world.reports)
    assert.equal(world.reports[1], world.reports[2])
  end))

  it("are not counted when they say something else", world.inside(function()
    for i = 1, 3000 do
      Promise.broken("lost " .. i)
    end
    garbage.collect()
    assert.equal(3000, #world.reports)
  end))

  it("#loop are found soon, though the collector has nothing to do, and counted", function()
    local result = run [[
      local began, times, whats = cro.now(), {}, {}
      cro.on_error(function(err, _, context)
        times[#times + 1] = cro.now() - began
        print((context.what:gsub("%(.*%)", "(...)")), err.message)
      end)
      local heap = {}
      for i = 1, 50000 do heap[i] = { tostring(i) } end
      collectgarbage()
      began = cro.now()
      for _ = 1, 3 do lose "boom" end
      repeat cro.sleep(0.1) until #times == 2 or cro.now() - began > 15
      print(times[1] < 5, times[2] - times[1] > 0.9)
    ]]
    assert.equal("a broken promise that nobody observed\tboom\n"
      .. "2 more like this: a broken promise that nobody observed\tboom\ntrue\ttrue\n", result.out, result.err)
  end)

  it("#loop are found later when they are lost later, and left alone while somebody has them", function()
    local result = run [[
      cro.on_error(function(err) print(err.message) end)
      local held = cro.start(function() error("held", 0) end)
      lose "lost"
      cro.sleep(1)
      print "still held"
      lose "another"
      cro.sleep(1)
      print(cro.pawait(held))
    ]]
    assert.equal("lost\nstill held\nanother\nnil\theld\n", result.out, result.err)
  end)

  it("#loop do not keep a program running", function()
    local result = run [[
      local held = cro.start(function() error("held", 0) end)
      cro.sleep(0.01)
      cro.start(function() cro.await(cro.Promise.new()) end)
      cro.await(cro.Promise.new())
    ]]
    assert.equal(1, result.status)
    assert.matches("waits for ever", result.err, 1, true)
    assert.matches("held", result.err, 1, true)
  end)

  it("#loop cost a program that keeps one next to nothing", function()
    local result = run [[
      local heap, held = {}, nil
      for i = 1, 50000 do heap[i] = { tostring(i) } end
      held = cro.start(function() error("held", 0) end)
      cro.sleep(0.5)
      local before = os.clock()
      cro.sleep(2)
      print(os.clock() - before < 0.4, cro.pawait(held))
    ]]
    assert.equal("true\tnil\theld\n", result.out, result.err)
  end)
end)
