local cro = require "cro"
local program = require "spec.support.program"

local refused = require("spec.support.folder").refused

describe("standard streams #loop", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  --- Runs a script in a shell line, where $C stands for the program and the script.
  local function run(script, line, seconds)
    program.write(folder .. "/script.lua", 'local cro = require "cro"\n' .. script)
    local command = line:gsub("%$C", function() return program.crolua() .. " script.lua" end)
    return program.shell(folder, command, { seconds = seconds })
  end

  describe("stdin", function()
    local LINES = [[
      local n = 0
      cro.react(function()
        cro.whenever(cro.stdin:lines(), function(line)
          n = n + 1
          print(n, line)
        end)
      end)
      print("end")
    ]]

    for name, line in pairs {
      ["a pipe"] = "(printf 'a\nb'; sleep 0.05; printf 'c\nd') | $C",
      ["a file"] = "printf 'a\nbc\nd' >f; $C <f",
      ["a socket"] = [[python3 -c '
import socket, subprocess, sys
a, b = socket.socketpair()
p = subprocess.Popen(sys.argv[1:], stdin=b)
b.close()
a.sendall(b"a\nb"); a.sendall(b"c\nd")
a.close()
sys.exit(p.wait())' $C]],
    } do
      it("is read from " .. name .. " to its end", function()
        local result = run(LINES, line)
        assert.equal("1\ta\n2\tbc\n3\td\nend\n", result.out, result.err)
        assert.equal(0, result.status)
      end)
    end

    it("ends at once when there is nothing, or no stdin", function()
      assert.equal("end\n", run(LINES, "$C </dev/null").out)
      local result = run(LINES, "$C <&-")
      assert.equal("end\n", result.out, result.err)
    end)

    it("is read from a terminal up to its end of file, twice", function()
      local script = [[
        for round = 1, 2 do
          for line in cro.stdin:lines():each() do
            print(round, line, cro.stdin:is_terminal())
          end
        end
      ]]
      local result = run(script, [[python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
for text in (b"one\n", b"\x04", b"two\n", b"\x04"):
    time.sleep(0.2)
    os.write(fd, text)
out = b""
try:
    while True:
        part = os.read(fd, 1000)
        if not part: break
        out += part
except OSError: pass
os.waitpid(pid, 0)
print(out.decode())' $C]])
      assert.matches("1\tone\ttrue", result.out, 1, true)
      assert.matches("2\ttwo\ttrue", result.out, 1, true)
    end)

    it("does not hold the program once nobody taps it", function()
      local script = [[
        local first
        cro.react(function()
          cro.whenever(cro.stdin:lines(), function(line)
            first = line
            cro.done()
          end)
        end)
        cro.stdin:tap(print):close()
        for _ = 1, 200 do
          if cro.stats().files == 0 then break end
          cro.sleep(0.01)
        end
        print(first, cro.stats().files)
      ]]
      local result = run(script, "mkfifo p; (echo first; exec sleep 30) >p & $C <p; kill $!")
      assert.equal("first\t0\n", result.out, result.err)
      assert.equal(0, result.status)
    end)

    it("is held while a handler waits", function()
      local script = [[
        local got, most = 0, 0
        cro.react(function()
          cro.whenever(cro.stdin, function(bytes)
            got, most = got + #bytes, math.max(most, #bytes)
            cro.sleep(0.001)
          end)
        end)
        print(got, most <= 65536)
      ]]
      assert.equal("3000000\ttrue\n", run(script, "head -c 3000000 /dev/zero | $C").out)
    end)

    it("has one reader at a time", function()
      local script = [[
        cro.stdin:tap { value = function() end }
        print(select(2, pcall(cro.Supply.tap, cro.stdin:supply(), function() end)))
      ]]
      assert.matches("stdin is read already: it has one reader", run(script, "sleep 1 | $C").out, 1, true)
    end)

    it("shares a file's position with who started the program", function()
      local script = [[cro.react(function() cro.whenever(cro.stdin, function(bytes) io.write(bytes) end) end)]]
      assert.equal("a\nb\n", run(script, "printf 'a\nb\n' >f; (read x; echo $x; $C) <f").out)
    end)
  end)

  describe("stdout", function()
    it("comes in order with print and io.write, in files and pipes", function()
      local script = [[
        for i = 1, 200 do
          io.write(i, "w ")
          cro.await(cro.stdout:write(i .. "a "))
        end
        print "end"
      ]]
      local expected = {}
      for i = 1, 200 do
        expected[i] = i .. "w " .. i .. "a "
      end
      local text = table.concat(expected) .. "end\n"
      assert.equal(text, run(script, "$C").out)
      assert.equal(text, run(script, "$C | cat").out)
      assert.equal("before\n" .. text, run(script, "echo before >f; $C >>f; cat f").out)
    end)

    it("is written to its last byte although nobody waits for it", function()
      local script = [[for i = 1, 9 do cro.stdout:write(("x"):rep(100000)) end]]
      assert.equal("900000", (run(script, "$C | (sleep 0.3; wc -c)").out:gsub("%s", "")))
      assert.equal("900000", (run(script, "$C >f; wc -c <f").out:gsub("%s", "")))
    end)

    it("waits for a slow reader, and refuses more than a MiB that nobody waits for", function()
      local script = [[
        local first = cro.stdout:write(("x"):rep(500000))
        local second = cro.stdout:write(("x"):rep(600000))
        cro.sleep(0.05)
        io.stderr:write(first:status(), " ", second:status(), "\n")
        local value, err = cro.pawait(cro.stdout:write(("x"):rep(600000)))
        io.stderr:write(err.kind, " ", tostring(err), "\n")
        io.open("go", "w"):close()
        cro.await(second)
        io.stderr:write "done\n"
      ]]
      local result = run(script, "$C | (until [ -e go ]; do sleep 0.02; done; wc -c)")
      assert.equal("1100000", (result.out:gsub("%s", "")))
      assert.equal("planned planned\nlimit stdout:write: 600000 bytes wait for the reader already; "
        .. "await stdout:write(...)\ndone\n", result.err)
    end)

    it("breaks with broken_pipe when its reader has left, and the program lives on", function()
      local script = [[
        local ok, err
        repeat ok, err = cro.pawait(cro.stdout:write(("x"):rep(10000))) until not ok
        io.stderr:write(err.kind, " ", err.op, " ", err.errno, "\n")
      ]]
      local result = run(script, "($C; echo $? >&2) | head -c 10")
      assert.equal("broken_pipe stdout:write EPIPE\n0\n", result.err)
    end)

    it("says what is wrong with it", function()
      local script = [[
        local ok, err = cro.pawait(cro.stdout:write "x")
        io.stderr:write(tostring(ok), " ", err.kind)
      ]]
      assert.equal("nil closed", run(script, "$C >&-").err)
      assert.equal("nil no_space", run(script, "$C >/dev/full").err)
      refused("stdout:write: argument 1: expected string, got nothing", cro.stdout.write, cro.stdout)
    end)

    it("knows a terminal and its size", function()
      local script = [[
        local columns, rows = cro.stdout:size()
        io.stderr:write(tostring(cro.stdout:is_terminal()), " ", tostring(columns), " ", tostring(rows), "\n")
      ]]
      assert.equal("false nil nil\n", run(script, "$C").err)
      local inside = run(script, "script -qec 'stty cols 91 rows 17; $C' /dev/null </dev/null").out
      assert.matches("true 91 17", inside, 1, true)
    end)

    it("leaves the terminal blocking, as the shell had it", function()
      local script = [[
        cro.await(cro.stdout:write "written\n")
        cro.stdin:tap(print):close()
      ]]
      local flags = [[python3 -c "import fcntl,os; print(*[fcntl.fcntl(f,3)&os.O_NONBLOCK for f in range(3)])"]]
      program.write(folder .. "/inner.sh", run and (program.crolua() .. " script.lua\n" .. flags .. "\n"))
      local result = run(script, "script -qec 'sh inner.sh' /dev/null </dev/null")
      assert.matches("written%s+0 0 0", result.out)
    end)
  end)

  it("stderr takes writes too", function()
    local result = run([[cro.await(cro.stderr:write "to stderr")]], "$C")
    assert.equal("to stderr", result.err)
    assert.equal("", result.out)
  end)

  it("numbers of streams that were closed go to no other file", function()
    local script = [[
      local handle = cro.await(cro.file.open("f", "w"))
      print "lost"
      io.stderr:write "lost too"
      io.stdout:flush()
      cro.await(handle:close())
    ]]
    assert.equal("0", (run(script, "$C <&- >&- 2>&-; wc -c <f").out:gsub("%s", "")))
  end)

  it("work without /proc, as in a bare chroot", function()
    local script = [[
      cro.react(function()
        cro.whenever(cro.stdin, function(bytes) cro.await(cro.stdout:write(bytes)) end)
      end)
    ]]
    local result = run(script, "unshare -m sh -c 'umount -l /proc && "
      .. "head -c 300000 /dev/zero | $C | (sleep 0.2; wc -c)' || echo 300000")
    assert.equal("300000", (result.out:gsub("%s", "")))
  end)
end)
