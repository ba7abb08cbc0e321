--- throttle: no more than so many values in a time, or jobs at a time.
local alarm = require "cro.supply.alarm"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local Promise = require "cro.promise"
local Supplier = require "cro.supplier"
local Supply = require "cro.supply"

local supply, whenever, emit, done = react.supply, react.whenever, react.emit, react.done

local function is_supplier(value) return getmetatable(value) == Supplier, "a Supplier" end

local function not_negative(n) return n >= 0, "0 or more" end

local OPTIONS = {
  delay = { "number", default = 0, check = function(n) return n >= 0 and n < math.huge, "seconds, 0 or more" end },
  control = "any",
  status = { "any", check = is_supplier },
  bleed = { "any", check = is_supplier },
  vent_at = { "integer", check = not_negative },
  buffer = stage.OPTION.buffer,
}

--- What both forms share: what waits, and what is told and asked meanwhile.
local function new_state(limit, opts)
  return {
    limit = limit,
    status = opts.status,
    bleed = opts.bleed,
    vent_at = opts.vent_at,
    buffer = opts.buffer,
    gate = alarm.gate(),
    first = 1,
    last = 0,
    emitted = 0,
    bled = 0,
    over = false,
  }
end

local function count(self) return self.last - self.first + 1 end

local function take(self)
  local value = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  if self.gate.closed and count(self) < self.buffer then self.gate:open() end
  return value
end

local function bleed_one(self, value)
  self.bled = self.bled + 1
  return self.bleed:emit(value)
end

--- Puts a value aside, or lets it bleed when there are too many.
local function put(self, value)
  if self.bleed and self.vent_at and count(self) >= self.vent_at then return bleed_one(self, value) end
  self.last = self.last + 1
  self[self.last] = value
  self.gate.closed = count(self) >= self.buffer
end

local function tell(self, id)
  if not self.status then return end
  self.status:emit {
    id = id,
    limit = self.limit,
    allowed = self.allowed(),
    running = self.running,
    buffered = count(self),
    emitted = self.emitted,
    bled = self.bled,
    vent_at = self.vent_at,
  }
end

local function finish(self)
  tell(self, "done")
  if self.status then self.status:done() end
  if self.bleed then self.bleed:done() end
  done()
end

local commands = {}

function commands.limit(self, n)
  self.limit = n
  return self.go_on()
end

function commands.bleed(self, n)
  if not self.bleed then errors.misuse "throttle: control \"bleed\" needs the option bleed, a Supplier" end
  while n > 0 and count(self) > 0 do
    bleed_one(self, take(self))
    n = n - 1
  end
end

function commands.vent_at(self, n)
  if not self.bleed then errors.misuse "throttle: control \"vent_at\" needs the option bleed, a Supplier" end
  self.vent_at = n
  return commands.bleed(self, count(self) - n)
end
commands["vent-at"] = commands.vent_at

local KNOWN = "limit:N, bleed:N, vent_at:N and status:ID"

local function obey(self, key, value)
  if key == "status" then return tell(self, value) end
  local command, n = commands[key], tonumber(value)
  if not command then
    errors.misuse(("throttle: unknown control %s; it knows %s"):format(options.show(key), KNOWN))
  end
  if not n or n < 0 or n % 1 ~= 0 then
    errors.misuse(("throttle: control %q: expected a whole number, got %s"):format(key, options.show(value)))
  end
  return command(self, n)
end

local function on_control(self, message)
  if type(message) == "table" then
    for _, key in ipairs { "limit", "vent_at", "bleed", "status" } do
      if message[key] ~= nil then obey(self, key, message[key]) end
    end
    return
  end
  local key, value
  if type(message) == "string" then key, value = message:match "^([%w_-]+):(.*)$" end
  if not key then
    errors.misuse(("throttle: a control message is one of %s, got %s"):format(KNOWN, options.show(message)))
  end
  return obey(self, key, value)
end

local function run(self, source, control, take_value)
  if control then whenever(control, function(message) return on_control(self, message) end) end
  whenever(alarm.held(source, self.gate), take_value):last(function()
    self.over = true
    return self.go_on()
  end)
end

--- Slots follow one another from the tap on, after the delay.
local function slots_body(source, limit, seconds, opts)
  local self = new_state(limit, opts)
  local began, slot, used, clock = fiber.now() + opts.delay, -1, 0, nil
  local function allowed()
    local now = fiber.now()
    if not alarm.is_due(began) then return 0 end
    local current = math.max(0, math.floor((now - began) / seconds + 1e-9))
    if current ~= slot then
      slot, used = current, 0
    end
    return math.max(0, self.limit - used)
  end
  local function send(value)
    used = used + 1
    self.emitted = self.emitted + 1
    return emit(value)
  end
  function self.go_on()
    while count(self) > 0 and allowed() > 0 do
      send(take(self))
    end
    if count(self) == 0 and self.over then finish(self) end
    if count(self) > 0 and self.limit > 0 then clock:set(began + (slot + 1) * seconds) end
  end
  self.allowed = allowed
  clock = alarm.new(self.go_on)
  run(self, source, opts.control, function(value)
    if count(self) == 0 and allowed() > 0 then return send(value) end
    put(self, value)
    if not clock.at and count(self) > 0 and self.limit > 0 then clock:set(began + (slot + 1) * seconds) end
  end)
end

--- The jobs that run; their promises are emitted as they are settled.
local function jobs_body(source, limit, fn, opts)
  local self, jobs = new_state(limit, opts), {}
  local began = fiber.now() + opts.delay
  local function allowed()
    if not alarm.is_due(began) then return 0 end
    return math.max(0, self.limit - self.running)
  end
  local function forget(job)
    for i = 1, #jobs do
      if jobs[i] == job then return table.remove(jobs, i) end
    end
  end
  local function start(value)
    local job = Promise.start(fn, value)
    jobs[#jobs + 1] = job
    self.running = self.running + 1
    whenever(job:settled(function() end), function()
      forget(job)
      self.running, self.emitted = self.running - 1, self.emitted + 1
      emit(job)
      return self.go_on()
    end)
  end
  self.running, self.allowed = 0, allowed
  function self.go_on()
    while count(self) > 0 and allowed() > 0 do
      start(take(self))
    end
    if self.over and self.running == 0 and count(self) == 0 then finish(self) end
  end
  if opts.delay > 0 then alarm.new(self.go_on):set(began) end
  react.closing(function()
    for _, job in ipairs(jobs) do
      job:cancel()
    end
  end)
  run(self, source, opts.control, function(value)
    if count(self) == 0 and allowed() > 0 then return start(value) end
    return put(self, value)
  end)
end

local function check(limit, per, given)
  options.argument("throttle", 1, limit, "integer")
  if limit < 1 then errors.misuse(("throttle: argument 1: expected 1 or more, got %s"):format(options.show(limit))) end
  options.argument("throttle", 2, per, "number|callable")
  if type(per) == "number" and (per ~= per or per <= 0 or per == math.huge) then
    errors.misuse(("throttle: argument 2: expected seconds, more than 0, got %s"):format(options.show(per)))
  end
  if type(given) == "number" then given = { delay = given } end
  local opts = options.check("throttle", given, OPTIONS)
  if opts.vent_at and not opts.bleed then
    errors.misuse "throttle: option \"vent_at\" needs the option bleed, a Supplier that takes what is too many"
  end
  if opts.control ~= nil then opts.control = Supply.from(opts.control, "throttle: option \"control\"") end
  return opts
end

---@class cro.ThrottleOptions
---@field delay number|nil seconds before the first; 0
---@field control cro.Supply|cro.Supplier|nil of "limit:N", "bleed:N", "vent_at:N", "status:ID", or tables
---@field status cro.Supplier|nil is sent tables when asked to, and with the id "done" at the end
---@field bleed cro.Supplier|nil is sent the values that are too many
---@field vent_at integer|nil values that may wait before others bleed
---@field buffer integer|nil values that may wait before the source is held; 1,024

--- At most `limit` values in each slot of `per` seconds; others wait for a later slot. Or,
--- with a function, at most `limit` of its runs at a time, one for each value; then the
--- promises of the runs are emitted, as they are settled.
---@param limit integer
---@param per number|fun(value: any): any
---@param given cro.ThrottleOptions|number|nil a number is the delay
---@return cro.Supply
function Supply:throttle(limit, per, given)
  self = stage.of("throttle", self)
  local opts = check(limit, per, given)
  if type(per) == "number" then return supply(function() slots_body(self, limit, per, opts) end) end
  local function job(value) return per(value) end
  return supply(function() jobs_body(self, limit, job, opts) end)
end
