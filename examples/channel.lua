-- A pool of workers: at most four lookups at a time, results as they come.
--
--   crolua examples/channel.lua [jobs]
--
-- The channel of jobs holds two, so that the producer waits when the workers are behind.
-- A worker that fails puts the failure among the results and goes on with the next job.
local cro = require "cro"

local WORKERS = 4
local count = tonumber(arg[1]) or 12

local jobs = cro.Channel.new { capacity = 2 }
local results = cro.Channel.new()

-- Stands for something slow: the worker waits, the others run meanwhile.
local function look_up(n)
  cro.sleep(0.02)
  if n % 5 == 0 then error { kind = "not_found", job = n } end
  return n * n
end

local function work()
  for n in jobs:each() do
    local ok, value = cro.pcall(look_up, n)
    results:send { job = n, ok = ok, value = value }
  end
end

local workers = {}
for i = 1, WORKERS do
  workers[i] = cro.start(work)
end

cro.start(function()
  for n = 1, count do
    jobs:send(n)
  end
  jobs:close()
  cro.await(workers)
  results:close()
end)

local found, missing = 0, 0
for result in results:each() do
  if result.ok then
    found = found + 1
    print(("%d squared is %d"):format(result.job, result.value))
  else
    missing = missing + 1
    print(("%d: %s"):format(result.value.job, result.value.kind))
  end
end
print(("%d found, %d not"):format(found, missing))
