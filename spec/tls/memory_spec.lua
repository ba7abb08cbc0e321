--- What becomes of an upgrade when Lua's memory runs out.
local certificates = require "spec.support.certificates"
local program = require "spec.support.program"

local SCRIPT = [[
  local cro, core = require "cro", require "cro.core"
  local await = cro.await

  local function settle(wanted)
    for _ = 1, 1000 do
      collectgarbage()
      local stats = cro.stats()
      if stats.tcp + stats.listeners + stats.lingers == 0 and stats.c_blocks <= wanted then return stats.c_blocks end
      cro.sleep(0.002)
    end
    return cro.stats().c_blocks
  end

  local given = { certificate_file = %q, private_key_file = %q }
  local server = cro.tls.context(given)
  local client = cro.tls.context { side = "client", ca_file = %q }

  local function attempt(upgrade)
    local taken = cro.Promise.new()
    local listener = cro.tcp.listen("127.0.0.1", 0)
    local tap = listener:tap(function(connection) taken:keep(connection) end)
    local plain = await(cro.tcp.connect("127.0.0.1", await(listener:address()).port))
    local theirs = await(taken)
    local result = upgrade(plain, theirs)
    plain:abort()
    theirs:abort()
    tap:close()
    return result
  end

  local function in_order(plain, theirs)
    local other = cro.tls.upgrade_server(theirs, { context = server })
    other:observe()
    local connection = await(cro.tls.upgrade_client(plain, { context = client, server_name = "localhost" }))
    await(other)
    local version = connection.tls.version
    connection:abort()
    return version
  end
]]

--- Lua has less and less room until the call comes through.
local LUA_HEAP = SCRIPT .. [[
  local hog, n = {}, 0
  for i = 1, 2e4 do hog[i] = false end
  local function fill(size)
    while true do
      local text = ("x"):rep(size - #tostring(n)) .. n
      n = n + 1
      hog[n] = text
    end
  end

  attempt(in_order)
  local before = settle(0)
  local raised = attempt(function(plain)
    local function told() end
    local wrap, box, context, count = core.tls_wrap, plain.box, client.box, 0
    for _, size in ipairs { 1e6, 1e4, 500 } do pcall(fill, size) end
    collectgarbage "stop"
    local made = pcall(wrap, box, context, false, "x", 10, told)
    while not made do
      count, hog[n], n = count + 1, false, n - 1
      collectgarbage()
      collectgarbage "stop"
      made = pcall(wrap, box, context, false, "x", 10, told)
    end
    hog = nil
    return count
  end)
  collectgarbage "restart"
  print(raised > 0, settle(before) <= before, attempt(in_order))
]]


describe("an upgrade to TLS while memory runs out #loop", function()
  local folder, issued

  setup(function()
    folder, issued = program.folder(), certificates.issue()
  end)
  teardown(function() program.remove(folder) end)

  local function write(script)
    program.write(folder .. "/script.lua", (script:gsub("%%q", "%%s"):format(
      ("%q"):format(issued.certificate_file), ("%q"):format(issued.private_key_file), ("%q"):format(certificates.ca()))))
  end

  it("raises, and leaves nothing of what it has begun", function()
    write(LUA_HEAP)
    local ran = program.shell(folder, "CROLUA_LUA_MEMORY=24M " .. program.quote(program.crolua()) .. " script.lua", { seconds = 60 })
    assert.equal("", ran.err)
    assert.equal("true\ttrue\tTLSv1.3\n", ran.out)
  end)
end)
