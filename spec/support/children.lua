--- Helpers for specs of child processes.
local ffi = require "ffi"
local cro = require "cro"

local children = {}

--- Runs a shell script to its end; what it printed.
function children.sh(script, more)
  local given = { "sh", "-c", script }
  for key, value in pairs(more or {}) do
    given[key] = value
  end
  return cro.await(cro.process.run(given))
end

--- A process whose script the shell reads.
function children.process(script, more)
  local given = { "sh", "-c", script }
  for key, value in pairs(more or {}) do
    given[key] = value
  end
  return cro.process(given)
end

ffi.cdef "int fcntl(int fd, int what, ...);"

--- How many descriptors this process has open, of the first 4096.
function children.descriptors()
  local F_GETFD, count = 1, 0
  for fd = 0, 4095 do
    if ffi.C.fcntl(fd, F_GETFD) >= 0 then count = count + 1 end
  end
  return count
end

--- Is this a build with the address sanitizer?
function children.sanitized()
  ffi.cdef "void __asan_init(void);"
  return (pcall(function() return ffi.C.__asan_init end))
end

--- Waits until a condition holds, 10 s at most.
function children.eventually(condition)
  local latest = cro.now() + 10
  while not condition() do
    if cro.now() > latest then error("it did not come true within 10 s", 2) end
    cro.sleep(0.005)
  end
end

--- Is there a process of this id? A zombie is one.
function children.exists(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if file then file:close() end
  return file ~= nil
end

--- What handles of processes are open: none, once all have ended.
function children.open()
  local stats = cro.stats()
  return ("%d processes, %d pipes"):format(stats.processes, stats.pipes)
end

--- The error that a call raises.
function children.refusal(fn, ...)
  local ok, err = pcall(fn, ...)
  assert(not ok, "it was not refused")
  return tostring(err)
end

return children
