local cro = require "cro"
local program = require "spec.support.program"
local sockets = require "spec.support.sockets"
local garbage = require "spec.support.garbage"
local await, pawait = cro.await, cro.pawait

--- Open sockets of this process, as the system sees them.
local function descriptors()
  local pipe = assert(io.popen "ls -l /proc/$PPID/fd | grep -c socket:")
  local count = pipe:read "*n"
  pipe:close()
  return count
end

local KINDS = { "tcp", "unix_sockets", "pipes", "connecting", "listeners", "pending_writes", "resolves" }

local function handles()
  local stats, found = cro.stats(), {}
  for _, kind in ipairs(KINDS) do
    found[kind] = stats[kind]
  end
  return found
end

--- What one end may do, in any order, whatever the other one does.
local ACTS = {
  function(c) c:write(("w"):rep(math.random(200000))) end,
  function(c) pawait(c:write(("a"):rep(math.random(100)))) end,
  function(c) pawait(cro.Promise.any_of { c:flush(), cro.Promise.after(0.002) }) end,
  function(c) c:shutdown() end,
  function(c) c:close() end,
  function(c) c:abort() end,
  function(c) pcall(function() c:supply():tap { value = function() end, quit = function() end } end) end,
  function(c) pcall(function() c:supply():tap { value = function() cro.sleep(0.001) end, quit = function() end } end) end,
  function(c) pcall(function() c:supply():tap { quit = function() end }:close() end) end,
  function() cro.sleep(math.random() / 500) end,
  function(c)
    local job = cro.start(function() cro.react(function() cro.whenever(c, function() cro.sleep(0.01) end) end) end)
    cro.sleep(0.001)
    job:cancel()
    pawait(job)
  end,
}

local function behave(c)
  for _ = 1, math.random(6) do
    ACTS[math.random(#ACTS)](c)
  end
  c:close()
  local gone = pawait(cro.Promise.any_of { c:closed(), cro.Promise.after(0.05) })
  if not gone then return end
  c:abort()
end

local function converse(connect)
  local call = connect()
  if math.random(8) == 1 then call:cancel() end
  local c = pawait(call)
  if c then behave(c) end
end

local function storm(listener, connect, count)
  local accepted = 0
  local function accept(c)
    accepted = accepted + 1
    cro.start(behave, c)
  end
  local tap = listener:tap { value = accept, quit = error }
  await(listener:address())
  local jobs = {}
  for i = 1, count do
    jobs[i] = cro.start(converse, connect)
    if i % 7 == 0 then cro.sleep(0.001) end
    if math.random(10) == 1 then jobs[math.random(i)]:cancel() end
  end
  for _, job in ipairs(jobs) do
    pawait(job)
  end
  tap:close()
  assert.is_true(accepted > count / 3)
end

local function settled(before)
  for _ = 1, 3000 do
    garbage.collect()
    local now, same = handles(), true
    for _, kind in ipairs(KINDS) do
      same = same and now[kind] <= before[kind]
    end
    if same and cro.stats().lingers == 0 then return end
    cro.sleep(0.001)
  end
  assert.same(before, handles())
end

describe("connections that do anything in any order #loop", function()
  local seed = tonumber(os.getenv "SEED") or os.time()
  local report

  before_each(function()
    report = cro.on_error(function() end) -- promises nobody looks at
    for _ = 1, 20 do -- what earlier specs have left goes first
      garbage.collect()
      cro.sleep(0.002)
    end
  end)
  after_each(function() cro.on_error(report) end)

  it("leave no handle and no descriptor behind, over TCP (SEED=" .. seed .. ")", function()
    math.randomseed(seed)
    local before, open = handles(), descriptors()
    local listener = cro.tcp.listen("127.0.0.1", 0)
    storm(listener, function()
      local at = await(listener:address())
      return cro.tcp.connect(at.host, at.port)
    end, 150)
    settled(before)
    assert.is_true(descriptors() <= open)
  end)

  it("leave none behind over unix sockets", function()
    math.randomseed(seed)
    local folder = program.folder()
    local before, open = handles(), descriptors()
    storm(cro.unix.listen(folder .. "/s"), function() return cro.unix.connect(folder .. "/s") end, 150)
    settled(before)
    assert.is_true(descriptors() <= open)
    assert.is_nil(io.open(folder .. "/s"))
    program.remove(folder)
  end)

  it("leave none behind when everything is dropped without a word", function()
    local before = handles()
    for _ = 1, 20 do
      local client, server, tap = sockets.pair()
      client:write "x"
      server:write "y"
      tap:close()
    end
    settled(before)
  end)
end)
