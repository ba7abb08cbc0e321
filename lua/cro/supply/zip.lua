--- Operators that combine sources value by value: zip, zip_latest.
local alarm = require "cro.supply.alarm"
local combine = require "cro.supply.combine"
local errors = require "cro.errors"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local supply, whenever, emit, done = react.supply, react.whenever, react.emit, react.done

local function pack_row(...) return { n = select("#", ...), ... } end

local function row_of(queues, buffer)
  local row, exhausted = {}, false
  for i, queue in ipairs(queues) do
    row[i] = queue[queue.first]
    queue[queue.first] = nil
    queue.first = queue.first + 1
    if queue.gate.closed and queue.last - queue.first + 1 < buffer then queue.gate:open() end
    exhausted = exhausted or (queue.over and queue.first > queue.last)
  end
  return row, exhausted
end

local function is_complete(queues)
  for _, queue in ipairs(queues) do
    if queue.first > queue.last then return false end
  end
  return true
end

local function zip_body(sources, opts)
  local queues, n, with, buffer = {}, #sources, opts.with, opts.buffer
  for i = 1, n do
    queues[i] = { first = 1, last = 0, over = false, gate = alarm.gate() }
  end
  local function emit_rows()
    while is_complete(queues) do
      local row, exhausted = row_of(queues, buffer)
      emit(with(unpack(row, 1, n)))
      if exhausted then done() end
    end
  end
  for i, source in ipairs(sources) do
    local queue = queues[i]
    whenever(alarm.held(source, queue.gate), function(value)
      queue.last = queue.last + 1
      queue[queue.last] = value
      queue.gate.closed = queue.last - queue.first + 1 >= buffer
      return emit_rows()
    end):last(function()
      queue.over = true
      if queue.first > queue.last then done() end
    end)
  end
end

local ZIP = {
  with = { "callable", default = pack_row },
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

local function zip_latest_body(sources, opts)
  local row, known, n, left = {}, {}, #sources, #sources
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
      if left == 0 then emit(opts.with(unpack(row, 1, n))) end
    end)
  end
end

local ZIP_LATEST = {
  with = { "callable", default = pack_row },
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
