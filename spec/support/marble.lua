--- Marble tests: supplies drawn as strings, on virtual time.
---
---   marble.rows(it, {
---     { "map changes each value", source = "a-b-|", op = function(s) return s:map(up) end, result = "A-B-|" },
---   })
---
--- Each character is one second: `-` nothing, a letter or a digit a value, `|` done, `#` a
--- quit, `(ab|)` several at one instant, which takes one second; blanks are for lining up.
--- `^` in `tap` is when the source is tapped, `!` when the tap is closed. A digit is that
--- number, a letter itself, unless `values` says what it stands for.
---
--- A row is run with a live source (a Supplier, which sends whoever listens) and with an
--- on-demand one, unless `only` names one of them. Its fields:
---
---   source, others   what the sources send; `op` is called with their supplies
---   result           what a tap must see, to the second
---   tap              "--^---!"
---   closed           when the first source is closed; by default at its own end or at the
---                    end of the result, whichever is first. `others_closed` the same
---   err              the kind of error of a `#` in the result, "marble" by default
---
--- As soon as the tap is closed no timer is left; nothing was reported.
local assert = require "luassert"
local cro = require "cro.reactive"
local property = require "spec.support.property"
local world = require "spec.support.world"

local marble = {}

local ENDS = { ["|"] = "done", ["#"] = "quit" }

--- Events of a string: `{ at =, kind =, mark = }`, and how long it is.
local function parse(text)
  local events, at, group, length = {}, 0, false, 0
  for mark in text:gmatch "%S" do
    if mark == "(" then
      group = true
    elseif mark == ")" then
      group, at = false, at + 1
    else
      if mark ~= "-" then events[#events + 1] = { at = at, kind = ENDS[mark] or "value", mark = mark } end
      if not group then at = at + 1 end
    end
    length = at
  end
  return events, length
end

local function time_of(events, kinds)
  for _, event in ipairs(events) do
    if kinds[event.kind] then return event.at end
  end
end

local function time_of_mark(text, mark)
  for _, event in ipairs(parse(text or "")) do
    if event.mark == mark then return event.at end
  end
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function value_of(mark, values)
  if values[mark] ~= nil then return values[mark] end
  return tonumber(mark) or mark
end

local function mark_of(value, values)
  for mark, candidate in pairs(values) do
    if same(candidate, value) then return mark end
  end
  if type(value) == "number" and value % 1 == 0 and value >= 0 and value <= 9 then return tostring(value) end
  if type(value) == "string" and #value == 1 then return value end
  return "<" .. property.show(value) .. ">"
end

--- Events as a string again, in one way of writing it.
local function render(events)
  local parts, at, i = {}, 0, 1
  while i <= #events do
    local now, marks = events[i].at, {}
    while events[i] and math.abs(events[i].at - now) < 1e-6 do
      marks[#marks + 1] = events[i].mark
      i = i + 1
    end
    local gap, text = now - at, table.concat(marks)
    if #marks > 1 then text = "(" .. text .. ")" end
    if math.abs(gap - math.floor(gap + 0.5)) > 1e-6 or gap < 0 then text = ("<%g:>"):format(now) .. text end
    parts[#parts + 1] = ("-"):rep(math.max(0, math.floor(gap + 0.5))) .. text
    at = now + 1
  end
  return table.concat(parts)
end

local MARBLE = { kind = "marble" }

--- Plays events; `self.asleep` tells its own timer from those of operators.
local function play(self, events, from, values, target)
  for _, event in ipairs(events) do
    self.asleep = 1
    cro.sleep(from + event.at - cro.now())
    self.asleep = 0
    if event.kind == "value" then target.value(value_of(event.mark, values)) end
    if event.kind == "done" then return target.done() end
    if event.kind == "quit" then return target.quit(MARBLE) end
  end
  return false
end

local sources = {}

sources["a live source"] = function(self, events, values)
  local supplier = cro.Supplier.new()
  cro.start(function()
    play(self, events, 0, values, {
      value = function(value) supplier:emit(value) end,
      done = function() supplier:done() end,
      quit = function(err) supplier:quit(err) end,
    })
  end)
  return supplier:supply()
end

sources["an on-demand source"] = function(self, events, values)
  return cro.supply(function()
    local began = cro.now()
    cro.closing(function() self.asleep = 0 end)
    local ended = play(self, events, began, values, {
      value = cro.emit,
      done = cro.done,
      quit = function(err) error(err, 0) end,
    })
    if ended == false then cro.await(cro.Promise.new()) end
  end)
end

--- A source of a row, which notes when it was closed.
local function open(row, kind, text)
  local events, length = parse(text)
  local self = { ends_at = time_of(events, { done = true, quit = true }), length = length, asleep = 0, closed_at = nil }
  self.supply = sources[kind](self, events, row.values or {}):on_close(function() self.closed_at = cro.now() end)
  return self
end

local function check_closed(self, expected, ends, shift, what)
  local at = expected and time_of_mark(expected, "!")
  if not at then at = math.min(self.ends_at and self.ends_at + shift or math.huge, ends) end
  assert.is_true(self.closed_at ~= nil, what .. " was never closed")
  assert.is_true(math.abs(at - self.closed_at) < 1e-6,
    ("%s was closed at %g s, not at %g s"):format(what, self.closed_at, at))
end

local function check_timers(own)
  cro.sleep(0)
  cro.sleep(0)
  local asleep = 0
  for _, source in ipairs(own) do
    asleep = asleep + source.asleep
  end
  assert.equal(asleep, world.timers(), "a timer was left behind")
end

local function run_row(row, kind)
  local values, seen = row.values or {}, {}
  local expected, length = parse(row.result)
  local own = { open(row, kind, row.source) }
  for i, text in ipairs(row.others or {}) do
    own[i + 1] = open(row, kind, text)
  end
  local supplies, longest = {}, length
  for i, source in ipairs(own) do
    supplies[i], longest = source.supply, math.max(longest, source.length)
  end
  local tapped_at = time_of_mark(row.tap, "^") or 0
  cro.sleep(tapped_at)
  local function note(mark, kind_of_event)
    seen[#seen + 1] = { at = cro.now(), kind = kind_of_event or "value", mark = mark }
  end
  local err
  local tap = row.op(unpack(supplies)):tap {
    value = function(value) note(mark_of(value, values)) end,
    done = function() note("|", "done") end,
    quit = function(raised)
      err = raised
      note("#", "quit")
    end,
  }
  local close_at = time_of_mark(row.tap, "!")
  cro.sleep((close_at or tapped_at + longest) - cro.now())
  tap:close()
  local closed_at = cro.now()
  check_timers(own)
  cro.sleep(longest + 1)

  assert.equal(render(expected), render(seen))
  if err ~= nil then assert.equal(row.err or "marble", type(err) == "table" and err.kind or tostring(err)) end
  local ends = math.min(time_of(seen, { done = true, quit = true }) or math.huge, closed_at)
  local shift = kind == "a live source" and 0 or tapped_at
  for i, source in ipairs(own) do
    local closed = i == 1 and row.closed or i > 1 and row.others_closed and row.others_closed[i - 1]
    check_closed(source, closed, ends, shift, "source " .. i)
  end
  check_timers(own)
  assert.same({}, world.reports)
end

--- Declares a case for each row and kind of source.
---@param it function of the spec
---@param rows table[]
function marble.rows(it, rows)
  for _, row in ipairs(rows) do
    for _, kind in ipairs(row.only and { row.only } or { "a live source", "an on-demand source" }) do
      it(row[1] .. ", from " .. kind, world.inside(function() run_row(row, kind) end))
    end
  end
end

--- Runs one row with one kind of source, and raises when it is not as drawn.
marble.run = run_row

return marble
