--- The one source of events that all watches share: the system bounds how many there may
--- be, and how many files they watch.
---
--- It is opened by the first watch and closed with the last. A subscriber has
--- `on_event(id, what, name)` and `on_overflow()`, which are called in the order of events
--- and may not wait.
local core = require "cro.core"

local watching = {}

--- What an event may be, as numbers to be looked for with `watching.is`.
watching.kinds = core.watch_kinds or {}

local kinds = watching.kinds
local band = bit.band

local box = false -- the watch of the core
local subscribers = {} -- id -> { subscriber -> how often }
local count = 0
local draining = false

--- Is the event of this kind?
---@param what integer
---@param kind integer
---@return boolean
function watching.is(what, kind) return band(what, kind) ~= 0 end

local function each(set, fn)
  local list = {}
  for subscriber in pairs(set) do
    list[#list + 1] = subscriber
  end
  for _, subscriber in ipairs(list) do
    if set[subscriber] then fn(subscriber) end
  end
end

local function tell_all_of_overflow()
  local all = {}
  for _, set in pairs(subscribers) do
    for subscriber in pairs(set) do
      all[subscriber] = true
    end
  end
  each(all, function(subscriber) subscriber:on_overflow() end)
end

local function close_if_idle()
  if count > 0 or not box then return end
  box:close()
  box = false
end

local function forget(id)
  for _, times in pairs(subscribers[id] or {}) do
    count = count - times
  end
  subscribers[id] = nil
end

local function deliver(id, what, name)
  if watching.is(what, kinds.overflow) then return tell_all_of_overflow() end
  local set = subscribers[id]
  if not set then return end
  each(set, function(subscriber) subscriber:on_event(id, what, name) end)
  if watching.is(what, kinds.ended) then forget(id) end
end

--- Delivers every event that has happened until now.
function watching.drain()
  if draining then return end
  draining = true
  while box do
    local id, what, name = box:take()
    if not id then break end
    local ok, err = pcall(deliver, id, what, name)
    if not ok then
      draining = false
      error(err, 0)
    end
  end
  draining = false
  return close_if_idle()
end

local SYSCTL = {
  limit = "the system watches no more files for this user; raise fs.inotify.max_user_watches: "
    .. "sysctl fs.inotify.max_user_watches=524288",
  too_many_files = "the system gives no more watches to this user; raise fs.inotify.max_user_instances "
    .. "(sysctl), or the limit of open files (ulimit -n)",
}

local function explain(err, path)
  err.op, err.path, err.address = "file.watch", path, nil
  local cure = SYSCTL[err.kind]
  if cure then err.message = ("file.watch %s: %s"):format(path, cure) end
  return nil, err
end

--- Has a subscriber hear of a path, and of the entries of a folder.
---@param subscriber table
---@param path string
---@param only_folder boolean nothing else
---@param no_link boolean no link to one
---@return integer|nil id
---@return cro.Error|nil err
function watching.add(subscriber, path, only_folder, no_link)
  if not box then
    local opened, err = core.watch(watching.drain)
    if not opened then return explain(err, path) end
    box = opened
  end
  local id, err = box:add(path, only_folder, no_link)
  if not id then
    close_if_idle()
    return explain(err, path)
  end
  local set = subscribers[id] or {}
  subscribers[id] = set
  set[subscriber] = (set[subscriber] or 0) + 1
  count = count + 1
  return id
end

--- The subscriber hears no more of this id. One that has ended is ignored.
---@param subscriber table
---@param id integer
function watching.remove(subscriber, id)
  local set = subscribers[id]
  if not set or not set[subscriber] then return end
  count = count - 1
  set[subscriber] = set[subscriber] > 1 and set[subscriber] - 1 or nil
  if next(set) == nil then
    subscribers[id] = nil
    box:remove(id)
  end
  if not draining then close_if_idle() end
end

return watching
