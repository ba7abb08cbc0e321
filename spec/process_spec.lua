local cro = require "cro"
local children = require "spec.support.children"
local program = require "spec.support.program"
local garbage = require "spec.support.garbage"
local await, pawait = cro.await, cro.pawait
local sh, process = children.sh, children.process

--- Everything of a supply, in one string.
local function all(supply) return table.concat(await(supply:list())) end

local function broken(promise, kind, text)
  local value, err = pawait(promise)
  assert.is_nil(value)
  assert.equal(kind, err.kind)
  assert.equal(text, tostring(err))
  return err
end

describe("a process #loop", function()
  after_each(function()
    garbage.collect()
    children.eventually(function() return children.open() == "0 processes, 0 pipes" end)
  end)

  describe("has output", function()
    it("on stdout and stderr, each a supply of bytes", function()
      local child = process "printf 'out\\0put'; printf error >&2"
      local out, err = child:stdout():list(), child:stderr():list()
      local info = await(child:start())
      assert.equal("out\0put", table.concat(await(out)))
      assert.equal("error", table.concat(await(err)))
      assert.equal(0, info.code)
    end)

    it("that is a supply of its own: whenever takes the process", function()
      local lines = {}
      local child = process "echo one; echo two >&2; echo three"
      cro.react(function()
        cro.whenever(child:supply():lines(), function(line) lines[#lines + 1] = line end)
        cro.whenever(child:start(), function(info) lines[#lines + 1] = tostring(info) end)
      end)
      assert.same({ "one", "two", "three", "exit code 0" }, lines)
      local seen = {}
      child = process "echo both"
      cro.react(function()
        cro.whenever(child, function(bytes) seen[#seen + 1] = bytes end)
        child:start()
      end)
      assert.same({ "both\n" }, seen)
    end)

    it("that was all delivered when its end is told", function()
      local child, size, at_end = process "head -c 300000 /dev/zero", 0, nil
      cro.react(function()
        cro.whenever(child:stdout(), function(bytes)
          cro.sleep(0.001)
          size = size + #bytes
        end)
        cro.whenever(child:start(), function() at_end = size end)
      end)
      assert.equal(300000, at_end)
    end)

    it("that waits in the pipe for whoever taps after the end", function()
      local child = process "echo late"
      local out = child:stdout()
      await(child:start())
      assert.equal("late\n", all(out))
    end)

    it("that goes where this program's goes when nobody takes it", function()
      local folder = program.folder()
      program.write(folder .. "/script.lua", [[
        local cro = require "cro"
        io.write "before\n"
        cro.await(cro.process("sh", "-c", "echo out; echo err >&2; read line; echo got $line"):start())
        print "after"
      ]])
      local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua", { stdin = "input\n" })
      program.remove(folder)
      assert.same({ out = "before\nout\ngot input\nafter\n", err = "err\n", status = 0 }, result)
    end)

    it("that may be thrown away, or go to a file or a descriptor", function()
      local file = io.tmpfile()
      file:write "mine "
      local child = process("echo theirs; echo error >&2", { stdout = file, stderr = "null" })
      await(child:start())
      file:seek "set"
      assert.equal("mine theirs\n", file:read "*a")
      child = process "echo more >&2; echo nothing":bind_stdout("null"):bind_stderr(file)
      await(child:start())
      file:seek "set"
      assert.equal("mine theirs\nmore\n", file:read "*a")
      file:close()
      assert.same("", sh("echo x", { stdout = "null" }).stdout)
    end)

    it("that goes to a file of cro.file, from where that stands", function()
      local folder = program.folder()
      local file = await(cro.file.open(folder .. "/log", "w+"))
      await(file:write "first\n")
      assert.equal(0, await(process("echo second", { stdout = file, stderr = "stdout" }):start()).code)
      assert.equal("first\nsecond\n", await(cro.file.read(folder .. "/log")))
      assert.equal("second\n", sh("cat", { stdin = file }).stdout)
      await(file:close())
      assert.matches("stdin: expected .*, got a table", children.refusal(cro.process, { "cat", stdin = file }))
      program.remove(folder)
    end)

    it("with stderr in its stdout, in the order it was written", function()
      local script = "for i in 1 2 3; do echo out$i; echo err$i >&2; done"
      assert.equal("out1\nerr1\nout2\nerr2\nout3\nerr3\n", sh(script, { stderr = "stdout" }).stdout)
    end)

    it("whose reader may stop: the process hears of it", function()
      local child, count = process "while echo line; do :; done", 0
      cro.react(function()
        cro.whenever(child:stdout():lines(), function()
          count = count + 1
          if count == 3 then cro.last() end
        end)
        cro.whenever(child:start(), function(info) assert.equal("SIGPIPE", info.signal) end)
      end)
      assert.equal(3, count)
    end)
  end)

  describe("takes input", function()
    it("that is written, printed and said, until it is closed", function()
      local child = cro.process { "cat", stdin = "pipe" }
      local out = child:stdout():list()
      local ended = child:start()
      assert.equal(6, await(child:write "bytes\0"))
      child:print("a number ", 12)
      child:say(" and a line")
      child:close_stdin()
      assert.equal(0, await(ended).code)
      assert.equal("bytes\0a number 12 and a line\n", table.concat(await(out)))
      local _, err = pawait(child:write "more")
      assert.equal("closed", err.kind)
    end)

    it("from a file, and from nothing", function()
      local file = io.tmpfile()
      file:write "from a file"
      file:seek "set"
      assert.equal("from a file", sh("cat", { stdin = file }).stdout)
      file:close()
      assert.equal("", sh("cat", { stdin = "null" }).stdout)
      local child = process "cat":bind_stdin "null"
      local out = child:stdout():list()
      child:start()
      assert.same({ n = 0 }, await(out))
    end)

    it("until it closes it: then writing breaks with broken_pipe", function()
      local child = process("exec <&-; echo ready; sleep 5", { stdin = "pipe" })
      cro.react(function()
        cro.whenever(child:stdout(), function()
          child:write("x"):observe()
          local _, err = pawait(child.input:closed())
          assert.equal("broken_pipe", err.kind)
          _, err = pawait(child:write "y")
          assert.equal("broken_pipe", err.kind)
          child:kill "KILL"
        end)
        cro.whenever(child:start(), function(info) assert.equal("SIGKILL", info.signal) end)
      end)
    end)

    it("no faster than it reads it", function()
      local folder = program.folder()
      local child = process("until [ -e go ]; do sleep 0.01; done; wc -c", { stdin = "pipe", cwd = folder })
      local out = child:stdout():list()
      child:start()
      local writing = cro.start(function()
        for _ = 1, 16 do
          await(child:write(("x"):rep(65536)))
        end
        child:close_stdin()
      end)
      cro.sleep(0.05)
      assert.equal("planned", writing:status())
      program.write(folder .. "/go", "")
      assert.equal(16 * 65536, tonumber(table.concat(await(out))))
      await(writing)
      program.remove(folder)
    end)
  end)

  describe("ends", function()
    it("with an exit code, or the signal that ended it", function()
      for _, code in ipairs { 0, 1, 3, 255 } do
        local info = await(process("exit " .. code):start())
        assert.same({ code, nil }, { info.code, info.signal })
        assert.equal("exit code " .. code, tostring(info))
      end
      local info = await(process "kill -ABRT $$":start())
      assert.same({ nil, "SIGABRT" }, { info.code, info.signal })
      assert.equal("ended by SIGABRT", tostring(info))
      assert.is_number(info.pid)
    end)

    it("by any signal it is sent: SIGHUP unless another is named", function()
      for given, name in pairs { [false] = "SIGHUP", TERM = "SIGTERM", SIGINT = "SIGINT", [9] = "SIGKILL" } do
        local child = cro.process("sleep", 10)
        local ended = child:start()
        assert.is_true(given and child:kill(given) or not given and child:kill())
        assert.equal(name, await(ended).signal)
        assert.is_false(child:kill())
      end
    end)

    it("with its whole group, when it has one", function()
      local child = process("sleep 20 & echo $!; wait", { group = true })
      local pid
      cro.react(function()
        cro.whenever(child:stdout():lines(), function(line)
          pid = tonumber(line)
          child:kill "TERM"
        end)
        cro.whenever(child:start(), function(info) assert.equal("SIGTERM", info.signal) end)
      end)
      children.eventually(function()
        local stat = io.open("/proc/" .. pid .. "/stat")
        local state = stat and stat:read("*a"):match "%) (%a)"
        if stat then stat:close() end
        return not state or state == "Z"
      end)
    end)

    it("when its time is over: the promise breaks", function()
      local child = cro.process { "sleep", 10, timeout = 0.05 }
      local err = broken(child:start(), "timeout", "'sleep' did not end within 0.05 s")
      assert.equal("SIGTERM", err.signal)
    end)

    it("by SIGKILL when it does not heed SIGTERM", function()
      local child = process("trap '' TERM; echo ready; while :; do sleep 1; done", { kill_after = 0.1 })
      local closed
      cro.react(function()
        cro.whenever(child:stdout(), function() closed = child:close() end)
        cro.whenever(child:start(), function(info) assert.equal("SIGKILL", info.signal) end)
      end)
      assert.is_true(await(closed))
      assert.is_false(children.exists(child:pid()))
    end)

    it("by the signal its options name", function()
      local child = process("trap 'exit 7' INT; echo ready; while :; do sleep 0.01; done", { stop_signal = "INT" })
      local info
      cro.react(function()
        cro.whenever(child:stdout(), function() child:close() end)
        cro.whenever(child:start(), function(value) info = value end)
      end)
      assert.equal(7, info.code)
    end)

    it("when its promise is cancelled", function()
      local child = cro.process("sleep", 10)
      local ended = child:start()
      ended:cancel()
      local _, err = pawait(ended)
      assert.equal("cancelled", err.kind)
      children.eventually(function() return not children.exists(child:pid()) end)
    end)

    it("within its time although others hold its output", function()
      local child = process("sleep 60 & echo out; exit 0", { timeout = 0.5, kill_after = 0.1 })
      local out = child:stdout():list()
      local began = cro.now()
      broken(child:start(), "timeout", "'sh' did not end within 0.5 s")
      assert.is_true(cro.now() - began < 30)
      assert.same({ "out\n", n = 1 }, await(out))
    end)
  end)

  describe("that cannot be started", function()
    it("breaks its promises, saying what is missing", function()
      local child = cro.process("no-such-command", 1)
      local ready = child:ready()
      local err = broken(child:start(), "not_found", "'no-such-command' cannot be started: no such command")
      assert.equal("no-such-command", err.command)
      broken(ready, "not_found", tostring(err))
      broken(child:ready(), "not_found", tostring(err))
      assert.is_nil(child:pid())
      assert.is_false(child:kill())
      broken(cro.process("./missing"):start(), "not_found", "'./missing' cannot be started: no such file or directory")
      broken(cro.process("/etc/passwd"):start(), "access", "'/etc/passwd' cannot be started: permission denied")
      broken(cro.process { "ls", cwd = "/nowhere" }:start(), "not_found",
        "'ls' cannot be started: its working directory '/nowhere': no such file or directory")
      broken(cro.process { "./none", cwd = "/" }:start(), "not_found",
        "'./none' cannot be started: no such file or directory (in the working directory '/')")
    end)

    it("has output that is done", function()
      local child, ended = cro.process "no-such-command", false
      cro.react(function()
        cro.whenever(child:stdout(), error):last(function() ended = true end)
        cro.whenever(child:start(), error):quit(function(err) assert.equal("not_found", err.kind) end)
      end)
      assert.is_true(ended)
    end)

    it("for lack of descriptors is told so, and leaves none open", function()
      local folder = program.folder()
      program.write(folder .. "/script.lua", [[
        local cro, children = require "cro", require "spec.support.children"
        local before, held = children.descriptors(), {}
        repeat held[#held + 1] = io.open "/dev/null" until #held == 100 or children.descriptors() == 48
        local kinds = {}
        for _ = 1, 5 do -- with none, one, two, ... to spare
          local child = cro.process { "cat", stdin = "pipe" }
          child:stdout()
          child:stderr()
          local _, err = cro.pawait(child:start())
          kinds[#kinds + 1] = tostring(err)
          table.remove(held):close()
        end
        for _, file in ipairs(held) do file:close() end
        for _ = 1, 100 do
          collectgarbage()
          if children.open() == "0 processes, 0 pipes" then break end
          cro.sleep(0.01)
        end
        print(children.descriptors() - before, #held > 10, cro.stats().processes, cro.stats().pipes)
        for _, text in ipairs(kinds) do print(text) end
      ]])
      local result = program.shell(folder, ("ulimit -n 48; LUA_PATH='%s/?.lua;;' %s script.lua"):format(
        os.getenv "PWD", program.quote(program.crolua())))
      program.remove(folder)
      assert.equal("0\ttrue\t0\t0\n" .. ("'cat' cannot be started: too many open files\n"):rep(5), result.out)
      assert.equal("", result.err)
    end)
  end)

  it("tells its id when it was started", function()
    local child = cro.process "true"
    local ready = child:ready()
    assert.is_nil(child:pid())
    local ended = child:start()
    assert.equal(child:pid(), await(ready))
    assert.equal(child:pid(), await(child:ready()))
    assert.equal(child:pid(), await(ended).pid)
    assert.equal(ended, child:promise())
    assert.equal(0, await(child).code)
  end)

  it("says what it is", function()
    local child = cro.process("sleep", 10)
    assert.equal("process 'sleep' (not started)", tostring(child))
    local ended = child:start()
    assert.equal(("process 'sleep' (%d, running)"):format(child:pid()), tostring(child))
    child:close()
    await(ended)
    assert.equal(("process 'sleep' (%d, ended by SIGTERM)"):format(child:pid()), tostring(child))
  end)
end)
