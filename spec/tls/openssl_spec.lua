--- OpenSSL is loaded when it is first needed, and may be missing.
local program = require "spec.support.program"

local function run(script, before)
  local folder = program.folder()
  program.write(folder .. "/script.lua", script)
  program.write(folder .. "/libssl.so.3", "")
  local result = program.shell(folder, ("%s %s script.lua 2>&1"):format(before, program.quote(program.crolua())))
  program.remove(folder)
  return result.out
end

local WITHOUT = 'LD_LIBRARY_PATH="$PWD"'

describe("OpenSSL #loop", function()
  it("is not loaded by a program that speaks no TLS", function()
    local maps = run([[
      local cro = require "cro"
      print((io.open("/proc/self/maps"):read "*a":find("libssl", 1, true)))
    ]], "")
    assert.equal("nil\n", maps)
  end)

  it("that is missing is named with what to install, and harms nothing else", function()
    local out = run([[
      local cro = require "cro"
      local ok, err = pcall(cro.await, cro.tls.connect("127.0.0.1", 1))
      print(ok, err.kind, err)
      print(cro.await(cro.process.run("echo", "still here")).stdout)
    ]], WITHOUT)
    assert.truthy(out:find("TLS needs OpenSSL 3: ", 1, true), out)
    assert.truthy(out:find("install it (Debian: libssl3)", 1, true), out)
    assert.truthy(out:find("still here", 1, true), out)
  end)
end)
