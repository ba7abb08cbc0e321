--- What is left to the collector, for specs that look whether it was.
local garbage = {}

--- Collects all that no code can reach any more, and calls the finalizers.
---
--- A compiled trace holds the functions it was recorded with, and so what these hold: a few
--- objects that nobody uses stay until the trace goes. A spec that counts has them go first.
function garbage.collect()
  jit.flush()
  collectgarbage()
  collectgarbage()
end

return garbage
