--- Sleeping fibers: whom to wake when.
---
--- A fiber that sleeps waits for its bucket, the list of all that are due at the same
--- time, and notes its place there. However many sleep, one timer of the host is set, to
--- the earliest bucket; what a sleeper costs beside its coroutine is a slot of a list.
--- Where the host's clock has ticks, so have the buckets.
---
--- It owns no fiber and keeps none alive but by its bucket.
local fiber = require "cro.fiber"

local sleepers = {}

--- A list: when it is due, how many of it sleep still, where the last one is; then the
--- fibers in the order they came, false where one has left.
local Bucket = {}
Bucket.__index = Bucket
local DUE, LIVE, LAST, FIRST = 1, 2, 3, 4

--- The clock that counts is the host's; so much is lost when its numbers are added.
local NEARLY = 1e-9

local by_due = {}
local heap, count = {}, 0 -- buckets, the earliest first; some are empty
local empty = 0 -- of those in the heap
local timer, timer_due = false, math.huge
local host, tick

--- Another host knows nothing of those who slept under the one before.
local function use_host()
  host = fiber.host
  tick = host.tick
  by_due, heap, count, empty = {}, {}, 0, 0
  timer, timer_due = false, math.huge
end

local function sift_up(bucket, at)
  local due = bucket[DUE]
  while at > 1 do
    local above = (at - at % 2) / 2
    if heap[above][DUE] <= due then break end
    heap[at] = heap[above]
    at = above
  end
  heap[at] = bucket
end

local function sift_down(bucket, at)
  local due = bucket[DUE]
  while at * 2 <= count do
    local below = at * 2
    if below < count and heap[below + 1][DUE] < heap[below][DUE] then below = below + 1 end
    if heap[below][DUE] >= due then break end
    heap[at] = heap[below]
    at = below
  end
  heap[at] = bucket
end

local function pop()
  local first, last = heap[1], heap[count]
  heap[count] = nil
  count = count - 1
  if count > 0 then sift_down(last, 1) end
  return first
end

--- Drops the buckets that everybody has left, when they are most of all.
local function compact()
  if empty < 64 or empty * 2 < count then return end
  local kept = 0
  for i = 1, count do
    local bucket = heap[i]
    if bucket[LIVE] > 0 then
      kept = kept + 1
      heap[kept] = bucket
    end
  end
  for i = kept + 1, count do
    heap[i] = nil
  end
  count, empty = kept, 0
  for i = (kept - kept % 2) / 2, 1, -1 do
    sift_down(heap[i], i)
  end
end

-- Out of memory, what is left of it is for the next time.
local function wake_all(bucket)
  for i = FIRST, bucket[LAST] do
    local rec = bucket[i]
    if rec and rec.waiting == bucket then
      rec.value = false
      fiber.wake(rec, nil, bucket)
    end
    bucket[i] = false
  end
end

local arm

local function fire()
  timer, timer_due = false, math.huge
  local now = fiber.now() + NEARLY
  while count > 0 and heap[1][DUE] <= now do
    local bucket = heap[1]
    wake_all(bucket)
    if bucket[LIVE] == 0 then empty = empty - 1 end
    if by_due[bucket[DUE]] == bucket then by_due[bucket[DUE]] = nil end
    pop()
  end
  arm()
end

--- Sets the timer to the earliest bucket somebody sleeps in, or stops it.
arm = function()
  while count > 0 and heap[1][LIVE] == 0 do
    pop()
    empty = empty - 1
  end
  local due = count > 0 and heap[1][DUE] or math.huge
  if due == timer_due then return end
  if timer then timer:close() end
  timer, timer_due = false, due
  if due < math.huge then timer = fiber.timer(math.max(0, due - fiber.now()), fire) end
end

--- The fiber was interrupted.
---@param rec cro.Fiber
function Bucket:forget(rec)
  self[rec.value], rec.value = false, false
  local live = self[LIVE] - 1
  self[LIVE] = live
  if live > 0 then return end
  by_due[self[DUE]] = nil
  empty = empty + 1
  if heap[1] == self then arm() else compact() end
end

local function new_bucket(due)
  local bucket = setmetatable({ 0, 0, 3, false }, Bucket)
  bucket[DUE] = due
  heap[count + 1] = bucket
  count = count + 1
  sift_up(bucket, count)
  by_due[due] = bucket
  return bucket
end

--- Adds a fiber that is going to park.
---@param rec cro.Fiber
---@param seconds number 0 or more
---@return table bucket what it waits for
function sleepers.add(rec, seconds)
  local due = fiber.now() + seconds
  if fiber.host ~= host then use_host() end
  if tick and seconds > 0 then
    due = math.ceil((due - NEARLY) / tick) * tick
  elseif tick then
    due = math.floor(due / tick) * tick -- no time at all is over at once
  end
  local bucket = by_due[due] or new_bucket(due)
  local at = bucket[LAST] + 1
  bucket[at] = rec
  bucket[LIVE], bucket[LAST], rec.value = bucket[LIVE] + 1, at, at
  if due < timer_due then arm() end
  return bucket
end

return sleepers
