local cro = require "cro"
local program = require "spec.support.program"

local function refused(text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

describe("signals #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  --- Runs a script that sends signals to itself.
  local function run(text)
    program.write(folder .. "/script.lua", [[
      local cro = require "cro"
      local file = io.open "/proc/self/stat"
      local pid = file:read "*n"
      file:close()
      local function send(name) os.execute("kill -" .. name .. " " .. pid) end
    ]] .. text)
    return program.shell(folder, program.quote(program.crolua()) .. " script.lua")
  end

  it("come as their names while somebody taps", function()
    assert.same({ out = "SIGUSR1\nSIGUSR2\nended\n", err = "", status = 0 }, run [[
      cro.start(function() send "USR1" cro.sleep(0.05) send "USR2" end)
      cro.react(function()
        cro.whenever(cro.signal("SIGUSR1", "SIGUSR2"), function(name)
          print(name)
          if name == "SIGUSR2" then cro.done() end
        end)
      end)
      print "ended"
    ]])
  end)

  it("reach every tap", function()
    assert.same({ out = "2\n", err = "", status = 0 }, run [[
      local seen = 0
      local both = cro.Promise.new()
      for _ = 1, 2 do
        cro.signal "SIGHUP":tap(function()
          seen = seen + 1
          if seen == 2 then both:keep() end
        end)
      end
      send "HUP"
      cro.await(both)
      print(seen)
    ]])
  end)

  it("that come while a handler waits are counted", function()
    assert.same({ out = "1\n2\n3\n", err = "", status = 0 }, run [[
      local count = 0
      cro.start(function()
        for _ = 1, 3 do send "USR1" cro.sleep(0.02) end
      end)
      cro.react(function()
        cro.whenever(cro.signal "USR1", function()
          count = count + 1
          print(count)
          cro.sleep(0.1)
          if count == 3 then cro.done() end
        end)
      end)
    ]])
  end)

  it("have their default action again when the last tap is closed", function()
    local result = run [[
      local came = cro.Promise.new()
      local tap = cro.signal "SIGTERM":tap(function(name) came:keep(name) end)
      send "TERM"
      print(cro.await(came))
      tap:close()
      io.stdout:flush()
      send "TERM"
      cro.sleep(5)
      print "not reached"
    ]]
    assert.equal("SIGTERM\n", result.out)
    assert.is_true(result.status ~= 0)
  end)

  it("are names that exist and can be caught", function()
    refused('cro.signal: the string "SIGNONE" is no signal; give a name such as SIGINT', function()
      cro.signal "SIGNONE"
    end)
    for _, name in ipairs { "SIGKILL", "SIGSTOP", "SIGSEGV", "SIGPIPE", "9" } do
      refused(("cro.signal: %s cannot be caught; SIGTERM and SIGINT ask a program to end"):format(name),
        function() cro.signal(name) end)
    end
  end)

  it("are refused at the line that names them", function()
    local result = run [[
      local _, err = pcall(function()
        cro.signal "SIGKILL"
      end)
      print(err)
    ]]
    assert.matches("^[^\n]*script.lua:%d+: cro.signal: SIGKILL cannot be caught", result.out)
  end)

  it("are refused without a name, or with something else", function()
    refused('cro.signal: a name such as "SIGINT" expected, got nothing', function() cro.signal() end)
    refused('cro.signal: argument 2: a name such as "SIGINT" expected, got the number 15',
      function() cro.signal("SIGINT", 15) end)
  end)

  it("are all let go when one of several names is refused", function()
    local result = run [[
      print((pcall(function() cro.signal("SIGUSR1", "SIGKILL"):tap(print) end)))
      io.stdout:flush()
      send "USR1"
      cro.sleep(5)
      print "not reached"
    ]]
    assert.equal("false\n", result.out)
    assert.is_true(result.status ~= 0)
  end)
end)
