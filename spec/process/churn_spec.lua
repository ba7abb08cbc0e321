--- Processes that anything happens to, at any time: nothing is left of them.
local cro = require "cro"
local children = require "spec.support.children"
local property = require "spec.support.property"
local garbage = require "spec.support.garbage"
local pawait = cro.pawait

describe("processes, many of them #loop,", function()
  it("leave no descriptor and no zombie: 1000 short ones", function()
    cro.await(cro.process.run("sleep", 0.05)) -- now what libuv opens once is open
    local before = children.descriptors()
    local codes, left = 0, 1000
    local function worker()
      while left > 0 do
        left = left - 1
        local result = cro.await(cro.process.run("true"))
        codes = codes + result.code
      end
    end
    local jobs = {}
    for i = 1, 8 do
      jobs[i] = cro.start(worker)
    end
    cro.await(jobs)
    assert.equal(0, codes)
    assert.equal("0 processes, 0 pipes", children.open())
    assert.equal(before, children.descriptors())
  end)
end)

local COMMANDS = {
  { "cat" }, { "sleep", "5" }, { "yes" }, { "true" }, { "no-such-command" },
  { "sh", "-c", "trap '' TERM; echo x; sleep 5; sleep 5" },
  { "sh", "-c", "echo out; echo err >&2; exit 3" },
  { "head", "-c", "200000", "/dev/zero" },
}

local SIGNALS = { "TERM", "KILL", "HUP", "STOP", "CONT" }

--- What may happen to a process, by its name.
local ACTIONS = {
  close = function(child) child:close():observe() end,
  cancel = function(child) child:promise():cancel() end,
  write = function(child, life)
    if life.stdin == "pipe" then child:write(("x"):rep(100000)):observe() end
  end,
  end_input = function(child, life)
    if life.stdin == "pipe" or life.pty then child:close_stdin() end
  end,
  untap = function(_, life)
    if life.tap then life.tap:close() end
  end,
  collect = function() collectgarbage() end,
}
for _, name in ipairs(SIGNALS) do
  ACTIONS[name] = function(child) child:kill(name) end
end

local NAMES = {}
for name in pairs(ACTIONS) do
  NAMES[#NAMES + 1] = name
end
table.sort(NAMES)

local lives = property.list(property.record {
  command = property.integer(1, #COMMANDS),
  pty = property.one_of { false, false, true },
  stdin = property.one_of { "null", "pipe" },
  group = property.one_of { false, true },
  kill_after = property.integer(0, 30), -- ms
  timeout = property.one_of { false, false, 10, 40 }, -- ms
  output = property.one_of { "null", "idle", "fast", "slow" },
  events = property.list(property.record { after = property.integer(0, 20), what = property.one_of(NAMES) }, 4),
  waits = property.one_of { true, false },
}, 12)

local function make(life)
  local given = { unpack(COMMANDS[life.command]) }
  given.kill_after, given.group = life.kill_after / 1000, life.group
  given.timeout = life.timeout and life.timeout / 1000 or nil
  if life.pty then
    given.pty = true
  else
    given.stdin, given.stderr = life.stdin, "null"
    if life.output == "null" then given.stdout = "null" end
  end
  return cro.process(given)
end

local function listen(child, life)
  if life.output == "null" then return end
  local out = child:stdout()
  if life.output == "idle" then return end -- taken, and read by nobody
  life.tap = out:tap {
    value = function()
      if life.output == "slow" then cro.sleep(0.003) end
    end,
    quit = function() end,
  }
end

--- One process, from its making to its end.
local function live(life)
  if life.pty then life.stdin = "terminal" end
  local child = make(life)
  listen(child, life)
  child:start():observe()
  for _, event in ipairs(life.events) do
    cro.sleep(event.after / 1000)
    ACTIONS[event.what](child, life)
  end
  local gone = child:close()
  if life.waits then pawait(gone) else gone:observe() end
end

describe("a process that anything happens to #loop", function()
  it("leaves nothing open, whatever and whenever that was", function()
    local before = children.descriptors()
    property.check(lives, function(list)
      local jobs = { cro.Promise.kept() }
      for _, life in ipairs(list) do
        jobs[#jobs + 1] = cro.start(live, life)
      end
      cro.await(jobs)
      children.eventually(function()
        garbage.collect()
        return children.open() == "0 processes, 0 pipes"
      end)
      assert.equal(before, children.descriptors())
    end, 15)
  end)
end)
