--- Random trees of jobs and blocks that open things, cancelled at a random time.
local cro = require "cro.reactive"
local property = require "spec.support.property"
local scope = require "cro.scope"
local world = require "spec.support.world"

local Promise, Supply = cro.Promise, cro.Supply

--- What a piece of code does, step by step; `run` is a list of such lists.
local acts = {}

function acts.open(state)
  local handle = { held = false, closed = 0 }
  state.handles[#state.handles + 1] = handle
  scope.own(handle, "thing", function(self)
    self.closed = self.closed + 1
    if #state.handles % 3 == 0 then return Promise.after(0.1) end
  end)
end

function acts.sleep() cro.sleep(0.5) end
function acts.fail() error { kind = "planned" } end
function acts.after() Promise.after(7):and_then(function() end) end
function acts.tap(state)
  state.taps = state.taps + 1
  Supply.interval(0.3):on_close(function() state.taps = state.taps - 1 end):tap()
end

function acts.clean_up(state)
  cro.defer(function()
    cro.sleep(0.1)
    acts.open(state)
  end)
end

local run

function acts.start(state, inner)
  local promise = cro.start(run, state, inner)
  promise:observe()
end

function acts.await(state, inner) cro.pawait(cro.start(run, state, inner)) end

function acts.react(state, inner)
  cro.react(function()
    cro.whenever(Supply.interval(0.4):head(2), function() run(state, inner) end)
  end)
end

function acts.supply(state, inner)
  local source = cro.supply(function()
    run(state, inner)
    cro.emit(1)
    cro.whenever(Supply.interval(0.4):head(2), cro.emit)
  end)
  cro.await(source)
end

function acts.produce(state, inner)
  local source = Supply.on_demand(function(emitter)
    run(state, inner)
    emitter:emit(1)
    emitter:done()
  end)
  cro.pawait(source)
end

local SIMPLE = { "open", "open", "open", "sleep", "sleep", "after", "tap", "clean_up", "fail" }
local NESTED = { "start", "start", "await", "react", "supply", "produce" }

run = function(state, steps)
  for _, step in ipairs(steps) do
    acts[step[1]](state, step[2])
  end
end

local function tree(random, depth)
  local steps = {}
  for i = 1, random(4) do
    if depth > 0 and random(2) == 1 then
      steps[i] = { NESTED[random(#NESTED)], tree(random, depth - 1) }
    else
      steps[i] = { SIMPLE[random(#SIMPLE)] }
    end
  end
  return steps
end

--- The same tree with one step less, or with the steps within one in its place.
local function smaller_trees(steps)
  local list = {}
  for i, step in ipairs(steps) do
    local without, inlined = {}, {}
    for j, other in ipairs(steps) do
      if j ~= i then without[#without + 1] = other end
      for _, inner in ipairs(j == i and step[2] or { other }) do
        inlined[#inlined + 1] = inner
      end
    end
    list[#list + 1] = without
    if step[2] then list[#list + 1] = inlined end
    for _, inner in ipairs(step[2] and smaller_trees(step[2]) or {}) do
      local changed = { unpack(steps) }
      changed[i] = { step[1], inner }
      list[#list + 1] = changed
    end
  end
  return list
end

local program = {
  make = function(random) return { at = random(30) / 10, steps = tree(random, 3) } end,
  shrink = function(value)
    local list = {}
    for i, steps in ipairs(smaller_trees(value.steps)) do
      list[i] = { at = value.at, steps = steps }
    end
    return list
  end,
}

describe("whatever code opens and starts, and whenever it is cancelled,", function()
  it("is closed once and leaves nothing behind", function()
    property.check(program, function(given)
      world.run(function()
        local state = { handles = {}, taps = 0 }
        local job = cro.start(function()
          run(state, given.steps)
          cro.sleep(1000)
        end)
        cro.sleep(given.at)
        job:cancel()
        cro.pawait(job)
        cro.sleep(20) -- a tap that was closed may have a source that cleans up
        assert(world.timers() == 0, "timers were left: " .. world.timers())
        assert(state.taps == 0, "taps were left: " .. state.taps)
        for i, handle in ipairs(state.handles) do
          assert(handle.closed == 1, ("handle %d was closed %d times"):format(i, handle.closed))
          assert(not handle.held, "a closed handle has an owner")
        end
        assert(#world.reports == 0, world.reports[1])
      end)
    end, tonumber(os.getenv "PROPERTY_RUNS") or 200)
  end)
end)
