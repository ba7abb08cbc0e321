--- Random scripts over blocks, suppliers, channels, promises and a lock, and what must hold
--- whatever happens. See spec/rules/scripts_spec.lua.
---
--- A script says which blocks there are, what their handlers do, and what is done from
--- outside when. `scripted.run` plays it, takes everything down, and raises when a rule was
--- broken or something is left.
local cro = require "cro.reactive"
local fiber = require "cro.fiber"
local aftermath = require "spec.support.aftermath"
local feeders = require "spec.support.feeders"
local world = require "spec.support.world"
local Channel = require "cro.channel"
local Lock = require "cro.lock"

local whenever, emit, sleep = cro.whenever, cro.emit, cro.sleep

local check, is_expected, noted_receive = aftermath.check, aftermath.is_expected, aftermath.noted_receive

local scripted = {}

local EACH = 2 -- suppliers, channels, promises, as in spec/support/script_generator.lua
--- What handlers do in one run: blocks may feed each other for ever.
local MAX_ACTS = 200
local TENTH = 0.1

local function new_stage(script)
  local stage = {
    suppliers = {}, channels = {}, promises = {}, jobs = {}, taps = {}, wrong = {},
    capacity = script.capacity, lock = Lock.new(), inside = 0, running = 0, opened = 0, closed = 0, serial = 0, acts = 0,
    sent = {}, received = {}, emitters = {}, feeding = {}, states = {},
  }
  function stage.check(ok, text)
    if not ok then stage.wrong[#stage.wrong + 1] = text end
  end
  for i = 1, EACH do
    stage.suppliers[i] = cro.Supplier.new { buffer = script.buffer, policy = script.policy }
    stage.channels[i] = Channel.new { capacity = script.capacity }
    stage.promises[i] = cro.Promise.new()
  end
  return stage
end

--- Code of a block: at most one at a time, waits included, none after the end.
local function in_turn(stage, state, fn, ...)
  check(stage, state.busy == 0, "two pieces of code of a block at once")
  check(stage, not state.ended, "code of a block began after its close callbacks")
  state.busy, stage.running = state.busy + 1, stage.running + 1
  local ok, err = pcall(fn, ...)
  state.busy, stage.running = state.busy - 1, stage.running - 1
  if ok then return end
  check(stage, is_expected(err), tostring(err))
  error(err, 0)
end

local function noted_send(stage, n, verb)
  stage.serial = stage.serial + 1
  local value = stage.serial
  stage.sent[value] = "unknown"
  local ok, sent = pcall(Channel[verb], stage.channels[n], value)
  stage.sent[value] = ok and sent ~= false
  if not ok then error(sent, 0) end
end

local function receive(stage, n)
  if n < EACH then return noted_receive(stage, stage.channels[n]:receive()) end
  local from, value = Channel.select(stage.channels)
  if from then noted_receive(stage, value) end
end

local function protected(stage, fn, ...)
  local arguments = { ... }
  stage.lock:protect(function()
    stage.inside = stage.inside + 1
    check(stage, stage.inside == 1, "two in a lock")
    local ok, err = pcall(fn, unpack(arguments))
    stage.inside = stage.inside - 1
    if not ok then error(err, 0) end
  end)
end

local add_source

local acts = {}
function acts.nothing() end
function acts.emit(stage, one, value) stage.suppliers[one.n]:emit(value) end
function acts.send(stage, one) noted_send(stage, one.n, "send") end
function acts.offer(stage, one) noted_send(stage, one.n, "offer") end
function acts.keep(stage, one) pcall(stage.promises[one.n].keep, stage.promises[one.n]) end
function acts.done() cro.done() end
function acts.last() cro.last() end
function acts.error() error { kind = "own" } end
function acts.close_own(_, _, _, state) state.closers[#state.closers]() end
function acts.close_first(_, _, _, state) state.closers[1]() end
--- Waits for a react of its own; with `inner_done` that one ends the block around it.
function acts.inner(_, one)
  cro.react(function(inner)
    whenever(cro.Supply.interval(TENTH), function(count)
      if count == one.on then inner.done() end
    end)
  end)
end
function acts.inner_done(_, one, _, state)
  cro.react(function()
    whenever(cro.Supply.interval(TENTH), function(count)
      if one.on > 1 and count == one.on then state.block.done() end
    end)
    if one.on == 1 then state.block.done() end
  end)
end
function acts.more(stage, _, _, state)
  add_source(stage, state, { kind = "list", n = 1, nested = 1, wait = 1, act = "nothing", on = 1, finally = "wait" })
end
function acts.feed(stage, one)
  local emitter = stage.emitters[#stage.emitters - one.n + 1]
  if emitter then feeders.feed(stage, emitter) end
end
function acts.await(stage, one) cro.await(stage.promises[one.n]) end
function acts.receive(stage, one) receive(stage, one.n) end
function acts.protect(stage) protected(stage, sleep, TENTH) end
function acts.start(stage, one)
  stage.jobs[#stage.jobs + 1] = cro.start(function() stage.suppliers[one.n]:emit(0) end)
end
function acts.down(_, _, value, state)
  if state.emits then emit(value) end
end

local function origin(stage, one)
  if one.kind == "supplier" then return stage.suppliers[one.n]:supply() end
  if one.kind == "channel" then return stage.channels[one.n]:supply() end
  if one.kind == "promise" then return stage.promises[one.n]:supply() end
  if one.kind == "producer" then return feeders.source(stage, one) end
  if one.kind == "interval" then return cro.Supply.interval(TENTH * one.n) end
  return cro.Supply.from_list { 1, 2, 3 }
end

local function new_state(stage, block, emits, above)
  local state = {
    block = block, busy = 0, ended = false, closers = {}, emits = emits, above = above, beneath = 0, late = 0,
  }
  stage.states[#stage.states + 1] = state
  return state
end

local function open_state(stage, state)
  local above, later_ran = state.above or {}, false
  cro.closing(function()
    check(stage, later_ran, "a close callback ran before one that was registered later")
    stage.closed = stage.closed + 1
    check(stage, not state.ended, "close callbacks ran twice")
    check(stage, state.busy == 0, "close callbacks ran beneath a handler")
    check(stage, state.beneath == 0, "close callbacks ran before a source had ended")
    state.ended, above.beneath = true, (above.beneath or 0) - 1
  end)
  cro.closing(function()
    if stage.capacity == 1 then sleep(TENTH) end
    later_ran = true
  end)
  stage.opened, above.beneath = stage.opened + 1, (above.beneath or 0) + 1
end

--- Blocks between a source and its handler, each a block under the same rules.
local function nest(stage, one, above, depth)
  if depth == 0 then return origin(stage, one) end
  return cro.supply(function(block)
    local state = new_state(stage, block, true, above)
    open_state(stage, state)
    whenever(nest(stage, one, state, depth - 1), function(value)
      if depth == 1 and one.kind == "channel" then noted_receive(stage, value) end
      in_turn(stage, state, emit, value)
    end)
  end)
end

function add_source(stage, state, one)
  local seen, over, closed = 0, false, false
  local function handle(value)
    check(stage, not over, "a value after the end of its source")
    check(stage, not closed, "a value after its source was closed")
    if one.kind == "channel" and one.nested == 0 then noted_receive(stage, value) end
    seen = seen + 1
    if one.kind == "producer" and one.nested == 0 then feeders.begin(stage, value) end
    in_turn(stage, state, function()
      if one.wait > 0 then sleep(one.wait * TENTH) end
      stage.acts = stage.acts + 1
      if seen % one.on == 0 and stage.acts <= MAX_ACTS then acts[one.act](stage, one, value, state) end
    end)
  end
  local function finally()
    check(stage, not over, "two ends of a source")
    check(stage, not closed, "an end of a source that was closed")
    over = true
    in_turn(stage, state, function()
      if one.finally == "wait" then sleep(TENTH) end
      if one.finally ~= "nothing" and one.finally ~= "wait" then acts[one.finally](stage, one, 0, state) end
    end)
  end
  local handle_of = whenever(nest(stage, one, state, one.nested), handle):last(finally)
  if one.finally ~= "nothing" then handle_of:quit(finally) end
  state.closers[#state.closers + 1] = function()
    closed = true
    handle_of:close()
  end
end

local function body_of(stage, one, emits)
  return function(block)
    local state = new_state(stage, block, emits)
    open_state(stage, state)
    in_turn(stage, state, function()
      for _, each in ipairs(one.sources) do
        add_source(stage, state, each)
        if one.body > 0 then sleep(one.body * TENTH) end
      end
    end)
  end
end

--- A plain tap sees values, then at most one end, one at a time.
local function tap_block(stage, one)
  local busy, over = 0, false
  local function finish()
    check(stage, not over, "two ends of a tap")
    check(stage, busy == 0, "a tap ended beneath its callback")
    over = true
  end
  stage.taps[#stage.taps + 1] = cro.supply(body_of(stage, one, true)):tap {
    value = function()
      check(stage, not over, "a value after the end of a tap")
      check(stage, busy == 0, "two values of a tap at once")
      busy, stage.running = busy + 1, stage.running + 1
      local ok, err = pcall(sleep, one.body * TENTH)
      busy, stage.running = busy - 1, stage.running - 1
      if not ok then error(err, 0) end
    end,
    done = finish,
    quit = function(err)
      check(stage, is_expected(err), tostring(err))
      finish()
    end,
  }
end

local function begin_block(stage, one)
  if one.shape == "tap" then return tap_block(stage, one) end
  stage.jobs[#stage.jobs + 1] = cro.start(function()
    if one.shape == "react" then return cro.react(body_of(stage, one, false)) end
    tap_block(stage, one)
    sleep(1)
  end)
end

local steps = {}
function steps.emit(stage, n) stage.suppliers[n]:emit(n) end
steps["done"] = function(stage, n) stage.suppliers[n]:done() end
function steps.quit(stage, n) stage.suppliers[n]:quit { kind = "own" } end
function steps.send(stage, n) noted_send(stage, n, "send") end
steps.receive = receive
function steps.close(stage, n) stage.channels[n]:close() end
function steps.fail(stage, n) stage.channels[n]:fail { kind = "own" } end
function steps.keep(stage, n)
  if stage.promises[n]:status() == "planned" then stage.promises[n]:keep(n) end
end
steps["break"] = function(stage, n)
  if stage.promises[n]:status() == "planned" then stage.promises[n]:fail { kind = "own" } end
  stage.promises[n]:observe()
end
function steps.cancel(stage, n, other)
  local job = stage.jobs[other % #stage.jobs + 1]
  if job then job:cancel() end
  if stage.taps[n] then stage.taps[n]:close() end
end
function steps.offer_and_cancel(stage, n, other)
  noted_send(stage, n, "offer")
  steps.cancel(stage, n, other)
end
function steps.poll_and_cancel(stage, n, other)
  local value, found = stage.channels[n]:poll()
  if found then noted_receive(stage, value) end
  steps.cancel(stage, n, other)
end
function steps.release_and_cancel(stage, n, other)
  protected(stage, cro.now)
  steps.cancel(stage, n, other)
end
function steps.feed(stage, n, other)
  local emitter = stage.emitters[(n + other) % #stage.emitters + 1]
  if emitter then feeders.feed(stage, emitter) end
end
function steps.protect(stage) protected(stage, sleep, TENTH) end
function steps.again(stage, n)
  if stage.taps[n] then stage.taps[n]:close() end
  stage.promises[n] = cro.Promise.new()
end

local function play(stage, script)
  for _, one in ipairs(script.blocks) do
    fiber.timer(one.begin * TENTH, function() begin_block(stage, one) end)
  end
  for _, list in ipairs { script.steps, script.ends } do
    for _, one in ipairs(list) do
      fiber.timer(one.at * TENTH, function()
        stage.jobs[#stage.jobs + 1] = cro.start(steps[one.verb], stage, one.n, one.other)
      end)
    end
  end
end

--- Plays a script in a world of its own; raises when a rule was broken.
---@param script table
function scripted.run(script)
  local stage
  world.run(function()
    stage = new_stage(script)
    play(stage, script)
    sleep(TENTH / 2)
    for _ = 1, 40 do
      sleep(TENTH)
      aftermath.check_nobody_forgotten(stage)
    end
    aftermath.take_down(stage)
    aftermath.check_nothing_left(stage)
  end)
  check(stage, world.timers() == 0, "a timer was left")
  check(stage, #world.reports == 0, world.reports[1])
  assert(#stage.wrong == 0, table.concat(stage.wrong, "\n", 1, math.min(3, #stage.wrong)))
end

return scripted
