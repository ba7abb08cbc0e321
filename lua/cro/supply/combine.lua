--- Operators over several sources: merge, flat, migrate, start, share. Each is a supply
--- block, so its rules are those of blocks.
local errors = require "cro.errors"
local options = require "cro.options"
local react = require "cro.react"
local stage = require "cro.supply.stage"
local turn = require "cro.turn"
local Promise = require "cro.promise"
local Supplier = require "cro.supplier"
local Supply = require "cro.supply"

local supply, whenever, emit = react.supply, react.whenever, react.emit

local combine = {}

local function is_plain(value) return type(value) == "table" and getmetatable(value) == nil and not value.supply end

--- The supplies that an operator was given, each something that has one: one after the
--- other, or as one list.
---@param name string of the operator
---@param ... any
---@return cro.Supply[]
function combine.supplies(name, ...)
  local n, given, sources = select("#", ...), { ... }, {}
  if n == 1 and is_plain(given[1]) then
    given = given[1]
    n = given.n or #given
  end
  for i = 1, n do
    local value = given[i]
    local kind = type(value)
    if value == Supply or (kind ~= "table" and kind ~= "userdata") or type(value.supply) ~= "function" then
      errors.misuse(("%s combines supplies only: argument %d is %s; "
        .. "Supply.from_list makes one of a list"):format(name, i, options.show(value)))
    end
    sources[i] = Supply.given_by(value, name)
  end
  return sources
end

--- The same for an operator whose last argument may be a table of options.
---@param name string
---@param spec table<string, cro.OptionSpec|string>
---@param ... any
---@return cro.Supply[] sources, table options
function combine.with_options(name, spec, ...)
  local n = select("#", ...)
  local last = n > 0 and select(n, ...)
  local given = is_plain(last) and last[1] == nil and last or nil
  local arguments = { ... }
  local sources = combine.supplies(name, unpack(arguments, 1, given and n - 1 or n))
  return sources, options.check(name, given, spec)
end

--- The values of all of them as they come; done when all are done, quits when one does.
--- `supply:merge(a, b)` and `Supply.merge(supply, a, b)` are the same call; so is
--- `Supply.merge { supply, a, b }`.
---@param ... cro.Supply
---@return cro.Supply
function Supply.merge(...)
  local sources = combine.supplies("merge", ...)
  if #sources == 0 then return Supply.from_list {} end
  if #sources == 1 then return sources[1] end
  return supply(function()
    for _, source in ipairs(sources) do
      whenever(source, emit)
    end
  end)
end

local FLAT = { concurrent = { "integer", check = function(n) return n >= 1, "1 or more" end } }

local function emit_list(list)
  local n, i = list.n or #list, 1
  while i <= n do
    emit(list[i])
    i = i + 1
  end
end

local function emit_inner(value)
  if is_plain(value) then return emit_list(value) end
  whenever(Supply.from(value, "flat"), emit)
end

local function flat_body(source, concurrent)
  local alarm = require "cro.supply.alarm"
  local gate, open = alarm.gate(), 0
  whenever(alarm.held(source, gate), function(value)
    if is_plain(value) then return emit_list(value) end
    open = open + 1
    gate.closed = open >= concurrent
    whenever(Supply.from(value, "flat"), emit):last(function()
      open = open - 1
      if gate.closed then gate:open() end
    end)
  end)
end

--- The values of the values: each must be a list or have a supply. A supply is tapped as soon
--- as it comes, so values of several are mixed. With `concurrent` at most so many supplies are
--- tapped at a time, with 1 one after the other; the source is held meanwhile.
---@param given { concurrent: integer|nil }|nil
---@return cro.Supply
function Supply:flat(given)
  self = stage.of("flat", self)
  local opts = options.check("flat", given, FLAT)
  if opts.concurrent then return supply(function() flat_body(self, opts.concurrent) end) end
  return supply(function() whenever(self, emit_inner) end)
end

--- The values of the newest of the supplies that are emitted; the one before is closed, with
--- what it had brought that nobody has handled yet.
---@return cro.Supply
function Supply:migrate()
  self = stage.of("migrate", self)
  return supply(function()
    local inner
    whenever(self, function(value)
      if inner then inner:close() end
      inner = whenever(Supply.from(value, "migrate"), emit)
    end)
  end)
end

--- For each value a supply that runs `fn(value)` when it is tapped, emits what it returns
--- and is done, or quits with what it raises. Closing its tap cancels the run. Made for
--- `migrate` and `flat`.
---@param fn fun(value: any): any
---@return cro.Supply
function Supply:start(fn)
  self = stage.of("start", self)
  stage.fn("start", fn)
  return self:map(function(value)
    return supply(function()
      local job = Promise.start(function() return fn(value) end)
      react.closing(function() job:cancel() end)
      whenever(job, emit)
    end)
  end)
end

--- A supplier whose end stays: who taps it later is told at once.
local function open_shared(source, line)
  if source.over then return turn.finish_line(line, source.over, source.err) end
  return source.supplier:open(line)
end

--- A live supply of an on-demand one, which is tapped once, now. Who taps it when that is
--- over is told of the end at once. Options are those of `Supplier.new`: with the policy
--- "wait" a slow tap holds the source for all.
---@param given { buffer: integer|nil, policy: "error"|"wait"|"drop_oldest"|"drop_newest"|nil }|nil
---@return cro.Supply
function Supply:share(given)
  local supplier = Supplier.new(given)
  local source = { live = true, open = open_shared, supplier = supplier, over = false }
  source.limit, source.policy = supplier.limit, supplier.policy
  self = stage.of("share", self)
  self:tap {
    value = function(value) return supplier:emit(value) end,
    done = function()
      source.over = turn.DONE
      supplier:done()
    end,
    quit = function(err)
      source.over, source.err = turn.QUIT, err
      supplier:quit(err)
    end,
  }
  return Supply.of_source(source)
end

return combine
