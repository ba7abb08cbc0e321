--- Shows what is written at the end of a file, as `tail -F` does: also when the file is
--- emptied, and when another takes its place.
local cro = require "cro"
local await, file = cro.await, cro.file

local path = arg[1]
if not path then
  io.stderr:write "usage: follow.lua FILE\n"
  os.exit(2)
end

local handle, at = nil, 0

local function reopen()
  if handle then await(handle:close()) end
  handle, at = cro.pawait(file.open(path)), 0
end

local function show_news()
  if not handle then return end
  if await(handle:stat()).size < at then at = 0 end -- it was emptied
  for piece in handle:supply({ from = at }):each() do
    at = at + #piece
    await(cro.stdout:write(piece))
  end
end

reopen()
if handle then at = await(handle:stat()).size end

cro.react(function()
  cro.whenever(file.watch(path), function(event)
    if event.event == "renamed" then
      show_news() -- the last of the old file
      reopen()
    end
    show_news()
  end):last(cro.done)
  cro.whenever(cro.signal("SIGINT", "SIGTERM"), cro.done)
  await(cro.stderr:write("following " .. path .. "\n"))
end)
