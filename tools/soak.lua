--- Random churn of everything that can be open: `crolua tools/soak.lua SECONDS [SEED [ACT,...]]`.
---
--- A round lets some fibers do what they draw for a few seconds: taps, blocks, timers,
--- channels, sockets, processes, files, and cancelling each other. Then all are told to
--- stop, and after a moment every handle and every descriptor must have gone. Prints a line
--- per round; ends with 1 when something stayed, or when memory grows from round to round.
local ffi = require "ffi"
local cro = require "cro"
local await, pawait, sleep, start = cro.await, cro.pawait, cro.sleep, cro.start
local whenever, react = cro.whenever, cro.react
local Promise, Supplier, Supply = cro.Promise, cro.Supplier, cro.Supply

local SECONDS, SEED, ONLY = tonumber(arg[1]) or 60, tonumber(arg[2]) or os.time(), arg[3]
local FIBERS, ROUND = 24, math.min(10, math.max(2, SECONDS / 4))
--- The later half of the rounds may hold so much more than the first one. The size of a
--- process under AddressSanitizer, which keeps freed memory, is not judged.
local MiB, ALLOWED = 1024 * 1024, 0.15
local WATCHED = os.getenv "ASAN_OPTIONS" and { "Lua", "C" } or { "Lua", "C", "resident" }

local random = math.random
local done = {} -- how often each act came to its end

local function one_of(list) return list[random(#list)] end

local function moment() return random() ^ 3 * 0.03 end

local function ignore() end

-- What may be drawn --------------------------------------------------------------------

local acts = {}

function acts.taps()
  local supplier = Supplier.new { buffer = random(1, 20), policy = one_of { "error", "drop_oldest", "drop_newest" } }
  local taps = {}
  for i = 1, random(8) do
    local supply = supplier:supply()
    if random(2) == 1 then supply = supply:map(tostring):grep(function(text) return #text > 0 end) end
    if random(4) == 1 then supply = supply:delayed(moment()) end
    taps[i] = supply:tap { value = ignore, quit = ignore, buffer = random(2) == 1 and random(5) or nil }
  end
  for i = 1, random(50) do
    supplier:emit(i)
    if random(10) == 1 then one_of(taps):close() end
    if random(10) == 1 then sleep(moment()) end
  end
  if random(3) == 1 then
    supplier:quit "enough"
  elseif random(2) == 1 then
    supplier:done()
  end
  for _, tap in ipairs(taps) do
    tap:close()
  end
end

function acts.blocks()
  local supplier = Supplier.new()
  local source = cro.supply(function()
    whenever(supplier, cro.emit)
    whenever(Supply.interval(0.001), function(n)
      cro.emit(n)
      if random(30) == 1 then one_of { cro.done, cro.last, error } "an end" end
    end)
    cro.closing(ignore)
  end)
  pcall(react, function()
    whenever(source, function() if random(5) == 1 then sleep(moment()) end end):quit(ignore)
    whenever(Promise.after(moment()), function() supplier:emit "late" end)
    whenever(Promise.after(moment() * 3), cro.done)
  end)
end

function acts.promises()
  local list = {}
  for i = 1, random(5) do
    list[i] = one_of {
      function() return Promise.after(moment()) end,
      function() return start(sleep, moment()) end,
      function() return Promise.kept(i) end,
      function() return Supply.interval(0.002):head(2):promise() end,
    }()
  end
  local all = one_of { Promise.any_of, Promise.all_of }(list)
  if random(4) == 1 then all:cancel() end
  pawait(all)
  for _, promise in ipairs(list) do
    if random(2) == 1 then promise:cancel() end
  end
end

function acts.channels()
  local channel = cro.Channel.new { capacity = random(4) }
  local count = random(40)
  start(function()
    for i = 1, count do
      if not pcall(channel.send, channel, i) then return end
    end
    channel:close()
  end)
  for value in channel:each() do
    if value == count or random(60) == 1 then break end
  end
  channel:close()
end

--- The other ends of the sockets.
local address = {}

local function echo(connection)
  whenever(connection, function(bytes)
    pawait(connection:write(bytes))
    if random(40) == 1 then connection:abort() end
    if random(10) == 1 then sleep(moment()) end
  end):quit(ignore):last(function() connection:close() end)
end

local function serve()
  react(function()
    local listener = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) address.port = port end })
    whenever(listener, echo)
    whenever(cro.unix.listen(address.path), echo)
  end)
end

local function connect()
  if random(2) == 1 then return cro.unix.connect(address.path) end
  return cro.tcp.connect("127.0.0.1", address.port)
end

function acts.sockets()
  local call = connect()
  if random(10) == 1 then call:cancel() end
  local connection = pawait(call)
  if not connection then return end
  local wanted = random(100000)
  pawait(connection:write(("x"):rep(wanted)))
  if random(4) == 1 then connection:shutdown() end
  pcall(react, function()
    whenever(connection, function(bytes)
      wanted = wanted - #bytes
      if wanted <= 0 or random(20) == 1 then cro.done() end
    end)
    whenever(Promise.after(0.2), cro.done)
  end)
  one_of { connection.close, connection.abort }(connection)
end

function acts.processes()
  local child = cro.process("sh", "-c", one_of { "cat", "echo out; echo out", "exec sleep 0.05", "exit 3" }, {
    stdin = "pipe",
  })
  local output, ended = child:stdout(), nil
  cro.defer(function() child:close():observe() end)
  pcall(react, function()
    whenever(output, ignore):quit(ignore)
    ended = child:start()
    whenever(ended, cro.done):quit(ignore)
    pawait(child:write(("y"):rep(random(3000))))
    if random(5) > 1 then child:close_stdin() end
    whenever(Promise.after(moment() * 5), function() child:kill "SIGKILL" end)
  end)
  if ended then pawait(ended) end
end

function acts.files()
  local name = ("%s/%d"):format(address.folder, random(20))
  one_of {
    function() await(cro.file.write(name, ("line\n"):rep(random(20000)), { atomic = random(2) == 1 })) end,
    function() await(cro.file.read(name)) end,
    function()
      react(function()
        whenever(cro.file.lines(name), function() if random(500) == 1 then cro.done() end end)
      end)
    end,
    function() cro.file.stream(name, { chunk = 100 }):tap({ quit = ignore }):close() end,
    function() await(cro.file.remove(name)) end,
    function() await(cro.file.list(address.folder)) end,
  }()
end

if cro.udp then
  function acts.datagrams()
    local a, b = await(cro.udp.bind("127.0.0.1", 0)), await(cro.udp.bind("127.0.0.1", 0))
    react(function()
      whenever(b, function() if random(5) == 1 then cro.done() end end)
      for _ = 1, random(20) do
        pawait(a:send("127.0.0.1", b.socket_port, "datagram"))
      end
      whenever(Promise.after(moment()), cro.done)
    end)
    a:close()
    b:close()
  end
end

local names = {}
for name in pairs(acts) do
  local wanted = ONLY == nil or ("," .. ONLY .. ","):find("," .. name .. ",", 1, true)
  if wanted then
    names[#names + 1], done[name] = name, 0
  end
end
table.sort(names)

local wrong -- an error that no act expects

--- One act to its end; what the system refuses is no fault.
local function act(name)
  local ok, err = cro.pcall(acts[name])
  if not ok and (type(err) ~= "table" or err.kind == "error") then wrong = name .. ": " .. tostring(err) end
end

function acts.cancelling()
  local job = start(act, one_of(names))
  sleep(moment())
  job:cancel()
  pawait(job)
end
names[#names + 1], done.cancelling = "cancelling", 0

-- Rounds -------------------------------------------------------------------------------

local function live(ends)
  while cro.now() < ends do
    local name = one_of(names)
    pawait(start(act, name))
    done[name] = done[name] + 1
  end
end

ffi.cdef [[
  void *opendir(const char *);
  void *readdir(void *);
  int closedir(void *);
]]

local function descriptors()
  local folder, count = ffi.C.opendir "/proc/self/fd", 0
  while ffi.C.readdir(folder) ~= nil do
    count = count + 1
  end
  ffi.C.closedir(folder)
  return count
end

local function resident()
  local file = assert(io.open "/proc/self/statm")
  local pages = tonumber(file:read "*a":match "^%d+ (%d+)")
  file:close()
  return pages * 4096
end

local KINDS = {
  "tcp", "unix_sockets", "pipes", "connecting", "listeners", "signals", "processes", "timers", "resolves", "files",
  "file_requests", "lingers", "pending_writes", "udp", "udp_sockets", "watches",
}

local function open_now()
  collectgarbage()
  collectgarbage()
  local stats, list = cro.stats(), { ("descriptors=%d"):format(descriptors()) }
  for _, kind in ipairs(KINDS) do
    if stats[kind] then list[#list + 1] = ("%s=%d"):format(kind, stats[kind]) end
  end
  return table.concat(list, " ")
end

--- Everything gone, up to 10 s after the end of a round: lingering sockets take 2. What is
--- there after the first round, which fills pools, is nothing.
local function settled(base)
  local now
  if not base then
    sleep(4)
    now = open_now()
    return now, not now:find " %l+=[1-9]"
  end
  for _ = 1, 100 do
    now = open_now()
    if now == base then return now, true end
    sleep(0.1)
  end
  return now, false
end

local function round()
  local ends, fibers = cro.now() + ROUND, {}
  local server = start(serve)
  while not address.port do
    sleep(0.001)
  end
  for i = 1, FIBERS do
    fibers[i] = start(live, ends)
  end
  sleep(ROUND * random())
  for _ = 1, random(0, FIBERS) do
    one_of(fibers):cancel "by the round"
  end
  for _, fiber in ipairs(fibers) do
    local limit = Promise.after(10)
    pawait(Promise.any_of { fiber, limit })
    limit:cancel()
    assert(fiber:status() ~= "planned", "a fiber did not end")
  end
  server:cancel()
  pawait(server)
  address.port = nil
end

local function mean(list, from, to)
  local sum = 0
  for i = from, to do
    sum = sum + list[i]
  end
  return sum / (to - from + 1)
end

local function grown(sizes)
  local half = math.floor(#sizes / 2)
  if half < 3 then return 0 end
  return mean(sizes, half + 1, #sizes) / mean(sizes, 1, half) - 1
end

local function tell(number, now, size)
  local counts = {}
  for _, name in ipairs(names) do
    counts[#counts + 1] = ("%s %d"):format(name, done[name])
  end
  local stats = cro.stats()
  print(("round %d: %.1f MiB resident, Lua %.2f MiB, %d blocks of C, %d fibers, %s; %s"):format(number, size / MiB,
    stats.lua_bytes / MiB, stats.c_blocks, stats.fibers, now, table.concat(counts, ", ")))
  io.stdout:flush()
end

print(("seed %d (tools/soak.lua %g %d does the same again)"):format(SEED, SECONDS, SEED))
math.randomseed(SEED)
local temporary = await(cro.file.temp_dir())
address.folder, address.path = temporary.path, temporary.path .. "/socket"
local ends, number, base = cro.now() + SECONDS, 0, nil
local sizes = { Lua = {}, C = {}, resident = {} }

--- Fibers are pooled: a few blocks more than before are none.
local function weigh()
  local stats = cro.stats()
  table.insert(sizes.Lua, stats.lua_bytes)
  table.insert(sizes.C, stats.c_blocks + 100)
  table.insert(sizes.resident, resident())
end

repeat
  round()
  local now, same = settled(base)
  number = number + 1
  tell(number, now, resident())
  if not same or wrong then
    print(wrong or "before: " .. (base or "nothing"))
    os.exit(1)
  end
  if base then weigh() end
  base = base or now
until cro.now() > ends
await(temporary:remove())
local status = 0
for _, name in ipairs(WATCHED) do
  local slope = grown(sizes[name])
  print(("%s: the later half of %d rounds holds %+.1f %% more"):format(name, #sizes[name], slope * 100))
  if slope > ALLOWED then status = 1 end
end
os.exit(status)
