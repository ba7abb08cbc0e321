local program = require "spec.support.program"

describe("crolua #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local function file(name, text) program.write(folder .. "/" .. name, text) end

  local function run(arguments, options)
    return program.shell(folder, program.quote(program.crolua()) .. " " .. arguments, options)
  end

  --- Writes a script and runs it.
  local function script(text, arguments, options)
    file("script.lua", text)
    return run("script.lua " .. (arguments or ""), options)
  end

  describe("as a lua", function()
    local cases = {
      { "runs -e chunks in their order", "-e 'a = 1' -e 'print(a + 1)'", "2\n" },
      { "takes the chunk glued to -e", "'-eprint(7)'", "7\n" },
      { "requires -l modules before what follows", "-l given -e 'print(given_was)'", "loaded\n" },
      { "runs a script with its arguments as ...", "show.lua a 'b c'", "a\tb c\nshow.lua\ta\n" },
      { "stops reading options at --", "-- show.lua -v", "-v\nshow.lua\t-v\n" },
      { "leaves options after the script to the script", "show.lua -e x", "-e\tx\nshow.lua\t-e\n" },
      { "runs stdin for -, with arguments", "- x y", "from stdin\tx\ty\n", "print('from stdin', ...)" },
      { "runs stdin when it is told nothing and is no terminal", "", "from stdin\n", "print 'from stdin'" },
      { "shows its version for -v and runs no prompt", "-v", "^crolua %d+%.%d+%.%d+, LuaJIT .-, Lua 5%.1\n$" },
      { "sets arg for -e as well", "-e 'print(arg[0] ~= nil, arg[1])'", "true\t-e\n" },
      { "skips the first line of a script with #!", "hash.lua", "ran\n" },
      { "says what package.path is for when it shows help", "--help", "LUA_PATH" },
      { "switches the JIT off with -j off", "-j off -e 'print((jit.status()))'", "false\n" },
      { "hands -O to the optimiser", "-O0 -e 'print(select(\"#\", jit.status()) < 8)'", "true\n" },
    }

    setup(function()
      file("given.lua", "given_was = 'loaded'")
      file("show.lua", "print(...) print(arg[0], arg[1])")
      file("hash.lua", "#!/usr/bin/env crolua\nprint 'ran'")
    end)

    for _, case in ipairs(cases) do
      it(case[1], function()
        local result = run(case[2], { stdin = case[4] })
        assert.equal("", result.err)
        if result.out ~= case[3] then assert.matches(case[3], result.out) end
        assert.equal(0, result.status)
      end)
    end

    it("gives what precedes the script negative indices in arg", function()
      local result = run "-e 'x = 1' show.lua"
      assert.equal("\nshow.lua\tnil\n", result.out)
      result = run "-e 'x = 1' neg.lua"
      assert.equal(1, result.status)
      file("neg.lua", "print(arg[-1], arg[-2], #arg)")
      assert.equal("x = 1\t-e\t0\n", run("-e 'x = 1' neg.lua").out)
    end)

    it("runs LUA_INIT first, a chunk or a file", function()
      file("init.lua", "greeting = 'from a file'")
      assert.equal("hello\n", run("-e 'print(greeting)'", { env = "LUA_INIT='greeting=\"hello\"'" }).out)
      assert.equal("from a file\n", run("-e 'print(greeting)'", { env = "LUA_INIT=@init.lua" }).out)
      assert.equal("nil\n", run("-E -e 'print(greeting)'", { env = "LUA_INIT=@init.lua" }).out)
    end)

    it("ends with 1 when LUA_INIT fails, before anything else ran", function()
      local result = run("-e 'print(1)'", { env = "LUA_INIT='error(\"oh\")'" })
      assert.equal("", result.out)
      assert.matches("^crolua: LUA_INIT:1: oh\nstack traceback:\n", result.err)
      assert.equal(1, result.status)
    end)
  end)

  describe("when something is wrong", function()
    it("shows the error with its traceback, which ends with the script", function()
      local result = script "local function f() error 'boom' end\nf()"
      assert.equal("crolua: script.lua:1: boom\nstack traceback:\n\t[C]: in function 'error'\n"
        .. "\tscript.lua:1: in function 'f'\n\tscript.lua:2: in main chunk\n\t[C]: ?\n", result.err)
      assert.equal(1, result.status)
    end)

    it("shows what an error object says of itself", function()
      local result = script "error(setmetatable({}, { __tostring = function() return 'told' end }))"
      assert.matches("^crolua: told\nstack traceback:\n", result.err)
      assert.equal(1, result.status)
    end)

    it("says nothing for error(nil), and that an object has no text otherwise", function()
      local result = script "error(nil)"
      assert.same({ "", 1 }, { result.err, result.status })
      result = script "error({})"
      assert.same({ "crolua: (error object is not a string)\n", 1 }, { result.err, result.status })
    end)

    it("names the line of a syntax error and shows it", function()
      local result = script "local x = 1\nlocal function x\n"
      assert.matches("^crolua: script.lua:3: .- near '<eof>'\n", result.err)
      result = script "local x = 1\nx x\n"
      assert.equal("crolua: script.lua:2: '=' expected near 'x'\n     2 | x x\n", result.err)
      assert.equal(1, result.status)
      assert.equal("", result.out)
    end)

    it("says which file cannot be opened, and what was perhaps meant", function()
      local result = run "nofile.lua"
      assert.matches("^crolua: cannot open nofile.lua: No such file or directory; .-\n$", result.err)
      assert.equal(1, result.status)
      file("almost.lua", "")
      assert.matches("did you mean almost.lua%?\n$", run("almost").err)
    end)

    it("refuses an unknown option with a hint, and one without its value", function()
      local result = run "--version"
      assert.equal("crolua: unknown option '--version'; -v shows the version\n"
        .. "usage: crolua [options] [script [args]]\n", result.err)
      assert.same({ "", 1 }, { result.out, result.status })
      result = run "-e"
      assert.matches("^crolua: nothing follows option '%-e'; ", result.err)
      assert.equal(1, result.status)
      assert.equal(1, run("-x").status)
      assert.equal(1, run("-vx").status)
    end)

    it("says which module is missing, and where it looked", function()
      local result = run "-l no.such.module"
      assert.matches("^crolua: module 'no.such.module' not found:\n\tno field package.preload", result.err)
      assert.equal(1, result.status)
    end)

    it("does not run the script when an option before it fails", function()
      local result = run "-e 'error(0)' -e 'print(1)'"
      assert.same({ "", 1 }, { result.out, result.status })
    end)

    it("ends a script that waits for what cannot come any more, naming its line", function()
      local result = script "local cro = require 'cro'\ncro.await(cro.Promise.new())"
      assert.matches("^crolua: script.lua:2 waits for ever: ", result.err)
      assert.equal(1, result.status)
    end)

    it("raises 'not enough memory' over the limit, which the script may catch", function()
      local text = "print(pcall(function() local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end end))"
      local result = script(text, "", { env = "CROLUA_LUA_MEMORY=20M" })
      assert.equal("false\tnot enough memory\n", result.out)
      assert.equal(0, result.status)
    end)

    it("says where a promise broke that nobody looked at, and with CRO_DEBUG=1 where it was made", function()
      local text = "local p = require('cro').Promise.new()\n\np:fail 'lost'"
      local place = "a broken promise that nobody observed (broken at script.lua:3%s): lost\n"
      assert.same({ out = "", err = place:format "", status = 0 }, script(text))
      assert.equal(place:format ", made at script.lua:1", script(text, "", { env = "CRO_DEBUG=1" }).err)
    end)

    it("says where nothing may wait, and what to do instead", function()
      local cases = {
        { "table.sort({ 2, 1 }, function() cro.sleep(0) end)", "sleep in a function that C calls back" },
        { "local _ = ('x'):gsub('x', function() cro.await(cro.Promise.after(0)) end)", "wait before or after it" },
        { "coroutine.wrap(function() cro.sleep(0) end)()", "use cro.start instead of coroutine.wrap" },
        { "local s = cro.Supplier.new() s:supply():tap(function() cro.sleep(0) end) s:emit(1)",
          "use whenever in a block, each(), or tap { buffer = n, value = f }", 0 },
      }
      for _, case in ipairs(cases) do
        local result = script("local cro = require 'cro'\n" .. case[1])
        assert.matches("script.lua:2: ", result.err, 1, true)
        assert.matches(case[2], result.err, 1, true)
        assert.equal(case[3] or 1, result.status)
      end
    end)

    it("refuses a memory limit it cannot read", function()
      local result = run("-e 'print(1)'", { env = "CROLUA_LUA_MEMORY=lots" })
      assert.equal("crolua: CROLUA_LUA_MEMORY is 'lots'; give a size such as 512M\n", result.err)
      assert.same({ "", 1 }, { result.out, result.status })
    end)

    it("dies of a broken pipe as any filter does", function()
      local command = program.quote(program.crolua()) .. " -e 'while true do print(1) end' | head -1"
      assert.equal("1\n", program.shell(folder, command).out)
    end)
  end)

  describe("with a main chunk that waits", function()
    it("awaits at top level, in -e and in LUA_INIT", function()
      local text = "local cro = require 'cro'\ncro.sleep(0.01)\nprint(cro.await(cro.start(function() return 42 end)))"
      assert.equal("42\n", script(text).out)
      assert.equal("ok\n", run("-e 'require(\"cro\").sleep(0.01) print \"ok\"'").out)
      local init = "LUA_INIT='require(\"cro\").sleep(0.01) print \"a\"'"
      assert.equal("a\nb\n", run("-e 'print \"b\"'", { env = init }).out)
    end)

    it("lets a module wait while it loads, once for all who require it", function()
      file("slow.lua", "print('loading ' .. ...) require('cro').sleep(0.02) return { name = ... }")
      local result = script [[
        local cro = require "cro"
        local one = cro.start(function() return require "slow" end)
        local two = cro.start(function() return require "slow" end)
        print(cro.await(one) == cro.await(two), require("slow").name, package.loaded.slow.name)]]
      assert.equal("loading slow\ntrue\tslow\tslow\n", result.out)
      assert.equal("", result.err)
    end)

    it("refuses a loop of modules, also one that goes through two fibers", function()
      file("one.lua", "require('cro').sleep(0.01) return require 'two'")
      file("two.lua", "require('cro').sleep(0.01) return require 'one'")
      file("me.lua", "return require 'me'")
      local result = script [[
        local cro = require "cro"
        print(pcall(require, "me"))
        local one = cro.start(function() return require "one" end)
        local two = cro.start(function() return require "two" end)
        print(cro.pawait(one))
        print(cro.pawait(two) == nil)]]
      assert.equal("false\tloop or previous error loading module 'me'\n"
        .. "nil\tloop or previous error loading module 'two'\ntrue\n", result.out)
    end)

    it("keeps require's texts and the place of an error inside a module", function()
      file("bad.lua", "local function f() error 'inside' end\nf()")
      file("syntax.lua", "x x")
      local result = script [[
        print(pcall(require))
        local ok, message = pcall(require, "syntax")
        print(ok, message:match "^[^\n]*")
        print(pcall(dofile, "nofile.lua"))
        require "bad"]]
      assert.equal("false\tbad argument #1 to 'require' (string expected, got no value)\n"
        .. "false\terror loading module 'syntax' from file './syntax.lua':\n"
        .. "false\tcannot open nofile.lua: No such file or directory\n", result.out)
      assert.matches("^crolua: %./bad.lua:1: inside\nstack traceback:\n\t%[C%]: in function 'error'\n"
        .. "\t%./bad.lua:1: in function 'f'\n\t%./bad.lua:2: in main chunk\n", result.err)
    end)

    it("lets a file run by dofile wait and return what it likes", function()
      file("part.lua", "require('cro').sleep(0.01) return 1, nil, 3")
      assert.equal("1\tnil\t3\n", script("print(dofile 'part.lua')").out)
    end)
  end)

  describe("at its end", function()
    it("runs what was deferred and closes what is open, whether the script failed or not", function()
      local text = [[
        local cro = require "cro"
        cro.defer(function() cro.sleep(0.01) print "deferred" end)
        cro.Supply.interval(0.01):tap(function() end)
      ]]
      local result = script(text)
      assert.same({ "deferred\n", 0 }, { result.out, result.status })
      result = script(text .. "error 'late'")
      assert.same({ "deferred\n", 1 }, { result.out, result.status })
    end)

    local statuses = { ["3"] = 3, ["0"] = 0, [""] = 0, ["true"] = 0, ["false"] = 1, ["255"] = 255 }
    for argument, status in pairs(statuses) do
      it(("ends with %d for os.exit(%s), on the clean way"):format(status, argument), function()
        local result = script(("require('cro').defer(function() print 'deferred' end)\n"
          .. "pcall(function() os.exit(%s) end)\nprint 'not reached'"):format(argument))
        assert.same({ "deferred\n", "", status }, { result.out, result.err, result.status })
      end)
    end

    it("runs no line after os.exit in a handler, neither there nor behind the react", function()
      local result = script [[
        local cro = require "cro"
        cro.react(function()
          cro.whenever(cro.Supply.interval(0.01), function(n)
            if n == 2 then pcall(os.exit, 4) print "not reached" end
          end)
        end)
        print "not reached either"]]
      assert.same({ "", "", 4 }, { result.out, result.err, result.status })
    end)

    it("leaves from a coroutine and from a callback of C as well", function()
      assert.equal(5, script("coroutine.wrap(function() os.exit(5) end)()").status)
      assert.equal(6, script("print((('x'):gsub('x', function() os.exit(6) end)))").status)
    end)

    it("does not wait for fibers that the script left running", function()
      local result = script [[
        local cro = require "cro"
        cro.start(function() cro.sleep(30) print "not reached" end)
        print "done"]]
      assert.same({ "done\n", 0 }, { result.out, result.status })
    end)
  end)

  describe("at its prompt", function()
    local function prompt(input, options)
      options = options or {}
      options.stdin = input
      local result = run("-i", options)
      assert.equal(0, result.status)
      return (result.out:gsub("^crolua[^\n]*\n", "")), result.err
    end

    it("shows expressions, with and without =, and nothing for statements", function()
      assert.equal("> 2\n> 3\n> > 1\tnil\n> \n", (prompt("1+1\n=3\nx = 1\nreturn x, nil\n")))
    end)

    it("asks for more until a statement is whole", function()
      assert.equal("> >> >> 1\n2\n> \n", (prompt("for i = 1, 2 do\nprint(i)\nend\n")))
    end)

    it("shows errors and goes on", function()
      local out, err = prompt("error 'oh'\nx x\nprint 'still here'\nerror({})\n")
      assert.equal("> > > still here\n> > \n", out)
      assert.equal("stdin:1: oh\nstack traceback:\n\t[C]: in function 'error'\n"
        .. "\tstdin:1: in main chunk\n\t[C]: ?\nstdin:1: '=' expected near 'x'\n"
        .. "(error object is not a string)\n", err)
    end)

    it("awaits, and has the names of cro at hand", function()
      assert.equal("> 42\n> \n", (prompt("await(start(function() sleep(0.01) return 42 end))\n")))
    end)

    it("takes its prompts from _PROMPT and _PROMPT2", function()
      assert.equal("> cro: cro. cro: \n", (prompt("_PROMPT, _PROMPT2 = 'cro: ', 'cro. '\ndo\nend\n")))
    end)

    it("lets timers tick while nobody types", function()
      local count = "function tick() n = n + 1 if n == 6 then io.open('ticked', 'w'):close() end end"
      local command = ("(echo %s; until [ -e ticked ]; do sleep 0.02; done; echo '=n > 5') | "):format(
        program.quote("n = 0 " .. count .. " t = Supply.interval(0.02):tap(tick)"))
        .. program.quote(program.crolua()) .. " -i"
      assert.matches("\n> > true\n> \n$", program.shell(folder, command).out)
    end)

    it("follows a script with -i, and ends with the status of os.exit", function()
      file("before.lua", "answer = 41")
      local result = run("-i before.lua", { stdin = "answer + 1\nos.exit(7)\n" })
      assert.matches("\n> 42\n> $", result.out)
      assert.equal(7, result.status)
    end)
  end)

  describe("finding its own files", function()
    it("works from an installed prefix, through a link, with no environment", function()
      local prefix = folder .. "/prefix"
      os.execute(("mkdir -p %s/bin %s/share/lua && cp -r lua %s/share/lua/5.1"):format(prefix, prefix, prefix))
      os.execute(("cp %s %s/bin/crolua && ln -s %s/bin/crolua %s/lua"):format(
        program.quote(program.crolua()), prefix, prefix, folder))
      local command = "env -i ./lua -e 'print(package.path)'"
      local result = program.shell(folder, command)
      assert.equal("", result.err)
      assert.matches(prefix .. "/share/lua/5.1/?.lua", result.out, 1, true)
      assert.matches("^lua: ", program.shell(folder, "env -i ./lua nofile.lua").err)
    end)

    it("keeps ./?.lua in front of package.path and adds to LUA_PATH", function()
      assert.matches("^%./%?%.lua;", run("-e 'print(package.path)'").out)
      local result = run("-e 'print(package.path) require \"cro\"'", { env = "LUA_PATH=/nowhere/?.lua" })
      assert.matches("/nowhere/?.lua", result.out, 1, true)
      assert.equal(0, result.status)
    end)
  end)
end)
