--- Taps of every kind and policy on one supplier, beside a model of what each must receive.
---
--- The first and the last tap of the supplier are plain and bracket each delivery: what lies
--- between them is the very moment at which a value enters a queue or does not.
local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local sleep = cro.sleep
local TENTH = 0.1

local one_tap = property.record {
  kind = property.one_of { "tap", "tap", "whenever", "plain" },
  buffer = property.integer(1, 4),
  policy = property.one_of { "supplier", "error", "drop_oldest", "drop_newest" },
  wait = property.integer(0, 3),
  ends = property.one_of { "never", "never", "close", "error" },
  at = property.integer(1, 12), -- at which of its values
}

local burst = property.record {
  at = property.integer(0, 20),
  count = property.integer(1, 6),
  nested = property.integer(0, 2), -- emits from inside a tap
  cancel = property.integer(0, 6), -- its emitter, so much later; 0 never
}

local script = property.record {
  taps = property.list(one_tap, 5),
  bursts = property.list(burst, 12),
  buffer = property.integer(1, 4),
  policy = property.one_of { "error", "wait", "drop_oldest", "drop_newest" },
  finish = property.one_of { "done", "quit", "never" },
  finish_at = property.integer(0, 60),
}

--- What a tap must do, told what happens to it.
local Model = {}
Model.__index = Model

local function new_model(one, supplier)
  local own = one.kind == "tap" and one.policy ~= "supplier"
  return setmetatable({
    limit = one.kind == "whenever" and supplier.buffer or one.buffer,
    policy = own and one.policy or supplier.policy,
    queue = {}, -- what must still come
    lossy = false, busy = 0, over = false, slow = false, closed = false, seen = 0, queued_before = 0,
  }, Model)
end

function Model:before_delivery() self.open = not (self.closed or self.over or self.slow or self.failing) end

--- A value was delivered: those before it that were handled meanwhile are off the queue.
function Model:delivered(value, plain)
  if not self.open or self.closed or self.over or self.failing then return end
  if plain then return assert(self.latest == value, "a plain tap did not get the value inside emit") end
  local queue = self.queue
  if #queue < self.limit then
    queue[#queue + 1] = value
  elseif self.policy == "error" then
    self.slow = true
  elseif self.policy == "drop_oldest" then
    table.remove(queue, 1)
    queue[#queue + 1] = value
  else
    assert(self.policy == "drop_newest", "a queue of the policy wait is over its limit")
  end
end

function Model:received(value, plain)
  assert(not self.closed, "a value after close")
  assert(not self.over, "a value after the end")
  assert(self.busy == 0, "two values of a tap at once")
  self.latest, self.seen = value, self.seen + 1
  if plain then return end
  assert(table.remove(self.queue, 1) == value, "not the value that was to come")
end

function Model:ended(kind)
  assert(not self.over, "two ends")
  assert(not self.closed, "an end after close")
  assert(self.busy == 0, "an end beneath a handler")
  assert(#self.queue == 0 or kind == "own", "an end before what was queued")
  assert(kind == "own" or (kind == "slow_consumer") == self.slow, "slow or not: " .. kind)
  self.over = true
end

--- The callbacks of a tap, around its model.
local function callbacks(one, model, note)
  local plain = one.kind == "plain"
  local function guarded(fn, ...)
    local ok, err = pcall(fn, ...)
    if not ok then note(err) end
  end
  local function value(v)
    guarded(model.received, model, v, plain)
    model.busy = model.busy + 1
    local ok, err = true, nil
    if one.wait > 0 and not plain then ok, err = pcall(sleep, one.wait * TENTH) end
    model.busy = model.busy - 1
    if not ok then error(err, 0) end
    if model.seen ~= one.at or one.ends == "never" then return end
    if one.ends == "error" then
      model.failing = true
      error { kind = "own" }
    end
    model.closed = true
    model.close()
  end
  return value, function() guarded(model.ended, model, "done") end, function(err)
    guarded(model.ended, model, type(err) == "table" and err.kind or tostring(err))
  end
end

local function open(stage, one, supplier, note)
  local model = new_model(one, stage.script)
  local value, finish, quit = callbacks(one, model, note)
  stage.models[#stage.models + 1] = { model = model, plain = one.kind == "plain" }
  if one.kind == "whenever" then
    stage.jobs[#stage.jobs + 1] = cro.start(function()
      local ok, err = pcall(cro.react, function()
        local handle = cro.whenever(supplier, value):last(finish):quit(quit)
        model.close = function() handle:close() end
      end)
      if ok then return end
      if model.failing then return quit(err) end
      error(err, 0)
    end)
    return
  end
  local buffered = one.kind == "tap"
  local policy = buffered and one.policy ~= "supplier" and one.policy or nil
  local tap = supplier:supply():tap {
    value = value, done = finish, quit = quit, buffer = buffered and one.buffer or nil, policy = policy,
  }
  model.close = function() tap:close() end
end

local function bracket(stage, supplier, note)
  local function each(fn)
    for _, entry in ipairs(stage.models) do
      local ok, err = pcall(fn, entry.model, entry.plain)
      if not ok then note(err) end
    end
  end
  supplier:supply():tap(function(value)
    stage.order[#stage.order + 1] = value
    each(Model.before_delivery)
  end)
  return function()
    supplier:supply():tap(function(value)
      each(function(model, plain) model:delivered(value, plain) end)
    end)
  end
end

local function emit_some(stage, supplier, one)
  for _ = 1, one.count do
    stage.serial = stage.serial + 1
    local serial = stage.serial
    if one.nested > 0 and stage.script.policy ~= "wait" then stage.nested[serial] = one.nested end
    supplier:emit(serial)
  end
end

--- Emits from inside: what comes of it is delivered after, in the order of emission.
local function nest(stage, supplier)
  supplier:supply():tap(function(value)
    for _ = 1, stage.nested[value] or 0 do
      stage.serial = stage.serial + 1
      stage.nested[stage.serial] = stage.nested[value] - 1
      supplier:emit(stage.serial)
    end
  end)
end

local function check_end(stage, p, note)
  for i = 2, #stage.order do
    if p.policy ~= "wait" and stage.order[i] <= stage.order[i - 1] then note "not in the order of the emits" end
  end
  for _, entry in ipairs(stage.models) do
    local model = entry.model
    local ends = p.finish ~= "never" or model.slow
    if not model.closed and not model.over and (ends or #model.queue > 0) then note "the end or a value was lost" end
  end
end

local function run(p)
  local wrong = {}
  local function note(text) wrong[#wrong + 1] = tostring(text) end
  world.run(function()
    local supplier = cro.Supplier.new { buffer = p.buffer, policy = p.policy }
    local stage = { script = p, models = {}, jobs = {}, order = {}, serial = 0, nested = {} }
    local close_bracket = bracket(stage, supplier, note)
    for _, one in ipairs(p.taps) do
      -- A plain tap that may wait with the policy "wait" is another matter: see R7.
      if not (one.kind == "plain" and p.policy == "wait") then open(stage, one, supplier, note) end
      sleep(0)
    end
    close_bracket()
    nest(stage, supplier)
    for _, one in ipairs(p.bursts) do
      local job
      require("cro.fiber").timer(one.at * TENTH, function() job = cro.start(emit_some, stage, supplier, one) end)
      if one.cancel > 0 then
        require("cro.fiber").timer((one.at + one.cancel) * TENTH, function() job:cancel() end)
      end
    end
    sleep(p.finish_at * TENTH + TENTH / 2)
    if p.finish ~= "never" then supplier[p.finish](supplier, { kind = "given" }) end
    sleep(100)
    check_end(stage, p, note)
    for _, job in ipairs(stage.jobs) do
      job:cancel()
      local _, err = cro.pawait(job)
      if err ~= nil and err.kind ~= "cancelled" then note(err) end
    end
  end)
  assert(world.timers() == 0, "a timer was left")
  for _, text in ipairs(world.reports) do
    if not text:find("given", 1, true) then note(text) end
  end
  assert(#wrong == 0, table.concat(wrong, "\n", 1, math.min(4, #wrong)))
end

describe("any mix of taps, policies and bursts", function()
  it("brings each tap what its policy promises, in order, and one end after it", function()
    property.check(script, run, tonumber(os.getenv "PROPERTY_RUNS") or 300)
  end)
end)
