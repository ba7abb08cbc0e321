--- What becomes of a process when memory runs out at some place or other.
local program = require "spec.support.program"

-- It reads late, so that the kernel takes 64 KiB and the last, small write is left waiting.
local SCRIPT = [[
  io.stdout:setvbuf "no"
  local cro = require "cro"
  local what
  local ok, err = pcall(function()
    local opts = { input = ("z"):rep(65536 + 3000) }
    local result = cro.await(cro.process.run("sh", "-c", "sleep 0.05; exec cat", opts))
    what = #result.stdout .. " bytes, " .. tostring(result.code)
  end)
  if not ok then what = tostring(err):find "not enough memory" and "no memory" or tostring(err) end
  for _ = 1, 500 do
    local stats = cro.stats()
    if stats.processes + stats.pipes == 0 then break end
    collectgarbage()
    cro.sleep(0.002)
  end
  local stats = cro.stats()
  print(what, stats.processes, stats.pipes)
]]

describe("a process that is run while memory runs out #loop", function()
  it("gives all of its output or an error, and leaves nothing", function()
    local folder = program.folder()
    program.write(folder .. "/script.lua", SCRIPT)
    local result = program.shell(folder, ([[
      n=1
      while [ $n -le 40 ]; do
        CRO_FAIL_ALLOC=$n timeout -k 1 5 %s script.lua >out 2>err
        status=$?
        if [ $status = 0 ]; then cat out; else grep -q "not enough memory" err || echo "$n: $status"; fi
        n=$((n + 1))
      done | sort | uniq
    ]]):format(program.quote(program.crolua())), { seconds = 60 })
    program.remove(folder)
    assert.equal("68536 bytes, 0\t0\t0\nno memory\t0\t0\n", result.out)
  end)
end)
