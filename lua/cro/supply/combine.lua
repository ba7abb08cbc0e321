--- Operators over several sources: merge, zip, zip_latest, flat, migrate, share, and
--- the timed form of batch. Each is a supply block, so its rules are those of blocks.
local errors = require "cro.errors"
local options = require "cro.options"
local react = require "cro.react"
local Supplier = require "cro.supplier"
local Supply = require "cro.supply"

local supply, whenever, emit, done = react.supply, react.whenever, react.emit, react.done

local function check_all(name, list)
  for i = 1, #list do
    local value = list[i]
    local ok = Supply.is(value) or getmetatable(value) == Supplier
      or (type(value) == "table" and type(value.supply) == "function")
    if not ok then
      errors.misuse(("%s combines supplies only: argument %d is %s"):format(name, i, options.show(value)))
    end
  end
  return list
end

--- The values of all of them as they come; done when all are done, quits when one does.
--- `supply:merge(a, b)` and `Supply.merge(supply, a, b)` are the same call.
---@param ... cro.Supply
---@return cro.Supply
function Supply.merge(...)
  local sources = check_all("merge", { ... })
  if #sources == 0 then return Supply.from_list {} end
  if #sources == 1 then return Supply.from(sources[1], "merge") end
  return supply(function()
    for _, source in ipairs(sources) do
      whenever(source, emit)
    end
  end)
end

local function split_options(...)
  local sources = { ... }
  local last = sources[#sources]
  if type(last) == "table" and getmetatable(last) == nil and not last.supply then
    return sources, table.remove(sources)
  end
  return sources, nil
end

local function pack_row(...) return { n = select("#", ...), ... } end

local function row_of(queues)
  local row, exhausted = {}, false
  for i, queue in ipairs(queues) do
    row[i] = queue[queue.first]
    queue[queue.first] = nil
    queue.first = queue.first + 1
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

local function zip_body(sources, with)
  local queues = {}
  for i = 1, #sources do
    queues[i] = { first = 1, last = 0, over = false }
  end
  local function emit_rows()
    while is_complete(queues) do
      local row, exhausted = row_of(queues)
      emit(with(unpack(row, 1, #sources)))
      if exhausted then done() end
    end
  end
  for i, source in ipairs(sources) do
    local queue = queues[i]
    whenever(source, function(value)
      queue.last = queue.last + 1
      queue[queue.last] = value
      return emit_rows()
    end):last(function()
      queue.over = true
      if queue.first > queue.last then done() end
    end)
  end
end

--- Lists of one value of each source, in step; `{ with = fn }` as the last argument
--- combines them otherwise. Done when no further row is possible.
---@param ... cro.Supply|table
---@return cro.Supply
function Supply.zip(...)
  local sources, given = split_options(...)
  check_all("zip", sources)
  local opts = options.check("zip", given, { with = { "function", default = pack_row } })
  if #sources == 0 then return Supply.from_list {} end
  return supply(function() zip_body(sources, opts.with) end)
end

local function zip_latest_body(sources, opts)
  local row, known, left = {}, {}, #sources
  for i, value in ipairs(opts.initial or {}) do
    row[i], known[i], left = value, true, left - 1
  end
  for i, source in ipairs(sources) do
    whenever(source, function(value)
      if not known[i] then
        known[i], left = true, left - 1
      end
      row[i] = value
      if left == 0 then emit(opts.with(unpack(row, 1, #sources))) end
    end)
  end
end

--- The latest value of each source whenever one of them has a new one, once all have
--- one; `{ with = fn, initial = { ... } }`. Done when all are done.
---@param ... cro.Supply|table
---@return cro.Supply
function Supply.zip_latest(...)
  local sources, given = split_options(...)
  check_all("zip_latest", sources)
  local opts = options.check("zip_latest", given,
    { with = { "function", default = pack_row }, initial = "table" })
  if #sources == 0 then return Supply.from_list {} end
  return supply(function() zip_latest_body(sources, opts) end)
end

local function emit_inner(value)
  if type(value) == "table" and getmetatable(value) == nil and not value.supply then
    local n, i = value.n or #value, 1
    while i <= n do
      emit(value[i])
      i = i + 1
    end
    return
  end
  whenever(Supply.from(value, "flat"), emit)
end

--- The values of the values: each must be a list or a supply.
---@return cro.Supply
function Supply:flat()
  return supply(function() whenever(self, emit_inner) end)
end

--- The values of the newest of the supplies that are emitted; the one before is closed.
---@return cro.Supply
function Supply:migrate()
  return supply(function()
    local inner
    whenever(self, function(value)
      if inner then inner:close() end
      inner = whenever(Supply.from(value, "migrate"), emit)
    end)
  end)
end

--- A live supply of an on-demand one, which is tapped once, now.
---@return cro.Supply
function Supply:share()
  local supplier = Supplier.new()
  self:tap {
    value = function(value) supplier:emit(value) end,
    done = function() supplier:done() end,
    quit = function(err) supplier:quit(err) end,
  }
  return supplier:supply()
end

local function batch_timed_body(source, opts)
  local held, n = {}, 0
  local function flush()
    if n == 0 then return end
    local full = held
    held, n = {}, 0
    emit(full)
  end
  local ticks = whenever(Supply.interval(opts.seconds, opts.seconds), flush)
  whenever(source, function(value)
    n = n + 1
    held[n] = value
    if n == opts.elems then flush() end
  end):last(function()
    flush()
    ticks:close()
  end)
end

--- For `batch`: its form with `emit_timed`.
---@private
---@param source cro.Supply
---@param opts { elems: integer|nil, seconds: number }
---@return cro.Supply
function Supply.batch_timed(source, opts)
  return supply(function() batch_timed_body(source, opts) end)
end
