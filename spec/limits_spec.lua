local cro = require "cro"
local program = require "spec.support.program"

local function refused(text, given)
  local ok, err = pcall(cro.limits, given)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

describe("cro.limits", function()
  it("refuses keys it does not know, and names the nearest", function()
    refused('cro.limits: unknown option "conections"; did you mean "connections"?', { conections = 1 })
    refused('cro.limits: option "connections": expected a whole number, 1 or more, got the number 0',
      { connections = 0 })
    refused('expected bytes, like 65536 or "64K" or "1M", got the string "much"', { lua_memory = "much" })
  end)

  it("says of settings that need workers or a watchdog that there are none", function()
    refused('cro.limits: option "heartbeat": heartbeat watches worker processes', { heartbeat = 10 })
    refused('cro.limits: option "tick": tick interrupts a handler', { tick = 5 })
  end)
end)

describe("cro.limits in crolua #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local function run(text)
    local path = ("package.path = %q .. package.path;"):format(os.getenv "PWD" .. "/?.lua;")
    program.write(folder .. "/app.lua", path .. text)
    return program.shell(folder, program.quote(program.crolua()) .. " app.lua")
  end

  it("bounds the Lua heap: an error that can be caught, and the program goes on", function()
    local got = run [[
      local cro = require "cro"
      print(cro.limits { lua_memory = "24M" }.lua_memory)
      print(pcall(function()
        local all = {}
        for i = 1, 100 do all[i] = ("x"):rep(1024 * 1024) .. i end
      end))
      collectgarbage()
      print(#("y"):rep(4 * 1024 * 1024), cro.limits().lua_memory)
      cro.sleep(0.01)
      print(select(2, pcall(cro.limits, { lua_memory = "1K" })))
    ]]
    assert.matches("^25165824\nfalse\tnot enough memory\n4194304\t25165824\n", got.out)
    assert.matches('app.lua:%d+: cro.limits: option "lua_memory": the string "1K" is not above the %d+ bytes in use',
      got.out)
    assert.equal(0, got.status, got.err)
  end)

  it("answers a request that needs more 503, and the next one", function()
    local got = run [[
      local cro, http, r = require "cro", require "cro.http", require "cro.http.router"
      local wire = require "spec.support.wire"
      cro.limits { lua_memory = "32M" }
      local service = http.server { host = "127.0.0.1", port = 0, application = r.route {
        r.get("/much", function(c) c:text(("x"):rep(64 * 1024 * 1024)) end),
        r.get("/", function(c) c:text "fine" end),
      } }
      service:start()
      print(wire.ask(service, "GET", "/much").status, wire.ask(service, "GET", "/").body)
      os.exit(0)
    ]]
    assert.equal("503\tfine\n", got.out, got.err)
  end)

  it("bounds the connections of all servers together", function()
    local got = run [[
      local cro, http, r = require "cro", require "cro.http", require "cro.http.router"
      local wire, children = require "spec.support.wire", require "spec.support.children"
      local services, held = {}, {}
      local function ask(i)
        local _, port = services[i]:address()
        return wire.parse(wire.exchange(port, wire.request("GET", "/"))).status
      end
      for i = 1, 2 do
        services[i] = http.server {
          host = "127.0.0.1", port = 0, application = r.route { r.get("/", function(c) c:text "fine" end) },
        }
        services[i]:start()
      end
      print(cro.limits { connections = 2 }.connections)
      local before = cro.stats().tcp
      local function until_open(count) -- both ends of each
        children.eventually(function() return cro.stats().tcp == before + count end)
      end
      for i = 1, 2 do
        local _, port = services[i]:address()
        held[i] = cro.await(cro.tcp.connect("127.0.0.1", port))
        cro.await(held[i]:write "GET / HTTP/1.1\r\n")
      end
      until_open(4)
      print(ask(1), ask(2))
      held[1]:abort()
      until_open(2)
      print(ask(2))
      os.exit(0)
    ]]
    assert.equal("2\n503\t503\n200\n", got.out, got.err)
  end)

  it("says when connections do not fit the limit of open files", function()
    program.write(folder .. "/app.lua", 'print(require("cro").limits { connections = 5000 }.connections)')
    local got = program.shell(folder, "ulimit -n 100; " .. program.quote(program.crolua()) .. " app.lua")
    assert.equal("36\n", got.out)
    assert.matches("^crolua: cro.limits: connections is 5000, the limit of open files %(ulimit %-n%) leaves room for 36",
      got.err)
  end)
end)
