--- Counts lines, words and bytes of standard input, or of the files that are named: in
--- any size, with the memory of one piece.
local cro = require "cro"

local function count(supply)
  local lines, words, bytes, inside = 0, 0, 0, false
  cro.react(function()
    cro.whenever(supply, function(piece)
      bytes = bytes + #piece
      lines = lines + select(2, piece:gsub("\n", ""))
      if inside and piece:find "^%S" then words = words - 1 end -- one word in two pieces
      words = words + select(2, piece:gsub("%S+", ""))
      inside = piece:find "%S$" ~= nil
    end)
  end)
  return lines, words, bytes
end

local function report(name, supply)
  local ok, lines, words, bytes = pcall(count, supply)
  if not ok then
    cro.await(cro.stderr:write("wc: " .. tostring(lines) .. "\n"))
    return os.exit(1)
  end
  cro.await(cro.stdout:write(("%7d %7d %7d %s\n"):format(lines, words, bytes, name)))
end

if #arg == 0 then report("", cro.stdin) end
for _, path in ipairs(arg) do
  report(path, cro.file.stream(path))
end
