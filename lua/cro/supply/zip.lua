--- Operators that combine sources value by value: zip, zip_latest.
local alarm = require "cro.supply.alarm"
local combine = require "cro.supply.combine"
local errors = require "cro.errors"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local supply, whenever, emit, done = react.supply, react.whenever, react.emit, react.done

--- What `with` makes of a row; the row itself, a list of `n`, when there is none.
local function combined(row, n, with)
  if not with then
    row.n = n
    return row
  end
  if n == 2 then return with(row[1], row[2]) end
  return with(unpack(row, 1, n))
end

--- The oldest value of each, and whether one of them will have no more.
local function take_row(queues, n, buffer)
  local row, exhausted, i = {}, false, 1
  while i <= n do
    local queue = queues[i]
    local first, values = queue.first, queue.values
    row[i] = values[first]
    values[first] = nil
    queue.first, queue.count = first + 1, queue.count - 1
    if queue.gate.closed and queue.count < buffer then queue.gate:open() end
    exhausted = exhausted or (queue.over and queue.count == 0)
    i = i + 1
  end
  return row, exhausted
end

local function is_complete(queues, n)
  local i = 1
  while i <= n do
    if queues[i].count == 0 then return false end
    i = i + 1
  end
  return true
end

local function zip_body(sources, opts)
  local queues, n, with, buffer = {}, #sources, opts.with, opts.buffer
  for i = 1, n do
    queues[i] = { first = 1, count = 0, over = false, gate = false, values = false }
    queues[i].gate, queues[i].values = alarm.gate(), {}
  end
  local function emit_rows()
    while is_complete(queues, n) do
      local row, exhausted = take_row(queues, n, buffer)
      emit(combined(row, n, with))
      if exhausted then done() end
    end
  end
  for i, source in ipairs(sources) do
    local queue = queues[i]
    whenever(alarm.held(source, queue.gate), function(value)
      local count = queue.count
      queue.values[queue.first + count] = value
      queue.count = count + 1
      queue.gate.closed = count + 1 >= buffer
      if count == 0 then return emit_rows() end
    end):last(function()
      queue.over = true
      if queue.count == 0 then done() end
    end)
  end
end

local ZIP = {
  with = "callable",
  buffer = stage.OPTION.buffer,
}

--- Lists of one value of each source, in step, `n` of them; `{ with = fn }` as the last
--- argument combines them otherwise. Done when no further row is possible. A source that
--- is `buffer` values (1,024) ahead is held.
---@param ... cro.Supply|{ with: function|nil, buffer: integer|nil }
---@return cro.Supply
function Supply.zip(...)
  local sources, opts = combine.with_options("zip", ZIP, ...)
  if #sources == 0 then return Supply.from_list {} end
  return supply(function() zip_body(sources, opts) end)
end

local function copy(row, n)
  local other, i = {}, 1
  while i <= n do
    other[i] = row[i]
    i = i + 1
  end
  return other
end

local function zip_latest_body(sources, opts)
  local row, known, n, left, with = {}, {}, #sources, #sources, opts.with
  local initial = opts.initial or {}
  for i = 1, initial.n or #initial do
    row[i], known[i], left = initial[i], true, left - 1
  end
  for i, source in ipairs(sources) do
    whenever(source, function(value)
      if not known[i] then
        known[i], left = true, left - 1
      end
      row[i] = value
      if left == 0 then return emit(combined(with and row or copy(row, n), n, with)) end
    end)
  end
end

local ZIP_LATEST = {
  with = "callable",
  initial = "table",
}

--- The latest value of each source whenever one of them has a new one, once all have
--- one; `{ with = fn, initial = { ... } }`, where `initial` is of the first sources. Done
--- when all are done.
---@param ... cro.Supply|{ with: function|nil, initial: table|nil }
---@return cro.Supply
function Supply.zip_latest(...)
  local sources, opts = combine.with_options("zip_latest", ZIP_LATEST, ...)
  local initial = opts.initial
  if initial and (initial.n or #initial) > #sources then
    errors.misuse(("zip_latest: %d initial values for %d supplies"):format(initial.n or #initial, #sources))
  end
  if #sources == 0 then return Supply.from_list {} end
  return supply(function() zip_latest_body(sources, opts) end)
end
