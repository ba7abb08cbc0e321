--- Text in pieces: what an operator makes of it may not depend on where it was cut.
local assert = require "luassert"
local cro = require "cro.reactive"
local property = require "spec.support.property"
local world = require "spec.support.world"

local pieces = {}

--- The text in pieces of the given sizes, then the rest.
---@param text string
---@param sizes integer[]
---@return cro.Supply
function pieces.of(text, sizes)
  local list, at = {}, 1
  for _, size in ipairs(sizes) do
    list[#list + 1] = text:sub(at, at + size - 1)
    at = at + size
  end
  list[#list + 1] = text:sub(at)
  return cro.Supply.from_list(list)
end

--- What comes of one way of cutting: the values, and the kind of error.
local function outcome(text, sizes, op)
  local seen, err = { n = 0 }, nil
  op(pieces.of(text, sizes)):tap {
    value = function(value)
      seen.n = seen.n + 1
      seen[seen.n] = value
    end,
    quit = function(raised) err = raised end,
  }
  return seen, err
end

--- Every cut into two, one byte at a time, and random ones: `check(values, err)` must hold
--- for all.
---@param text string
---@param op fun(s: cro.Supply): cro.Supply
---@param check fun(values: table, err: any)
function pieces.every(text, op, check)
  local ones = {}
  for i = 1, #text do
    ones[i] = 1
  end
  world.run(function()
    for cut = 0, #text do
      check(outcome(text, { cut }, op))
    end
    check(outcome(text, ones, op))
  end)
  property.check(property.list(property.integer(0, 5), #text), function(sizes)
    world.run(function() check(outcome(text, sizes, op)) end)
  end, 40)
end

--- The same values however the text is cut.
---@param text string
---@param op fun(s: cro.Supply): cro.Supply
---@param expected any[]
function pieces.give(text, op, expected)
  pieces.every(text, op, function(values, err)
    values.n = nil
    assert.is_nil(err)
    assert.same(expected, values)
  end)
end

--- The same error however the text is cut; what came before it is the same text.
---@param text string
---@param op fun(s: cro.Supply): cro.Supply
---@param kind string
---@param offset integer|nil
function pieces.fail(text, op, kind, offset)
  pieces.every(text, op, function(_, err)
    assert.equal(kind, type(err) == "table" and err.kind or err)
    if offset then assert.equal(offset, err.offset) end
  end)
end

return pieces
