--- Runs shell commands side by side, each line of output with the name of who wrote it;
--- the first that fails ends the others.
---
---     crolua examples/process.lua "ping -c 3 localhost" "vmstat 1 3"
local cro = require "cro"
local react, whenever = cro.react, cro.whenever

local commands = #arg > 0 and arg or { "echo one; sleep 0.1; echo three", "sleep 0.05; echo two" }

local function run(n, command)
  local child = cro.process { "sh", "-c", command, group = true, kill_after = 1 }
  whenever(child:supply():lines(), function(line) print(n .. " | " .. line) end)
  whenever(child:start(), function(info)
    print(("%d ended: %s"):format(n, tostring(info)))
    if info.code ~= 0 then error(("command %d failed"):format(n), 0) end
  end)
end

local ok, err = cro.pcall(react, function()
  for n, command in ipairs(commands) do
    run(n, command)
  end
end)
print(ok and "all is well" or tostring(err))
os.exit(ok and 0 or 1)
