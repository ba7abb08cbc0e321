local marble = require "spec.support.marble"
local world = require "spec.support.world"

local function up(v) return v:upper() end

local function is_even(v) return v % 2 == 0 end

local function add(a, b) return a + b end

local function fail_at(bad)
  return function(v)
    if v == bad then error({ kind = "own" }, 0) end
    return v
  end
end

local LIVE, DEMAND = "a live source", "an on-demand source"

describe("marbles: value by value", function()
  marble.rows(it, {
    { "map changes each value", source = "a-b-|", op = function(s) return s:map(up) end, result = "A-B-|" },
    { "map passes a quit on", source = "a-#", op = function(s) return s:map(up) end, result = "A-#" },
    { "map quits when its function fails, and closes the source", source = "a-b-c-|",
      op = function(s) return s:map(fail_at "b") end, result = "a-#", err = "own" },
    { "map sees nothing more once its tap is closed", source = "a-b-c-|", tap = "^--!",
      op = function(s) return s:map(up) end, result = "A-B" },
    { "map sees what comes after it tapped", source = "a-b-c-|", tap = "-^", only = LIVE,
      op = function(s) return s:map(up) end, result = "--B-C-|" },
    { "map starts anew for a later tap", source = "a-b-|", tap = "-^", only = DEMAND,
      op = function(s) return s:map(up) end, result = "-A-B-|" },
    { "map takes several at one instant", source = "-(abc)-|", op = function(s) return s:map(up) end,
      result = "-(ABC)-|" },

    { "grep keeps what a function accepts", source = "1-2-3-4-|", op = function(s) return s:grep(is_even) end,
      result = "--2---4-|" },
    { "grep keeps what is equal to a value", source = "aba|", op = function(s) return s:grep "a" end,
      result = "a-a|" },
    { "grep keeps what is in a list", source = "abcd|", op = function(s) return s:grep { "b", "d" } end,
      result = "-b-d|" },
    { "grep keeps what is of a type", source = "a1b2|", op = function(s) return s:grep { type = "number" } end,
      result = "-1-2|" },
    { "grep keeps strings with a pattern", source = "a1b2|",
      op = function(s) return s:grep { pattern = "^[ac]$" } end, result = "a---|" },
    { "grep quits when its function fails", source = "abc|", op = function(s) return s:grep(fail_at "b") end,
      result = "a#", err = "own" },
    { "filter is grep", source = "1-2-|", op = function(s) return s:filter(is_even) end, result = "--2-|" },

    { "peek passes values on", source = "a-b-|", op = function(s) return s:peek(function() end) end,
      result = "a-b-|" },
    { "peek quits when its function fails", source = "a-b-|", op = function(s) return s:peek(fail_at "b") end,
      result = "a-#", err = "own" },

    { "head is done with the first, and closes its source then", source = "-a-b-|",
      op = function(s) return s:head() end, result = "-(a|)" },
    { "head takes n", source = "a-b-c-d-|", op = function(s) return s:head(3) end, result = "a-b-(c|)" },
    { "head of more than there are is all", source = "a-b-|", op = function(s) return s:head(5) end,
      result = "a-b-|" },
    { "head passes a quit on", source = "a-#", op = function(s) return s:head(2) end, result = "a-#" },
    { "head of infinity is all", source = "a-b|", op = function(s) return s:head(math.huge) end, result = "a-b|" },
    { "head but k drops the last k", source = "a-b-c-|", op = function(s) return s:head { but = 1 } end,
      result = "--a-b-|" },
    { "head but two", source = "abcd|", op = function(s) return s:head { but = 2 } end, result = "--ab|" },
    { "head but more than there are is nothing", source = "ab|", op = function(s) return s:head { but = 5 } end,
      result = "--|" },
    { "head but none is all", source = "ab|", op = function(s) return s:head { but = 0 } end, result = "ab|" },

    { "skip leaves out the first", source = "a-b-c-|", op = function(s) return s:skip() end, result = "--b-c-|" },
    { "skip leaves out n", source = "a-b-c-|", op = function(s) return s:skip(2) end, result = "----c-|" },
    { "skip of a negative number leaves out none", source = "ab|", op = function(s) return s:skip(-1) end,
      result = "ab|" },
    { "skip of infinity is nothing", source = "ab|", op = function(s) return s:skip(math.huge) end,
      result = "--|" },

    { "tail is the last, when the source is done", source = "a-b-|", op = function(s) return s:tail() end,
      result = "----(b|)" },
    { "tail takes n in order", source = "abcd|", op = function(s) return s:tail(3) end, result = "----(bcd|)" },
    { "tail of more than there are is all", source = "ab|", op = function(s) return s:tail(9) end,
      result = "--(ab|)" },
    { "tail emits nothing when the source quits", source = "ab#", op = function(s) return s:tail() end,
      result = "--#" },
    { "tail of none waits for the end", source = "ab|", op = function(s) return s:tail(0) end, result = "--|" },
    { "tail of infinity is all", source = "ab|", op = function(s) return s:tail(math.huge) end, result = "ab|" },
    { "tail but k leaves out the first k", source = "abc|", op = function(s) return s:tail { but = 1 } end,
      result = "-bc|" },

    { "first is the first", source = "-a-b|", op = function(s) return s:first() end, result = "-(a|)" },
    { "first takes a test", source = "1-2-4|", op = function(s) return s:first(is_even) end, result = "--(2|)" },
    { "first finds nothing", source = "1-3|", op = function(s) return s:first(is_even) end, result = "---|" },
    { "first with last_value is the last", source = "1-2-4|",
      op = function(s) return s:first { last_value = true } end, result = "-----(4|)" },
    { "first with a test and last_value", source = "1-2-3|",
      op = function(s) return s:first(is_even, { last_value = true }) end, result = "-----(2|)" },

    { "reduce is one value at the end", source = "1-2-3|", op = function(s) return s:reduce(add) end,
      result = "-----(6|)" },
    { "reduce has none when the source quits", source = "1-#", op = function(s) return s:reduce(add) end,
      result = "--#" },
    { "reduce quits when its function fails", source = "1-2-3|", values = {},
      op = function(s) return s:reduce(function() error({ kind = "own" }, 0) end) end, result = "--#", err = "own" },
    { "produce is each result on the way", source = "1-2-3|", op = function(s) return s:produce(add) end,
      result = "1-3-6|" },

    { "on_close passes everything on", source = "a-b-#", op = function(s) return s:on_close(function() end) end,
      result = "a-b-#" },
    { "operators apply in their order", source = "1-2-3-4|",
      op = function(s) return s:map(function(v) return v + 1 end):grep(is_even):head(2) end, result = "2---(4|)" },
    { "a source that never ends is closed with the tap", source = "a-b", op = function(s) return s:map(up) end,
      result = "A-B---" },
  })

  it("head of none is done at once and never taps its source", world.inside(function()
    local cro = require "cro.reactive"
    for _, n in ipairs { 0, -3, -math.huge } do
      local tapped = false
      local source = cro.Supply.on_demand(function() tapped = true end)
      assert.same({ n = 0 }, cro.await(source:head(n):list()))
      assert.is_false(tapped)
    end
  end))
end)
