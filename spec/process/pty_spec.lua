local cro = require "cro"
local children = require "spec.support.children"
local garbage = require "spec.support.garbage"
local await = cro.await

--- A shell on a terminal.
local function shell(script, size) return children.process(script, { pty = size or true }) end

--- Everything it shows, its lines ended as terminals do.
local function shown(child)
  local out = child:stdout():list()
  await(child:start())
  return (table.concat(await(out)):gsub("\r\n", "\n"))
end

describe("a process on a terminal #loop", function()
  after_each(function()
    garbage.collect()
    children.eventually(function() return children.open() == "0 processes, 0 pipes" end)
  end)

  it("has it as all three descriptors, and controls it", function()
    local script = "for i in 0 1 2; do test -t $i || echo no $i; done; echo err >&2; echo tty >/dev/tty; tty"
    local text = shown(shell(script))
    assert.matches("^err\ntty\n/dev/[%w/]+\n$", text)
  end)

  it("of the size that is asked for", function()
    assert.equal("24 80\n", shown(shell "stty size"))
    assert.equal("10 132\n", shown(shell("stty size", { cols = 132, rows = 10 })))
    local child = shell "stty size"
    child:resize(20, 5)
    assert.equal("5 20\n", shown(child))
  end)

  it("hears of another size by SIGWINCH", function()
    local child = shell "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done"
    local text = {}
    cro.react(function()
      cro.whenever(child:stdout():lines(), function(line)
        text[#text + 1] = line
        if line:find "ready" then assert.is_true(child:resize(100, 30)) end
      end)
      cro.whenever(child:start(), function() end)
    end)
    assert.equal("30 100", (text[#text]:gsub("\r", "")))
    assert.is_false(child:resize(80, 24))
  end)

  it("is not hung up while it ends, though it closes its descriptors before", function()
    for _ = 1, 5 do
      local child = shell "trap 'exit 99' HUP; exec <&- >&- 2>&-; sleep 0.03; exit 7"
      assert.equal(7, await(child:start()).code)
    end
  end)

  it("is typed at", function()
    local child = shell "stty -echo; echo ready; read name; echo hello $name; cat >/dev/null; echo ended"
    local text = {}
    cro.react(function()
      cro.whenever(child:stdout():lines(), function(line)
        line = line:gsub("\r", "")
        text[#text + 1] = line
        if line == "ready" then await(child:say "you") end
        if line:find "^hello" then child:close_stdin() end
      end)
      cro.whenever(child:start(), function(info) assert.equal(0, info.code) end)
    end)
    assert.same({ "ready", "hello you", "ended" }, text)
  end)

  it("is interrupted by ^C", function()
    local child = shell "echo ready; exec sleep 10"
    local info
    cro.react(function()
      cro.whenever(child:stdout(), function(bytes)
        if bytes:find "ready" then child:write "\3" end
      end)
      cro.whenever(child:start(), function(value) info = value end)
    end)
    assert.equal("SIGINT", info.signal)
  end)

  it("shows all before its end is told", function()
    local text = shown(shell "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done")
    local _, count = text:gsub("\n", "")
    assert.equal(2000, count)
  end)

  it("runs though nobody looks", function()
    assert.equal(0, await(shell "head -c 100000 /dev/zero":start()).code)
  end)

  it("is hung up when its output is closed", function()
    local child = shell "echo ready; sleep 10"
    cro.react(function()
      cro.whenever(child:supply(), function() cro.last() end)
      cro.whenever(child:start(), function(info) assert.equal("SIGHUP", info.signal) end)
    end)
  end)

  it("is run to its end as any other", function()
    local result = await(cro.process.run { "sh", "-c", "echo $(tty <&0 >/dev/null && echo terminal)", pty = true })
    assert.equal("terminal\r\n", result.stdout)
    assert.equal("", result.stderr)
  end)
end)
