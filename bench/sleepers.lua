--- A great many fibers asleep: `crolua bench/sleepers.lua [count]`. What making, keeping
--- and waking them costs, as one JSON object; an error when one does not wake.
local cro = require "cro"
local json = require "cro.json"

local count = tonumber(arg[1]) or 1000000
local SPREAD = 1000 -- times they are due at, a millisecond apart

cro.limits { lua_memory = "8G" }

local function resident()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmRSS:%s+(%d+)"
    if kib then return tonumber(kib) * 1024 end
  end
end

local function heap()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

local heap_before, rss_before, clock = heap(), resident(), os.clock()
local woken, early, seconds = 0, 0, 10 + count / 100000
local began = cro.now()

for i = 1, count do
  local due = seconds + i % SPREAD / 1000
  cro.start(function()
    cro.sleep(due)
    woken = woken + 1
    if cro.now() - began < due then early = early + 1 end
  end)
end
cro.sleep(0)

local made = os.clock() - clock
local found = {
  count = count,
  make_us_each = made / count * 1e6,
  rss_mib = (resident() - rss_before) / 1048576,
  rss_bytes_each = (resident() - rss_before) / count,
}
clock = os.clock()
found.heap_bytes_each = (heap() - heap_before) / count
found.full_collection_s = os.clock() - clock
found.timers = cro.stats().timers
assert(woken == 0, "some woke before all slept: the machine is too slow for this")

cro.sleep(seconds - 0.5 - (cro.now() - began))
clock = os.clock()
cro.sleep(0.5 + SPREAD / 1000)
while woken < count and cro.now() - began < seconds + 120 do
  cro.sleep(0.1)
end
found.wake_us_each = (os.clock() - clock) / count * 1e6
found.woken, found.early = woken, early
assert(woken == count and early == 0, ("%d woke, %d too early"):format(woken, early))
print(json.encode(found))
