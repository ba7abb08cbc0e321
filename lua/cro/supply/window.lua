--- Operators that make lists of values: batch, rotor.
local alarm = require "cro.supply.alarm"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local line = require "cro.line"
local options = require "cro.options"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local BATCH = {
  elems = { "integer", check = function(n) return n >= 1, "1 or more" end },
  seconds = stage.OPTION.seconds,
  emit_timed = { "boolean", default = false },
  max = stage.OPTION.kept,
}

local function batch_op(head, opts, self)
  local elems, max, held, n, holes = opts.elems or false, opts.elems or opts.max, {}, 0, false
  local function flush()
    if n == 0 then return end
    local full = held
    if holes then full.n = n end
    held, n, holes = {}, 0, false
    return head(full)
  end
  line.before_done(self, function(done)
    flush()
    return done()
  end)
  local function add(value)
    if value == nil then holes = true end
    n = n + 1
    held[n] = value
    if n == elems then return flush() end
    if n > max then stage.too_many("batch", max) end
  end
  local seconds = opts.seconds
  if not seconds then return add end
  local began, slot, floor, now = fiber.now(), 0, math.floor, fiber.now
  return function(value)
    local current = floor((now() - began) / seconds)
    if current ~= slot then flush() end
    slot = current
    return add(value)
  end
end

local function batch_timed_body(source, opts)
  local elems, seconds, held, n, holes = opts.elems, opts.seconds, {}, 0, false
  local began, due = fiber.now(), 0
  local function flush()
    if n == 0 then return end
    local full = held
    if holes then full.n = n end
    held, n, holes = {}, 0, false
    return react.emit(full)
  end
  local clock = alarm.new(flush)
  react.whenever(source, function(value)
    if n > 0 and alarm.is_due(due) then flush() end
    if n == 0 then
      due = began + (math.floor((fiber.now() - began) / seconds) + 1) * seconds
      clock:set(due)
    end
    if value == nil then holes = true end
    n = n + 1
    held[n] = value
    if n == elems then return flush() end
    if not elems and n > opts.max then stage.too_many("batch", opts.max) end
  end):last(function()
    flush()
    clock:close()
  end)
end

--- Lists of values: of `elems` at most, or of one time slot of `seconds`. Slots follow one
--- another from the tap on. A slot's list is sent with the next value after it, or with
--- `emit_timed` when its time is over. What is left comes when the source is done. A list
--- of more than `max` values (1,048,576) is an error. A list with a nil in it has `n`.
---@param given { elems: integer|nil, seconds: number|nil, emit_timed: boolean|nil, max: integer|nil }|integer
--- a number is `elems`
---@return cro.Supply
function Supply:batch(given)
  self = stage.of("batch", self)
  if type(given) == "number" then given = { elems = given } end
  local opts = options.check("batch", given, BATCH)
  if not opts.elems and not opts.seconds then
    errors.misuse "batch: give it elems, seconds or both: batch { elems = 10, seconds = 1 }"
  end
  if opts.emit_timed and not opts.seconds then
    errors.misuse "batch: emit_timed needs seconds: batch { seconds = 1, emit_timed = true }"
  end
  if not opts.emit_timed then return self:with(batch_op, opts) end
  return react.supply(function() batch_timed_body(self, opts) end)
end

--- How long a window is, and the step to the next one, for each of a cycle.
local function cycle_of(given)
  if type(given) == "number" then given = { given } end
  options.argument("rotor", 1, given, "integer|table")
  local cycle = {}
  for i = 1, #given, 2 do
    local size, gap = given[i], given[i + 1] or 0
    options.argument("rotor", 1, size, "integer")
    options.argument("rotor", 1, gap, "integer")
    if size < 1 then errors.misuse(("rotor: a window is 1 or more values, got %d"):format(size)) end
    if gap <= -size then
      errors.misuse(("rotor: a gap of %d goes back by a whole window of %d or more; "
        .. "it may be %d at least"):format(gap, size, 1 - size))
    end
    cycle[#cycle + 1] = { size = size, gap = gap }
  end
  if #cycle == 0 then errors.misuse "rotor: expected a size, or a list of size, gap, size, gap, got an empty list" end
  return cycle
end

local function rotor_op(head, opts, self)
  local cycle, at = opts.cycle, 1
  local size, gap, held, n, skip, holes = cycle[1].size, cycle[1].gap, {}, 0, 0, false
  local function flush()
    local full, overlap = held, math.min(n, math.max(0, -gap))
    if holes then full.n = n end
    held = {}
    for i = 1, overlap do
      held[i] = full[n - overlap + i]
    end
    n, skip = overlap, math.max(0, gap)
    at = at % #cycle + 1
    size, gap = cycle[at].size, cycle[at].gap
    head(full)
    -- The next window may be shorter than what two windows share.
    if n >= size then return flush() end
  end
  if opts.partial then
    line.before_done(self, function(done)
      if n == 0 then return done() end
      if holes then held.n = n end
      head(held)
      return done()
    end)
  end
  return function(value)
    if skip > 0 then
      skip = skip - 1
      return
    end
    if value == nil then holes = true end
    n = n + 1
    held[n] = value
    if n >= size then return flush() end
  end
end

local ROTOR = { partial = { "boolean", default = false } }

--- Windows of values. `rotor(3)` is one after the other; `rotor { 3, -1 }` has one value
--- in common with the window before, `rotor { 3, 1 }` leaves one out between two. Longer
--- lists are sizes and gaps in turn, over and over. A last window that is not full comes
--- with `{ partial = true }` only. Once a nil has come windows have `n`.
---@param windows integer|integer[] size, or a list of size, gap, size, gap
---@param given { partial: boolean|nil }|nil
---@return cro.Supply
function Supply:rotor(windows, given)
  self = stage.of("rotor", self)
  local opts = options.check("rotor", given, ROTOR)
  opts.cycle = cycle_of(windows)
  return self:with(rotor_op, opts)
end

stage.many(batch_op, { elems = 1, max = 1 })
