local program = require "spec.support.program"

describe("CRO_DEBUG=1 #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local function run(text, env)
    program.write(folder .. "/app.lua", "local cro = require 'cro'\n" .. text)
    return program.shell(folder, program.quote(program.crolua()) .. " app.lua", { env = env or "CRO_DEBUG=1" })
  end

  local OPEN = [[
local function open(more)
  cro.react(function()
    local listener = cro.tcp.listen("127.0.0.1", 0)
    cro.whenever(listener, function() end)
    local at = cro.await(listener:address())
    local connection = cro.await(cro.tcp.connect(at.host, at.port))
    cro.whenever(cro.Supply.interval(10), function() end)
    cro.start(function() cro.sleep(100) end)
    if more then more() end
    connection:queued()
  end)
end
]]

  it("tells which handles are open: whose they are, where they were opened and when", function()
    local result = run(OPEN .. [[
      open(function()
        cro.sleep(0.02)
        for _, handle in ipairs(cro.debug.handles()) do
          if handle.opened ~= "?" then
            print(handle.kind, handle.owner, handle.opened, handle.age > 0 and handle.age < 20, (handle.name:gsub("%d+$", "")))
          end
        end
        cro.done()
      end)
      print(#cro.debug.handles())
    ]])
    assert.equal("tcp connection\tthe react block at app.lua:3\tapp.lua:7\ttrue\tTCP connection 127.0.0.1:\n0\n",
      result.out, result.err)
  end)

  it("tells which sources are tapped, where and by whom", function()
    local result = run(OPEN .. [[
      open(function()
        for _, source in ipairs(cro.debug.sources()) do
          print((source.name:gsub(":%d+", "")), source.at, source.owner, source.age < 20)
        end
        cro.done()
      end)
    ]])
    assert.equal("listener 127.0.0.1\tapp.lua:5\tthe react block at app.lua:3\ttrue\n"
      .. "interval\tapp.lua:8\tthe react block at app.lua:3\ttrue\n", result.out, result.err)
  end)

  it("tells which fibers wait, where, called from where, and for how long", function()
    local result = run [[
      local function nap() cro.sleep(10) end
      local function work()
        nap()
        return 1
      end
      cro.start(work)
      cro.sleep(0.02)
      for _, waiting in ipairs(cro.debug.fibers()) do print(waiting.at, waiting.age > 0.01 and waiting.age < 10) end
    ]]
    assert.equal("app.lua:2 in function 'nap'\n\tapp.lua:4: in function <app.lua:3>\ttrue\n", result.out, result.err)
  end)

  it("writes all that at SIGUSR1, and at the end what was still open", function()
    local result = run(OPEN .. [[
      local opened = cro.Promise.new()
      cro.start(open, function() opened:keep() end)
      cro.await(opened)
      cro.sleep(0.01)
      os.execute "kill -USR1 $PPID"
      for _ = 1, 5 do cro.sleep(0.01) end -- each looks at what came
    ]])
    local now, at_end = result.err:match "^crolua: open now:\n(.-)crolua: open at the end:\n(.*)$"
    for _, text in ipairs { now, at_end } do
      assert.matches("  TCP connection 127.0.0.1:%d+ of the react block at app.lua:3, opened at app.lua:7, %d+.%d s old\n", text)
      assert.matches("  listener 127.0.0.1:0, tapped at app.lua:5 by the react block at app.lua:3, for %d+.%d s\n", text)
      assert.matches("  a fiber waits at app.lua:9 in function <app.lua:9>, for %d+.%d s\n", text)
    end
    assert.equal(0, result.status)
  end)

  it("keeps nothing alive: a program that is stuck says so, and who waits", function()
    local result = run [[
      cro.start(function() cro.await(cro.Promise.new()) end)
      cro.await(cro.Promise.new())
    ]]
    assert.equal(1, result.status)
    assert.matches("app.lua:3 waits for ever", result.err, 1, true)
    assert.matches("a fiber waits at app.lua:2 in function <app.lua:2>", result.err, 1, true)
  end)

  local warnings = {
    { "a handle that is collected without being closed", [[
      local bound = cro.Promise.new()
      cro.tcp.listen { port = 0, bound = function(_, port) bound:keep(port) end }:tap(function(c) c:close() end)
      local function lose() cro.await(cro.tcp.connect("localhost", cro.await(bound))) end
      lose()
      collectgarbage() collectgarbage()]],
      "TCP connection [%d.:]+ was collected without being closed; it was opened at app.lua:4\n" },
    { "a supply that nobody tapped", "cro.supply(print):map(tostring)\ncollectgarbage() collectgarbage()",
      "the supply made at app.lua:2 was never tapped, so nothing of it ever ran" },
    { "a fiber that nothing can wake any more", [[
      cro.start(function() cro.await(cro.Promise.new()) end)
      cro.sleep(0)
      collectgarbage() collectgarbage()]],
      "a fiber is lost: nothing that could wake it is left. It waited at app.lua:2 in function <app.lua:2>\n" },
  }
  for _, case in ipairs(warnings) do
    it("warns of " .. case[1], function()
      local result = run(case[2])
      assert.matches("crolua: warning: " .. case[3], result.err)
      assert.equal(0, result.status)
    end)
  end

  it("warns of nothing in a program that loses nothing", function()
    local result = run [[
      local bound = cro.Promise.new()
      local tap = cro.tcp.listen { port = 0, bound = function(_, port) bound:keep(port) end }:tap(function(connection)
        connection:supply():map(string.upper):tap {
          value = function(bytes) connection:write(bytes) end,
          done = function() connection:close() end,
        }
      end)
      local function talk()
        local connection = cro.await(cro.tcp.connect("localhost", cro.await(bound)))
        connection:write "hello"
        connection:shutdown()
        for bytes in connection:supply():each() do print(bytes) end
        connection:close()
      end
      cro.await(cro.start(talk))
      print(cro.await(cro.Supply.merge(cro.Supply.from_list { 1 }, cro.Promise.kept(1):supply()):list()).n)
      cro.react(function() cro.whenever(cro.Promise.after(0), cro.done) end)
      tap:close()
      tap, bound = nil, nil
      cro.sleep(0.05)
      collectgarbage() collectgarbage()
    ]]
    assert.equal("HELLO\n2\n", result.out)
    assert.equal("", result.err)
  end)

  it("adds to errors where jobs were started, callbacks attached, sources tapped, blocks opened", function()
    local result = run [[
      local function fail() error "boom" end
      local job = cro.start(fail)
      local source = cro.supply(function()
        cro.whenever(job:or_else(error), function() end)
      end)
      cro.react(function()
        cro.whenever(source, function() end)
      end)
    ]]
    local at = 1
    for _, step in ipairs {
      "app.lua:2: boom", "lua/cro/", "started at app.lua:3", "in a callback attached at app.lua:5",
      "in the supply block at app.lua:4, opened at app.lua:8", "in the react block at app.lua:7, opened at app.lua:7",
      "awaited at app.lua:7 in main chunk",
    } do
      local from, to = result.err:find(step, at, true)
      assert.is_truthy(from, ("%s is missing or misplaced in:\n%s"):format(step, result.err))
      at = to
    end
  end)

  it("adds to lost promises where they were made", function()
    local result = run "cro.start(function() error 'lost' end)\ncro.sleep(0)"
    assert.matches("a broken promise that nobody observed (made at app.lua:2): app.lua:2: lost", result.err, 1, true)
  end)

  it("is needed for what is not noted without it", function()
    local result = run([[
      print(#cro.debug.handles(), cro.debug.report() == "")
      print(pcall(cro.debug.fibers))
      print(pcall(cro.debug.sources))
    ]], "CRO_DEBUG=0")
    assert.matches("^0\ttrue\nfalse\tapp.lua:3: cro.debug.fibers: nothing is noted of fibers; start the program with "
      .. "CRO_DEBUG=1 in its environment\nfalse\tapp.lua:4: cro.debug.sources: ", result.out)
    assert.equal("", result.err)
  end)
end)
