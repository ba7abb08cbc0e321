--- Copies a file piece by piece and says how far it has come; a copy that is interrupted
--- leaves the old file as it was.
local cro = require "cro"
local await, file = cro.await, cro.file

local from, to = arg[1], arg[2]
if not to then
  io.stderr:write "usage: copy.lua FROM TO\n"
  os.exit(2)
end

local size, done, shown = await(file.stat(from)).size, 0, 0

local pieces = file.stream(from, { chunk = 256 * 1024 }):map(function(piece)
  done = done + #piece
  local percent = math.floor(done * 100 / size)
  if percent >= shown + 10 then
    shown = percent - percent % 10
    print(("%3d %%"):format(shown))
  end
  return piece
end)

local copying = file.write(to, pieces, { atomic = true })
local stop = cro.signal("SIGINT", "SIGTERM"):tap(function() copying:cancel "interrupted" end)
local ok, err = cro.pawait(copying)
stop:close()
print(ok and ("copied %d bytes"):format(done) or tostring(err))
os.exit(ok and 0 or 1)
