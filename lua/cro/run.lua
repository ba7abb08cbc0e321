--- `cro.run`: the last line of a script that serves.
---
--- Starts services, waits for SIGINT or SIGTERM, drains, and returns when all have ended.
--- A second signal ends them at once. SIGHUP has servers that show certificates read them
--- again; without any it does what it always does. Given a function, it runs that in a fiber, which
--- the first signal cancels.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"

local run = {}

local SIGNALS = { "SIGINT", "SIGTERM" }

--- For specs: calls `fn(name)` at each such signal until closed.
---@param name string
---@param fn fun(name: string)
---@return { close: fun(self) }
function run.on_signal(name, fn) return require("cro.core").signal(name, fn) end

--- Is there a loop to take signals from?
---@return boolean
function run.has_signals()
  local ok, core = pcall(require, "cro.core")
  return ok and core.running == true
end

local function listen(fn)
  local boxes = {}
  if not run.has_signals() then return boxes end
  for i, name in ipairs(SIGNALS) do
    boxes[i] = run.on_signal(name, fn)
  end
  return boxes
end

--- Adds what SIGHUP does to the signals that are listened to.
local function listen_for_reload(boxes)
  local contexts = package.loaded["cro.tls.context"]
  if not contexts or not contexts.in_use() or not run.has_signals() then return end
  boxes[#boxes + 1] = run.on_signal("SIGHUP", contexts.reload_all)
end

local function close_all(boxes)
  for _, box in ipairs(boxes) do
    box:close()
  end
end

local function is_service(value)
  return type(value) == "table" and type(value.start) == "function" and type(value.stop) == "function"
end

local function list_of(given)
  if is_service(given) then return { given } end
  local fits = type(given) == "table" and getmetatable(given) == nil and #given > 0
  for i, each in ipairs(fits and given or {}) do
    if not is_service(each) then
      errors.misuse(("cro.run: element %d: expected a service, got %s"):format(i, options.show(each)))
    end
  end
  if fits then return given end
  errors.misuse(("cro.run: expected a service, a list of services or a function, got %s; "
    .. "a service has a source and a sink"):format(options.show(given)))
end

local function stop_all(started, how)
  local stopping = {}
  for i = #started, 1, -1 do
    local ok, promise = pcall(started[i].stop, started[i], how)
    if ok then stopping[#stopping + 1] = promise end
  end
  return stopping
end

local function start_all(services)
  local reactive = require "cro.reactive"
  local started = {}
  for i, each in ipairs(services) do
    local ok, err = pcall(each.start, each)
    if not ok then
      for _, promise in ipairs(stop_all(started, { now = true })) do
        reactive.pawait(promise)
      end
      error(err, 0)
    end
    started[i] = each
  end
  return started
end

--- Kept when every service has ended by itself. One that does not tell when it ends
--- keeps the program running until a signal comes.
local function all_ended(started)
  local Promise = require("cro.reactive").Promise
  local endings = {}
  for i, each in ipairs(started) do
    endings[i] = each.ended and each:ended() or Promise.new()
  end
  return Promise.all_of(endings), endings
end

local function raise_first_failure(endings)
  for _, ending in ipairs(endings) do
    if ending:status() == "broken" then
      local err = ending:cause()
      if not errors.is_cancellation(err) then error(err, 0) end
    end
  end
end

local function serve(services)
  local reactive = require "cro.reactive"
  local started = start_all(services)
  local over, endings = all_ended(started)
  local stopped, signals = reactive.Promise.new(), 0
  local boxes = listen(function()
    signals = signals + 1
    local stopping = stop_all(started, { now = signals > 1 })
    if signals > 1 then return end
    reactive.Promise.all_of(stopping):settled(function() stopped:keep(true) end)
  end)
  listen_for_reload(boxes)
  local ok, err = pcall(reactive.await, reactive.Promise.any_of { over, stopped })
  close_all(boxes)
  if not ok then error(err, 0) end
  raise_first_failure(endings)
end

local function run_function(fn)
  local reactive = require "cro.reactive"
  local job = reactive.start(fn)
  local boxes = listen(function(name) job:cancel(name) end)
  local value, err = reactive.pawait(job)
  close_all(boxes)
  if job:status() == "kept" then return value end
  if job:was_cancelled() and errors.is_cancellation(err) then return nil end
  error(err, 0)
end

local function work(given)
  if type(given) == "function" then return run_function(given) end
  return serve(list_of(given))
end

--- Without crolua there is no loop; the stand-in of `cro.fake` runs until the work ends.
local function outside(given)
  local fake = require "cro.fake"
  local finished, ok, value
  fiber.start(function()
    ok, value = xpcall(work, errors.trace, given)
    finished = true
  end)
  fake.run()
  if not finished then
    errors.misuse "cro.run: nothing is left to wait for, but the work has not ended; run the script with crolua"
  end
  if not ok then error(value, 0) end
  return value
end

--- Runs a service, a list of services or a function to its end.
---
--- Services are started in order; when one cannot start, those before it are stopped and
--- its error is raised. The first SIGINT or SIGTERM drains all of them (a function is
--- cancelled), the second ends them at once.
---@async
---@param given cro.Service|cro.Service[]|fun(): any
---@return any value what a function returned
function run.run(given)
  if type(given) ~= "function" then list_of(given) end
  if fiber.current() then return work(given) end
  return outside(given)
end

return run
