--- The events of one watch on their way to its tap: joined, held for a while, bounded.
---
--- What waits is at most `buffer` events. When more happens, what is queued is still
--- delivered, then one event "overflow", and from then on what comes next.
local fiber = require "cro.fiber"

local events = {}

local Events = {}
Events.__index = Events

--- Events for a sink. `debounce` is how many seconds a path must be quiet before it is
--- told, or false.
---@param sink cro.Sink
---@param root string the path of the "overflow" event
---@param buffer integer
---@param debounce number|false
---@return table
function events.new(sink, root, buffer, debounce)
  local held = { due = 0 }
  held.prev, held.next = held, held
  return setmetatable({
    sink = sink,
    root = root,
    limit = buffer,
    debounce = debounce,
    queue = {},
    first = 1,
    last = 0,
    changed = {}, -- paths whose change is queued and not joined by anything else
    lost = false, -- "overflow" is queued
    pumping = false,
    closed = false,
    ending = false, -- what ends the sink after the queue
    held = held, -- ring of what waits to be quiet, the oldest first
    at = {}, -- path -> its place in the ring
    count = 0,
    timer = false,
  }, Events)
end

local function pump(self)
  while self.first <= self.last and not self.closed do
    local event = self.queue[self.first]
    self.queue[self.first] = nil
    self.first = self.first + 1
    if event.event == "overflow" then self.lost = false end
    if self.changed[event.path] == event then self.changed[event.path] = nil end
    if not self.sink:value(event) then self:close() end
  end
  self.pumping = false
  if self.ending and not self.closed then
    self.closed = true
    return self.ending()
  end
end

local function start(self)
  if self.pumping then return end
  self.pumping = true
  fiber.start(pump, self)
end

local function push(self, event)
  self.last = self.last + 1
  self.queue[self.last] = event
  return start(self)
end

--- Says that events were lost.
function Events:overflow()
  if self.lost or self.closed or self.ending then return end
  self.lost = true
  return push(self, { path = self.root, event = "overflow", exists = true })
end

local function enqueue(self, path, kind, exists)
  if self.lost then return end
  local before = self.changed[path]
  if kind == "changed" and before then return end
  if self.last - self.first + 1 >= self.limit then return self:overflow() end
  local event = { path = path, event = kind, exists = exists }
  self.changed[path] = kind == "changed" and event or nil
  return push(self, event)
end

local function unlink(self, entry)
  entry.prev.next, entry.next.prev = entry.next, entry.prev
  self.at[entry.path] = nil
  self.count = self.count - 1
end

local function link(self, entry)
  local held = self.held
  entry.prev, entry.next = held.prev, held
  held.prev.next, held.prev = entry, entry
  self.at[entry.path] = entry
  self.count = self.count + 1
end

local function set_timer(self)
  if self.timer or self.count == 0 or self.closed then return end
  self.timer = fiber.timer(math.max(0, self.held.next.due - fiber.now()), function()
    self.timer = false
    return self:let_go(fiber.now())
  end)
end

--- Queues what has been quiet long enough.
---@param now number
function Events:let_go(now)
  local entry = self.held.next
  while entry ~= self.held and entry.due <= now do
    unlink(self, entry)
    enqueue(self, entry.path, entry.kind, entry.exists)
    entry = self.held.next
  end
  return set_timer(self)
end

local function hold(self, path, kind, exists)
  local entry = self.at[path]
  if entry then
    unlink(self, entry)
    if entry.kind == "renamed" then kind = "renamed" end
  elseif self.count >= self.limit then
    return self:overflow()
  end
  link(self, { path = path, kind = kind, exists = exists, due = fiber.now() + self.debounce })
  return set_timer(self)
end

--- Something happened at a path.
---@param path string
---@param kind "changed"|"renamed"
---@param exists boolean
function Events:add(path, kind, exists)
  if self.closed or self.ending then return end
  if self.debounce then return hold(self, path, kind, exists) end
  return enqueue(self, path, kind, exists)
end

--- Ends the sink after what is queued and held.
---@param err cro.Error|nil
function Events:finish(err)
  if self.closed or self.ending then return end
  self:let_go(math.huge)
  self.ending = function()
    if err then return self.sink:quit(err) end
    return self.sink:done()
  end
  return start(self)
end

--- Nothing is delivered any more.
function Events:close()
  self.closed = true
  if self.timer then self.timer:close() end
  self.timer = false
end

return events
