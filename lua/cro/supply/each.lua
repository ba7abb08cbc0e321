--- The pull side: a supply as the iterator of a `for` loop.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local line = require "cro.line"
local receiver = require "cro.receiver"
local Supply = require "cro.supply"

local DEFAULT_BUFFER = 64
--- Bytes of strings that are taken ahead when nobody says how many values: 64 pieces of a
--- file or a connection would be 4 MiB, and as much garbage again and again.
local DEFAULT_BYTES = 256 * 1024

local EACH = {
  buffer = { "integer", check = function(n) return n >= 1, "1 or more" end },
}

--- Wakes the other side, if it waits.
local function wake(self, side)
  local rec = self[side]
  self[side] = false
  if rec then fiber.wake(rec, nil, self) end
end

local function is_full(self) return self.count >= self.buffer or self.bytes >= self.most end

local function put(self, value)
  while is_full(self) do -- a producer that is closed meanwhile is stopped in this wait
    self.putting = fiber.may_wait "a full queue"
    fiber.suspend(self.putting, self)
  end
  self.last = self.last + 1
  self[self.last] = value
  self.count = self.count + 1
  if type(value) == "string" then self.bytes = self.bytes + #value end
  wake(self, "getting")
end

local function get(self)
  while self.count == 0 do
    if self.err ~= nil then error(errors.awaited(self.err), 0) end
    if self.over then return nil end
    self.getting = fiber.may_wait "each"
    fiber.suspend(self.getting, self)
  end
  local value = self[self.last - self.count + 1]
  self[self.last - self.count + 1] = nil
  self.count = self.count - 1
  if type(value) == "string" then self.bytes = self.bytes - #value end
  wake(self, "putting")
  return value
end

local function finish(self, err)
  self.over, self.err = true, err
  wake(self, "getting")
end

--- The values one by one for a `for` loop, which waits for each. At most `buffer`
--- values are taken ahead, 64 unless given and no more than 256 KiB of strings; then the
--- source is held, or, when it is live, queues as much again and quits. Raises when the supply
--- quits; ends at a nil value. The tap is closed when the code of this fiber, or the innermost
--- block, ends.
---@async
---@param given { buffer: integer|nil }|nil
---@return fun(): any
function Supply:each(given)
  local opts = options.check("each", given, EACH)
  local queue = {
    buffer = opts.buffer or DEFAULT_BUFFER,
    count = 0,
    last = 0,
    bytes = 0,
    most = opts.buffer and math.huge or DEFAULT_BYTES,
    over = false,
    err = nil,
    putting = false,
    getting = false,
  }
  line.tap(self, {
    value = function(value) return put(queue, value) end,
    done = function() return finish(queue) end,
    quit = function(err) return finish(queue, err) end,
    buffer = self.source.live and queue.buffer or nil,
    with_fiber = true,
  })
  return function() return get(queue) end
end

receiver.guard(Supply, "supply", { "each" })
