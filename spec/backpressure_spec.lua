--- A fast producer and a slow consumer in processes of their own: `bench/backpressure` in
--- small. What is in between may not pile up in either.
local cro = require "cro"
local program = require "spec.support.program"

local await, whenever = cro.await, cro.whenever

local MiB = 1024 * 1024
local SCRIPT = "bench/backpressure.lua"

local function resident(pid)
  local file = io.open(("/proc/%d/statm"):format(pid))
  if not file then return nil end
  local pages = tonumber(file:read "*a":match "^%d+ (%d+)")
  file:close()
  return pages and pages > 0 and pages * 4096 or nil
end

local function read_so_far(pid)
  local file = io.open(("/proc/%d/io"):format(pid))
  local count = file and tonumber(file:read "*a":match "^rchar: (%d+)")
  if file then file:close() end
  return count or 0
end

--- Frees nothing at once: only what arrives is judged.
local function keeps_freed_memory()
  local file = assert(io.open(program.crolua(), "rb"))
  local found = file:read "*a":find("__asan_init", 1, true)
  file:close()
  return found ~= nil
end

--- Notes the highest and the lowest size of both while the middle of the stream passes.
local function watch(children, size_of_stream)
  local seen = {}
  while not children.over do
    local passed = children.producer and read_so_far(children.consumer:pid()) or 0
    for name in pairs(passed > size_of_stream / 3 and passed < size_of_stream * 0.9 and { consumer = 1, producer = 1 } or {}) do
      local size = resident(children[name]:pid())
      local range = seen[name] or { size, size }
      if size then seen[name] = { math.min(range[1], size), math.max(range[2], size) } end
    end
    cro.sleep(0.005)
  end
  return seen
end

--- Runs both; returns what each says it has handled, and what was seen of them.
local function run(role, size)
  local children = { consumer = cro.process(program.crolua(), SCRIPT, "consume", tostring(size)) }
  local watcher, said = cro.start(watch, children, size), {}
  cro.react(function()
    whenever(children.consumer:stdout():lines(), function(line)
      said.consumer = line
      if children.producer then return end
      children.producer = cro.process(program.crolua(), SCRIPT, role, tostring(size), line)
      whenever(children.producer:stdout():lines(), function(text) said.producer = text end)
      whenever(children.producer:start(), function(info)
        assert.equal(0, info.code)
        children.over = true
      end)
    end)
    whenever(children.consumer:start(), function(info) assert.equal(0, info.code) end)
  end)
  assert.same({ producer = tostring(size), consumer = tostring(size) }, said)
  return await(watcher)
end

--- What was seen of both: on a machine that is busy a short stream may pass unseen.
local function observe(role)
  for _, mebibytes in ipairs { 64, 192, 576 } do
    local seen = run(role, mebibytes * MiB)
    if seen.producer and seen.consumer then return seen end
  end
  error "nothing was seen of it"
end

describe("a fast producer and a slow consumer over TCP #loop", function()
  for _, role in ipairs { "strings", "file", "process" } do
    it("stay flat in memory, and nothing is lost: " .. role, function()
      for name, range in pairs(observe(role)) do
        local grown = (range[2] - range[1]) / MiB
        assert(grown <= 8 or keeps_freed_memory(), ("the %s grew by %.1f MiB"):format(name, grown))
      end
    end)
  end
end)
