local program = require "spec.support.program"

describe("crolua --strict #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local function run(text, arguments, options)
    program.write(folder .. "/script.lua", text)
    return program.shell(folder, program.quote(program.crolua()) .. " " .. (arguments or "--strict script.lua"), options)
  end

  local refused = {
    { "a variable of the main chunk", "local a = 1\ncount = a", 2, "'count'" },
    { "a function", "function helper() end", 1, "'helper'" },
    { "a variable of a function, when it runs", "local function f()\n  total = 1\nend\nf()", 2, "'total'" },
    { "a field of _G", "_G.x = 1", 1, "'x'" },
    { "a name that is none", "_G['a b'] = 1", 1, "'a b'" },
    { "an assignment on another fiber", "local cro = require 'cro'\ncro.await(cro.start(function()\n  y = 1 end))", 3, "'y'" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1] .. ", naming it and the line", function()
      local result = run(case[2])
      assert.equal(1, result.status)
      local message = "crolua: script.lua:%d: assignment to undeclared global %s (--strict)"
      assert.matches(message:format(case[3], case[4]), result.err, 1, true)
      assert.is_nil(result.err:find("lua/cro/", 1, true), result.err)
    end)
  end

  it("says what to write instead", function()
    local result = run "x = 1"
    assert.matches([[write 'local x', or rawset(_G, "x", ...) for a global on purpose]], result.err, 1, true)
  end)

  it("is an error like any other, which changes nothing", function()
    local result = run [[
      local ok, err = pcall(function() x = 1 end)
      print(ok, err:match "global 'x'", x)
    ]]
    assert.equal("false\tglobal 'x'\tnil\n", result.out)
  end)

  it("allows what exists, what rawset has made, environments and reading", function()
    local result = run [[
      rawset(_G, "made", 1)
      made = made + 1
      print = print
      setfenv(function() own = 3 end, {})()
      print(made, not_there, arg[0])
    ]]
    assert.equal("2\tnil\tscript.lua\n", result.out, result.err)
  end)

  it("counts for modules, but not for functions of C", function()
    program.write(folder .. "/careless.lua", "\nlost = 1")
    program.write(folder .. "/old.lua", "module('old', package.seeall)\nvalue = 7")
    local result = run "print(require('old').value, old.value)\nprint(pcall(require, 'careless'))"
    assert.matches("^7\t7\nfalse\t./careless.lua:2: assignment to undeclared global 'lost'", result.out)
  end)

  it("counts for -e and -l, but neither for LUA_INIT nor at the prompt", function()
    assert.matches("undeclared global 'x'", run("", "--strict -e 'x = 1'").err, 1, true)
    assert.matches("undeclared global 'lost'", run("", "--strict -l careless").err, 1, true)
    assert.equal("2\n", run("", "--strict -e 'x = x + 1 print(x)'", { env = "LUA_INIT='x = 1'" }).out)
    local result = run("", "--strict -i", { stdin = "x = 5\nprint(x)\n" })
    assert.matches("5\n", result.out, 1, true)
    assert.equal("", result.err)
  end)

  it("is off unless it is asked for", function()
    assert.equal("1\n", run("x = 1 print(x)", "script.lua").out)
    assert.matches("--strict", run("", "--help").out, 1, true)
    assert.matches("unknown option '%-%-strictly'", run("", "--strictly script.lua").err)
  end)
end)

describe("crolua --strict-promises #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local function run(text)
    program.write(folder .. "/script.lua", "local cro = require 'cro'\n" .. text)
    return program.shell(folder, program.quote(program.crolua()) .. " --strict-promises script.lua")
  end

  it("ends the program with 1 when a broken promise that nobody looked at is collected", function()
    local result = run [[
      cro.defer(function() print "deferred" end)
      cro.start(function() error "lost" end)
      cro.sleep(0)
      collectgarbage() collectgarbage()
      cro.sleep(10)
      print "not reached"
    ]]
    assert.equal(1, result.status)
    assert.equal("deferred\n", result.out)
    assert.matches("a broken promise that nobody observed: script.lua:3: lost", result.err, 1, true)
  end)

  it("ends with 1 when one is found at the end, and keeps another status", function()
    assert.equal(1, run("cro.Promise.broken 'lost' print 'end'").status)
    assert.equal(3, run("cro.Promise.broken 'lost' os.exit(3)").status)
  end)

  it("minds no promise that somebody looked at, nor a cancelled one", function()
    local result = run [[
      cro.pawait(cro.Promise.broken "seen")
      cro.start(cro.sleep, 10):cancel()
    ]]
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)
end)
