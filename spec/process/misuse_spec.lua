local cro = require "cro"
local children = require "spec.support.children"
local program = require "spec.support.program"

--- Calls are refused with this text.
local function refuses(text, fn, ...)
  local message = children.refusal(fn, ...)
  assert.matches("^[^:]*:%d+: ", message)
  assert.equal(text, (message:gsub("^[^:]*:%d+: ", "")))
end

local function make(...)
  local n, given = select("#", ...), { ... }
  return function() return cro.process(unpack(given, 1, n)) end
end

describe("a process is refused #loop", function()
  it("without a command, or with what the system cannot be given", function()
    local rows = {
      { make(), 'cro.process: a command expected, as in cro.process("ls", "-l")' },
      { make {}, 'cro.process: a command expected, as in cro.process("ls", "-l")' },
      { make "", "cro.process: the command is empty" },
      { make(12), "cro.process: the command: a string expected, got the number 12" },
      { make("ls", nil, "x"), "cro.process: argument 1: a string expected, got nothing" },
      { make("ls", "x", true), "cro.process: argument 2: a string expected, got the boolean true" },
      { make("ls", "a\0b"), "cro.process: argument 1 has a zero byte in it, which ends a string for the system" },
      { make { "ls", cwd = "a\0b" }, "cro.process: cwd has a zero byte in it, which ends a string for the system" },
      { make { "ls", [3] = "x" }, "cro.process: argument 1: a string expected, got nothing" },
    }
    for _, row in ipairs(rows) do
      refuses(row[2], row[1])
    end
  end)

  it("with options it does not know, or of another kind", function()
    refuses('cro.process: unknown option "cdw"; did you mean "cwd"?', make { "ls", cdw = "/" })
    refuses('cro.process: unknown option "clearenv"; did you mean "clear_env"?', make("ls", { clearenv = true }))
    refuses('cro.process: option "cwd": expected string, got a table', make { "ls", cwd = {} })
    refuses('cro.process: option "timeout": expected a number of seconds above 0, got the number 0',
      make { "ls", timeout = 0 })
    refuses('cro.process: option "kill_after": expected 0 or more, got the number -1', make { "ls", kill_after = -1 })
    refuses('cro.process: option "uid": expected integer, got the string "root"', make { "ls", uid = "root" })
    refuses('cro.process: option "uid": expected 0 or more, got the number -1', make { "ls", uid = -1 })
    refuses("cro.process: stop_signal: 'NONE' is no signal; give a name such as SIGTERM",
      make { "ls", stop_signal = "NONE" })
    refuses('cro.process: pty: unknown option "col"; did you mean "cols"?', make { "ls", pty = { col = 80 } })
    refuses('cro.process: pty: option "rows": expected 1 to 65535, got the number 0', make { "ls", pty = { rows = 0 } })
    refuses("cro.process: with pty the terminal is the stdin too: leave that out",
      make { "ls", pty = true, stdin = "pipe" })
  end)

  it("with a standard descriptor that is none", function()
    refuses('cro.process: stdin: expected "pipe", "null", "inherit", an open file or a descriptor, '
      .. 'or the output of another process, got the string "stdout"', make { "ls", stdin = "stdout" })
    refuses('cro.process: stdout: expected "pipe", "null", "inherit", an open file or a descriptor, '
      .. "got the number -1", make { "ls", stdout = -1 })
    refuses('cro.process: stderr: expected "pipe", "null", "inherit", "stdout", an open file or a descriptor, '
      .. "got a table", make { "ls", stderr = {} })
    local file = io.tmpfile()
    file:close()
    refuses('cro.process: stdout: expected "pipe", "null", "inherit", an open file or a descriptor, got a userdata',
      make { "ls", stdout = file })
  end)

  it("with an environment that is none", function()
    local function start(env) return cro.process { "true", env = env } end
    refuses('cro.process: env: a name without "=" expected, got the string "A=B"', start, { ["A=B"] = "x" })
    refuses('cro.process: env: a name without "=" expected, got the string ""', start, { [""] = "x" })
    refuses('cro.process: env: a name without "=" expected, got the number 1', start, { "A=B" })
    refuses("cro.process: env.A: a string expected, or false for none, got the boolean true", start, { A = true })
    refuses("cro.process: env.A has a zero byte in it, which ends a string for the system", start, { A = "\0" })
  end)
end)

describe("using a process wrongly #loop", function()
  it("is an error at the line of the script", function()
    local folder = program.folder()
    program.write(folder .. "/script.lua", [[
      local process = require("cro").process
      for _, fn in ipairs {
        function() process() end,
        function() process { "ls", cdw = 1 } end,
        function() process { "ls", stdin = {} } end,
        function() process "ls":kill() end,
        function() process "ls":write "x" end,
        function() process.run() end,
      } do print((select(2, pcall(fn)):match "^script.lua:%d+")) end
    ]])
    local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua")
    program.remove(folder)
    assert.equal("script.lua:3\nscript.lua:4\nscript.lua:5\nscript.lua:6\nscript.lua:7\nscript.lua:8\n", result.out)
  end)

  it("says that it must be started first", function()
    local child = cro.process { "cat", stdin = "pipe" }
    for _, method in ipairs { "write", "print", "say", "close_stdin", "kill", "promise" } do
      refuses(("process:%s: 'cat' must be started first: call start()"):format(method), function()
        child[method](child, method == "kill" and "TERM" or "x")
      end)
    end
  end)

  it("says that it was started already", function()
    local child = cro.process { "true", stdout = "null" }
    local ended = child:start()
    refuses("process:start: 'true' was started already; each run takes a process of its own",
      function() child:start() end)
    refuses("process:bind_stdin: 'true' was started already", function() child:bind_stdin "null" end)
    refuses("process:stderr: 'true' was started already: take its output before start",
      function() child:stderr() end)
    cro.await(ended)
  end)

  it("says what makes its input open for writing", function()
    local child = cro.process { "true" }
    local ended = child:start()
    for _, method in ipairs { "write", "print", "say" } do
      refuses(("process:%s: 'true' is not open for writing: give it stdin = \"pipe\""):format(method),
        function() child[method](child, "x") end)
    end
    cro.await(ended)
    child = cro.process { "cat", stdin = "pipe", stdout = "null" }
    ended = child:start()
    refuses("process:write: a string expected, got the number 12; print writes other values",
      function() child:write(12) end)
    child:close_stdin()
    cro.await(ended)
  end)

  it("says who reads its output", function()
    local child = cro.process "true"
    child:supply()
    refuses("process:stdout: supply is all output of 'true' in one; take that or stdout and stderr",
      function() child:stdout() end)
    child = cro.process { "true", stdout = "null" }
    child:stderr()
    refuses("process:supply: supply is all output of 'true' in one; take that or stdout and stderr",
      function() child:supply() end)
    refuses("process:stdout: the option stdout of 'true' is not \"pipe\"", function() child:stdout() end)
    refuses("process:bind_stderr: the stderr of 'true' was taken as a supply", function() child:bind_stderr "null" end)
    child = cro.process "true"
    local out = child:stdout()
    out:tap(print)
    assert.equal("stdout of 'true' is read already: it has one reader", children.refusal(out.tap, out, print))
    refuses("process:bind_stdin: stdout of 'true' is read already: it has one reader",
      function() cro.process "cat":bind_stdin(out) end)
    child:close()
  end)

  it("says what a signal and a size are", function()
    local child = cro.process { "sleep", "10" }
    local ended = child:start()
    refuses('process:kill: a signal such as "SIGTERM" expected, got a table', function() child:kill {} end)
    refuses("process:kill: 'SIGNONE' is no signal; give a name such as SIGTERM", function() child:kill "SIGNONE" end)
    refuses("process:kill: '0' is no signal; give a name such as SIGTERM", function() child:kill(0) end)
    refuses("process:resize: 'sleep' has no terminal: give it pty = true", function() child:resize(80, 24) end)
    child:close()
    cro.await(ended)
    child = cro.process { "true", pty = true }
    refuses('process:resize: option "rows": expected 1 to 65535, got the number 70000',
      function() child:resize(80, 70000) end)
    refuses("process:stderr: 'true' has a terminal, where all output is one: take stdout",
      function() child:stderr() end)
    refuses("process:bind_stdin: the terminal is the stdin of 'true'", function() child:bind_stdin "null" end)
  end)
end)
