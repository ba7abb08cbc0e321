--- The pull side: a supply as the iterator of a `for` loop.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local line = require "cro.line"
local receiver = require "cro.receiver"
local Supply = require "cro.supply"

local DEFAULT_BUFFER = 64

local EACH = {
  buffer = { "integer", default = DEFAULT_BUFFER, check = function(n) return n >= 1, "1 or more" end },
}

--- Wakes the other side, if it waits.
local function wake(self, side)
  local rec = self[side]
  self[side] = false
  if rec then fiber.wake(rec, nil, self) end
end

local function put(self, value)
  while self.count >= self.buffer do -- a producer that is closed meanwhile is stopped in this wait
    self.putting = fiber.may_wait "a full queue"
    fiber.suspend(self.putting, self)
  end
  self.last = self.last + 1
  self[self.last] = value
  self.count = self.count + 1
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
  wake(self, "putting")
  return value
end

local function finish(self, err)
  self.over, self.err = true, err
  wake(self, "getting")
end

--- The values one by one for a `for` loop, which waits for each. At most `buffer`
--- values (64) are taken ahead; then the source is held, or, when it is live, queues
--- as much again and quits. Raises when the supply quits; ends at a nil value. The tap
--- is closed when the code of this fiber, or the innermost block, ends.
---@async
---@param given { buffer: integer|nil }|nil
---@return fun(): any
function Supply:each(given)
  local opts = options.check("each", given, EACH)
  local queue = {
    buffer = opts.buffer,
    count = 0,
    last = 0,
    over = false,
    err = nil,
    putting = false,
    getting = false,
  }
  line.tap(self, {
    value = function(value) return put(queue, value) end,
    done = function() return finish(queue) end,
    quit = function(err) return finish(queue, err) end,
    buffer = self.source.live and opts.buffer or nil,
    with_fiber = true,
  })
  return function() return get(queue) end
end

receiver.guard(Supply, "supply", { "each" })
