local program = require "spec.support.program"

local root = os.getenv "PWD"

describe("a crolua that served many connections #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  it("is as small as before within 2 MiB, and holds no handle of theirs", function()
    local result = program.shell(folder, program.quote(root .. "/bench/memory") .. " 10000", {
      env = "CROLUA=" .. program.quote(program.crolua()),
      seconds = 60,
    })
    assert.equal("", result.err)
    assert.equal(0, result.status, result.out)
  end)
end)
