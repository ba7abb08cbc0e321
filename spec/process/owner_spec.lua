--- Who has started a process ends it.
local ffi = require "ffi"
local cro = require "cro"
local children = require "spec.support.children"
local program = require "spec.support.program"
local garbage = require "spec.support.garbage"

ffi.cdef "int kill(int pid, int number);"

--- Runs a script that prints ids of processes; those, how it ended, how long it took.
local function run(text)
  local folder = program.folder()
  program.write(folder .. "/script.lua", "local cro = require 'cro'\n" .. text)
  local began = cro.now()
  local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua")
  local seconds = cro.now() - began
  program.remove(folder)
  local ids = {}
  for id in result.out:gmatch "%d+" do
    ids[#ids + 1] = tonumber(id)
  end
  return ids, result, seconds
end

--- Is it there, and no zombie? Adopted ones are reaped by whoever has adopted them.
local function runs(id)
  local file = io.open("/proc/" .. id .. "/stat")
  local state = file and file:read("*a"):match "%) (%a)"
  if file then file:close() end
  return state ~= nil and state ~= "Z"
end

--- A process that ignores SIGTERM; the promise of its being ready.
local function stubborn(more)
  local child = children.process("trap '' TERM; echo ready; while :; do sleep 0.01; done", more)
  local ready = cro.Promise.new()
  child:stdout():tap(function() ready:keep() end)
  return child, ready
end

local function is_left_with_nothing()
  return cro.stats().processes == 0 and cro.stats().pipes == 0
end

describe("the end of a block #loop", function()
  it("ends the processes it has started, and waits for them", function()
    local child, other
    cro.react(function()
      child = cro.process("sleep", 100)
      child:start()
      cro.whenever(cro.Promise.after(0.01), function()
        other = cro.process "yes"
        cro.whenever(other:stdout(), function() end)
        other:start():observe()
        cro.done()
      end)
    end)
    assert.matches("ended by SIGTERM", tostring(child), 1, true)
    assert.matches("ended by SIG%a+", tostring(other))
    assert.is_true(is_left_with_nothing())
  end)

  it("ends them when a handler fails", function()
    local child = children.process "echo x; sleep 100"
    local ok, err = pcall(cro.react, function()
      cro.whenever(child:stdout(), function() error("oops", 0) end)
      cro.whenever(child:start(), function() error "not reached" end)
    end)
    assert.same({ false, "oops" }, { ok, tostring(err) })
    assert.is_true(is_left_with_nothing())
  end)

  it("kills what does not heed, after its time", function()
    local child, ready = stubborn { kill_after = 0.05 }
    cro.react(function()
      child:start():observe()
      cro.whenever(ready, cro.done)
    end)
    assert.matches("ended by SIGKILL", tostring(child), 1, true)
    assert.is_true(is_left_with_nothing())
  end)

  it("leaves one that was taken out", function()
    local child = cro.process("sleep", 100)
    cro.react(function()
      cro.detach(child)
      child:start():observe()
      cro.detach(child)
    end)
    assert.equal("running", tostring(child):match "running")
    cro.await(child:close())
  end)
end)

describe("a job #loop", function()
  it("that is cancelled ends its processes first", function()
    local child, ready = stubborn { kill_after = 0.05 }
    local job = cro.start(function() cro.await(child:start()) end)
    cro.await(ready)
    job:cancel()
    local _, err = cro.pawait(job)
    assert.equal("cancelled", err.kind)
    assert.matches("ended by SIGKILL", tostring(child), 1, true)
    children.eventually(is_left_with_nothing)
  end)

  it("that fails does so too; one that returns leaves them to who has started it", function()
    local child
    local job = cro.start(function()
      child = cro.process("sleep", 100)
      child:start()
      error("oops", 0)
    end)
    cro.pawait(job)
    assert.matches("ended by SIGTERM", tostring(child), 1, true)
    local ended = cro.await(cro.start(function()
      child = cro.process("sleep", 100)
      return { child:start() }
    end))[1]
    assert.equal("running", tostring(child):match "running")
    child:kill "TERM"
    assert.equal("SIGTERM", cro.await(ended).signal)
  end)

  it("that runs a command to its end ends it when it is cancelled", function()
    local job = cro.start(function() return cro.await(cro.process.run("sleep", 100, { input = "x" })) end)
    children.eventually(function() return cro.stats().processes == 1 end)
    job:cancel()
    cro.pawait(job)
    children.eventually(is_left_with_nothing)
  end)
end)

describe("the end of a program #loop", function()
  it("ends its processes, and waits for them", function()
    for _, how in ipairs { "", "os.exit(0)", "error 'oops'" } do
      local ids, result, seconds = run([[
        for _ = 1, 3 do
          local child = cro.process { "sleep", 100, kill_after = 60 }
          child:start():observe()
          print(child:pid())
        end
        io.stdout:flush()
      ]] .. how)
      assert.equal(3, #ids, result.err)
      assert.equal(how:find "error" and 1 or 0, result.status)
      for _, id in ipairs(ids) do
        assert.is_false(runs(id))
      end
      assert.is_true(seconds < 15)
    end
  end)

  it("lets them clean up, but not for ever", function()
    local ids, result, seconds = run [[
      local function start(script, kill_after)
        local child = cro.process { "sh", "-c", script, kill_after = kill_after }
        local ready = cro.Promise.new()
        child:stdout():tap(function(id)
          io.write(id)
          ready:keep()
        end)
        child:start():observe()
        cro.await(ready)
      end
      start("trap 'echo bye >&2; exit' TERM; echo $$; while :; do sleep 0.01; done", 60)
      start("trap '' TERM; echo $$; while :; do sleep 0.01; done", 0.2)
    ]]
    assert.equal(2, #ids)
    assert.equal("bye\n", result.err)
    assert.is_false(runs(ids[1]) or runs(ids[2]))
    assert.is_true(seconds < 15)
  end)

  it("leaves a detached one alone", function()
    local ids, result, seconds = run [[
      local child = cro.process { "sleep", 100, detached = true, stdin = "null", stdout = "null", stderr = "null" }
      child:start():observe()
      print(child:pid())
    ]]
    assert.same({ 0, "" }, { result.status, result.err })
    assert.is_true(runs(ids[1]))
    ffi.C.kill(ids[1], 9)
    assert.is_true(seconds < 15)
  end)
end)

describe("a process that is closed before it was started #loop", function()
  it("cannot be started any more, and what waits for it is told", function()
    local child = cro.process("cat", { stdin = "pipe" })
    local out, ready = child:stdout(), child:ready()
    assert.is_true(cro.await(child:close()))
    local _, err = cro.pawait(child:start())
    assert.equal("closed", err.kind)
    assert.equal("'cat' was closed before it was started", tostring(err))
    assert.equal(err, select(2, cro.pawait(ready)))
    assert.equal(err, select(2, cro.pawait(child:ready())))
    assert.equal(0, #cro.await(out:list()))
    assert.is_true(cro.await(child:close()))
    assert.is_true(is_left_with_nothing())
  end)
end)

describe("output that was taken and never tapped #loop", function()
  it("is let go when nobody holds the process any more", function()
    for _ = 1, 3 do
      local child = cro.process("echo", "unheard")
      child:stdout()
      cro.await(child:start())
    end
    assert.equal(3, cro.stats().pipes)
    for _ = 1, 50 do
      garbage.collect()
      cro.sleep(0.002)
      if cro.stats().pipes == 0 then break end
    end
    assert.is_true(is_left_with_nothing())
  end)
end)

describe("the promise that a process runs #loop", function()
  it("is there for others when one has waited too long or has given up", function()
    local child = cro.process("sleep", "100")
    cro.pawait(child:ready():timeout(0.001))
    child:ready():cancel()
    child:start():observe()
    assert.equal(child:pid(), cro.await(child:ready()))
    cro.await(child:close())
  end)
end)
