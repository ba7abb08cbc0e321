--- Services: a pipeline from a source to a sink that can be started and stopped.
---
--- A started service owns one fiber in which the whole pipeline is tapped. Stopping
--- drains: the source is closed, each connection's input ends, what is under way is
--- finished, and after `timeout` seconds what is left is cut off.
local component = require "cro.pipeline.component"
local composite = require "cro.pipeline.composite"
local errors = require "cro.errors"
local options = require "cro.options"

---@class cro.Service
---@field kind "service"
---@field name string
---@field parts table[]
---@field label string
local Service = {}

--- Seconds that a stop waits for what is under way.
local DRAIN_TIMEOUT = 30

local NOT_STARTED = "The service was not started and the stop method is called on it, a missing :start()?"

local service = {}

local function metatable_for(methods)
  local class = Service
  if methods then class = setmetatable({}, { __index = function(_, key)
    local own = methods[key]
    if own ~= nil then return own end
    return Service[key]
  end }) end
  return component.metatable(class)
end

--- Makes a service of checked parts; only `cro.compose` calls this.
---@param parts table[]
---@param settings table
---@return cro.Service
function service.new(parts, settings)
  local flat = composite.flatten(parts)
  local names = {}
  for i, part in ipairs(flat) do
    names[i] = part.name
  end
  return setmetatable({
    kind = "service",
    name = table.concat(names, " | "),
    label = settings.label,
    settings = settings,
    flow_parts = flat,
    job = false, -- the promise of the running pipeline
    draining = false, -- kept when input is to end
    drained = false, -- what `stop` has returned
    source = false, -- what its first part has made, while it runs
    host = nil, -- where it listens
    port = nil,
  }, metatable_for(settings.service_type))
end

local function ignore() end

local function carry(self, bound, tapped)
  local parts = self.flow_parts
  local run = composite.new_run(self.settings)
  run.draining = self.draining
  return function(block)
    local label_of = self.settings.label_of
    local source = component.opened(parts[1], function(host, port)
      if label_of then run.label = label_of(host, port) or run.label end
      bound(host, port)
    end)
    self.source = source
    local messages = require("cro.pipeline.connection").until_drained(source, run.draining)
    messages = composite.traced(run, parts[1], messages)
    block.whenever(composite.flow(parts, 2, #parts, messages, run), ignore)
    tapped()
  end
end

--- The promise that a start waits for: bound when the source binds, else tapped.
local function begin(self)
  local reactive = require "cro.reactive"
  local ready = reactive.Promise.new()
  local binds = self.flow_parts[1].binds
  local function bound(host, port)
    self.host, self.port = host, port
    if binds and ready:status() == "planned" then ready:keep(true) end
  end
  local function tapped()
    if not binds then ready:keep(true) end
  end
  self.draining = reactive.Promise.new()
  self.job = reactive.start(function() reactive.react(carry(self, bound, tapped)) end)
  return ready
end

local function raise_at_caller(self, err)
  local place = errors.place()
  local message = ("%s%s"):format(place == "?" and "" or place .. ": ", tostring(err))
  local fields = { cause = err, component = self.flow_parts[1].name, phase = "start" }
  if type(err) == "table" then fields.code, fields.address = err.code, err.address end
  error(errors.new(type(err) == "table" and err.kind or "start", message, fields), 0)
end

local function forget(self)
  self.job, self.source, self.host, self.port = false, false, nil, nil
end

--- Reports the failure of a service that nobody is stopping.
local function watch(self)
  local job = self.job
  job:settled(function()
    if job:status() ~= "broken" then return end
    local err = job:cause()
    if job:was_cancelled() and errors.is_cancellation(err) then return end
    require("cro.report").unhandled(err, { what = ("service %s has failed"):format(self.name), label = self.label })
  end)
end

--- Starts the service. Returns when its source listens, or, for a source that does not
--- bind, has been tapped. Raises at the caller's line when it cannot.
---@async
---@return cro.Service itself
function Service:start()
  if self.job and self.job:status() == "planned" then
    errors.misuse(("service %s is already started"):format(self.name))
  end
  local reactive = require "cro.reactive"
  self.drained = false
  local ready = begin(self)
  local job = self.job
  reactive.await(reactive.Promise.any_of { ready, job })
  if ready:status() == "planned" and job:status() == "broken" then
    local err = job:cause()
    forget(self)
    raise_at_caller(self, err)
  end
  watch(self)
  return self
end

--- Where the service listens.
---@return string|nil host nil when it is not started or its source does not bind
---@return integer|nil port
function Service:address() return self.host, self.port end

--- Reads certificates, keys and CAs again, of a service whose first part is `tls.listener`; as
--- a change of a file does within seconds. Whoever shakes hands from then on is shown what
--- they hold; connections that are open go on.
---@return cro.Promise of true; broken with what is wrong, while all stays as it was
function Service:reload_tls()
  local source = self.source
  if not source then
    errors.misuse "service:reload_tls: this service is not started; certificates are read when it is"
  end
  if not source.reload_tls then
    errors.misuse(("service:reload_tls: %s, its first part, has no certificates; that of cro.tls.listener has"):format(
      self.flow_parts[1].name))
  end
  return source:reload_tls()
end

--- The promise that is settled when the service has ended, by itself or stopped: broken
--- with what ended it when it failed.
---@return cro.Promise|nil nil when it was not started
function Service:ended() return self.job or nil end

local function drain(self, timeout)
  local reactive = require "cro.reactive"
  local job = self.job
  if self.draining:status() == "planned" then self.draining:keep(true) end
  return reactive.start(function()
    local limit = reactive.Promise.after(timeout)
    reactive.await(reactive.Promise.any_of { job, limit })
    local clean = job:status() ~= "planned"
    limit:cancel()
    if not clean then job:cancel() end
    reactive.pawait(job)
    if self.job == job then forget(self) end
    return clean
  end)
end

--- Stops the service and returns the promise of its end: kept with true when all that
--- was under way has ended by itself, with false when it was cut off.
---
--- - `timeout`: seconds to wait for what is under way; default 30
--- - `now`: wait for nothing
---
--- While it drains, a second call returns the same promise; with `now` it cuts short.
---@param given { timeout: number|nil, now: boolean|nil }|nil
---@return cro.Promise
function Service:stop(given)
  local checked = options.check("service:stop", given, {
    timeout = { "number", default = DRAIN_TIMEOUT },
    now = { "boolean", default = false },
  })
  if not self.job then errors.misuse(NOT_STARTED) end
  if checked.now then self.job:cancel() end
  if not self.drained then self.drained = drain(self, checked.timeout) end
  return self.drained
end

return service
