--- A file goes through a process, over TCP and into another file, piece by piece: whoever
--- is slow holds up all before him, as far as the disk, and memory stays as it was.
---
---     crolua examples/pipes.lua access.log packed.gz gzip -9
local cro = require "cro"
local await, file, start = cro.await, cro.file, cro.start

local from, to = arg[1], arg[2]
local command = #arg > 2 and { unpack(arg, 3) } or { "cat" }
if not to then
  io.stderr:write "usage: pipes.lua FROM TO [COMMAND ARGUMENTS...]\n"
  os.exit(2)
end

--- Writes what the first who connects sends into a file; where it listens, and the promise
--- that all of it is there.
local function receive(path)
  local listener, written = cro.tcp.listen("127.0.0.1", 0), cro.Promise.new()
  listener:head(1):tap(function(connection)
    start(function()
      await(file.write(path, connection, { atomic = true }))
      connection:close()
      written:keep(await(file.stat(path)).size)
    end):or_else(function(err) written:fail(err) end)
  end)
  return await(listener:address()), written
end

local function send(path, at)
  local connection = await(cro.tcp.connect(at.host, at.port))
  local child = cro.process(command)
  child:bind_stdin "pipe"
  local output = child:stdout()
  local ended = child:start()
  -- Two jobs, not one: a process that waits for its output to be read takes no input.
  local feeding = start(function()
    for piece in file.stream(path):each() do
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
  local exit = await({ ended, feeding, carrying })[1]
  if exit.code ~= 0 then error(("%s: %s"):format(command[1], tostring(exit)), 0) end
end

local ok, err = cro.pcall(function()
  local at, written = receive(to)
  await { start(send, from, at), written }
  print(("%d bytes became %d"):format(await(file.stat(from)).size, await(written)))
end)
if not ok then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
