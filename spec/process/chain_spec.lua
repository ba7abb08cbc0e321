--- Sources of several kinds one behind the other: who is slow holds up all before him.
local children = require "spec.support.children"
local program = require "spec.support.program"

local SCRIPT = [[
  local cro = require "cro"
  local await, file, start = cro.await, cro.file, cro.start

  local function resident(what)
    local status = io.open "/proc/self/status"
    local kib = status:read("*a"):match(what .. ":%s*(%d+)")
    status:close()
    return tonumber(kib) / 1024
  end

  local function run(size)
    local listener, written = cro.tcp.listen("127.0.0.1", 0), cro.Promise.new()
    listener:head(1):tap(function(connection)
      start(function()
        -- a slow reader at the far end
        local slow = connection:supply():map(function(piece)
          if math.random() < 0.02 then cro.sleep(0.001) end
          return piece
        end)
        written:keep(await(file.write("out", slow)))
        connection:close()
      end)
    end)
    local at = await(listener:address())
    local connection = await(cro.tcp.connect(at.host, at.port))
    local child = cro.process { "cat", stdin = "pipe" }
    local output, ended = child:stdout(), child:start()
    local feeding = start(function()
      for piece in file.stream("in", { to = size }):each() do
        await(child:write(piece))
      end
      child:close_stdin()
    end)
    local carrying = start(function()
      for piece in output:each() do
        await(connection:write(piece))
      end
      connection:close()
    end)
    await { ended, feeding, carrying, written }
  end

  local MIB = 1024 * 1024
  run(8 * MIB)
  local before = resident "VmHWM"
  run(48 * MIB)
  local after = resident "VmHWM"
  print(after - before < 12 and "flat" or ("grew by %g MiB"):format(after - before))
  local same = await(cro.process.run("cmp", "in", "out"))
  print(same.code)
  local stats
  for _ = 1, 500 do
    collectgarbage()
    stats = cro.stats()
    if stats.tcp + stats.pipes + stats.processes + stats.files + stats.file_requests == 0 then break end
    cro.sleep(0.01)
  end
  print(stats.tcp, stats.pipes, stats.processes, stats.files, stats.file_requests)
]]

describe("a file through a process over TCP into a file #loop", function()
  it("arrives whole, and takes no more memory when there is more of it", function()
    local folder = program.folder()
    program.write(folder .. "/script.lua", SCRIPT)
    local data = {}
    for i = 1, 48 * 16 do
      data[i] = ("%07d\n"):format(i):rep(8192)
    end
    program.write(folder .. "/in", table.concat(data))
    local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua", { seconds = 60 })
    program.remove(folder)
    local out = result.out .. result.err
    if children.sanitized() then out = out:gsub("^grew by [%d.]+ MiB", "flat") end -- freed memory is kept
    assert.equal("flat\n0\n0\t0\t0\t0\t0\n", out)
  end)
end)
