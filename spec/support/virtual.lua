--- Runs a script in time that passes by itself as soon as everything waits: for examples
--- whose output depends on what came before what.
---
---     crolua virtual.lua SCRIPT [argument...]
local cro = require "cro"

local path = table.remove(arg, 1)
cro.test.clock(function() assert(loadfile(path))(unpack(arg)) end)
