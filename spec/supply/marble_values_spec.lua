local marble = require "spec.support.marble"

local function key(v) return type(v) == "table" and v.key or v end

local function greater(a, b) return a > b end

local function same_parity(a, b) return a % 2 == b % 2 end

local function parity(v) return v % 2 end

local function fail() error({ kind = "own" }, 0) end

describe("marbles: counting and comparing", function()
  marble.rows(it, {
    { "elems counts", source = "a-b-c|", op = function(s) return s:elems() end, result = "1-2-3|" },
    { "elems of nothing is nothing", source = "--|", op = function(s) return s:elems() end, result = "--|" },
    { "elems with seconds says less often, and the last count at the end", source = "abcdef|",
      op = function(s) return s:elems(4) end, result = "1---5-(6|)" },
    { "elems with seconds does not say the last count twice", source = "a---b|",
      op = function(s) return s:elems(4) end, result = "1---2|" },

    { "min gives new smallest values only", source = "5-3-4-1-1|", op = function(s) return s:min() end,
      result = "5-3---1--|" },
    { "max gives new greatest values only", source = "1-3-2-5-5|", op = function(s) return s:max() end,
      result = "1-3---5--|" },
    { "min by a key", source = "a-b-c|", values = { a = { key = 3 }, b = { key = 5 }, c = { key = 1 } },
      op = function(s) return s:min(key) end, result = "a---c|" },
    { "max by a comparator", source = "1-3-2|", op = function(s) return s:max(greater) end, result = "1----|" },
    { "max by a comparator that gives a number", source = "1-3-2|",
      op = function(s) return s:max(function(a, b) return b - a end) end, result = "1----|" },
    { "max by names", source = "1-3-2|", op = function(s) return s:max { less = greater } end, result = "1----|" },
    { "min with a C function as the key", source = "b-A-C|", op = function(s) return s:min(string.lower) end,
      result = "b-A--|" },
    { "min leaves out what is not a number", source = "N-3-N-1|", values = { N = 0 / 0 },
      op = function(s) return s:min() end, result = "--3---1|" },
    { "max leaves out what is not a number", source = "N-3-N-1|", values = { N = 0 / 0 },
      op = function(s) return s:max() end, result = "--3----|" },
    { "min says what it cannot compare", source = "1-x|", op = function(s) return s:min() end,
      result = "1-#", err = "error" },
    { "min quits when its function fails", source = "1-2|", op = function(s) return s:min(fail) end,
      result = "1-#", err = "own" },
    { "minmax gives the range when it grows", source = "3-4-1-2|",
      values = { A = { min = 3, max = 3 }, B = { min = 3, max = 4 }, C = { min = 1, max = 4 } },
      op = function(s) return s:minmax() end, result = "A-B-C--|" },
  })
end)

describe("marbles: values seen before", function()
  marble.rows(it, {
    { "unique is each value once", source = "a-b-a-c-b|", op = function(s) return s:unique() end,
      result = "a-b---c--|" },
    { "unique as a key", source = "1-3-2-4|", op = function(s) return s:unique { as = parity } end,
      result = "1---2--|" },
    { "unique with a comparison", source = "1-3-2-4|", op = function(s) return s:unique { with = same_parity } end,
      result = "1---2--|" },
    { "unique forgets after a while", source = "a-a-a-a|", op = function(s) return s:unique { expires = 4 } end,
      result = "a---a--|" },
    { "unique counts from when it was emitted", source = "a--a-a--a|",
      op = function(s) return s:unique { expires = 4 } end, result = "a----a---|" },
    { "unique forgets with a comparison too", source = "1-3-5-7|",
      op = function(s) return s:unique { expires = 4, with = same_parity } end, result = "1---5--|" },
    { "unique quits when its function fails", source = "a-|", op = function(s) return s:unique { as = fail } end,
      result = "#", err = "own" },

    { "repeated is each value but the first time", source = "a-b-a-a-b|", op = function(s) return s:repeated() end,
      result = "----a-a-b|" },
    { "repeated as a key", source = "1-3-2-4|", op = function(s) return s:repeated { as = parity } end,
      result = "--3---4|" },
    { "repeated with a comparison", source = "1-3-2-4|",
      op = function(s) return s:repeated { with = same_parity } end, result = "--3---4|" },

    { "squish leaves out what is the same as before", source = "a-a-b-b-a|", op = function(s) return s:squish() end,
      result = "a---b---a|" },
    { "squish as a key", source = "1-3-2-4-1|", op = function(s) return s:squish { as = parity } end,
      result = "1---2---1|" },
    { "squish with a comparison, with the value before and not with the last one emitted", source = "1-2-3-9|",
      op = function(s) return s:squish { with = function(a, b) return math.abs(a - b) <= 1 end } end,
      result = "1-----9|" },
  })
end)

describe("marbles: all values at the end", function()
  local function reversed(list)
    local other = {}
    for i = #list, 1, -1 do
      other[#other + 1] = list[i]
    end
    return other
  end
  marble.rows(it, {
    { "sort", source = "3-1-2|", op = function(s) return s:sort() end, result = "-----(123|)" },
    { "sort by a key", source = "3-1-2|", op = function(s) return s:sort(function(v) return -v end) end,
      result = "-----(321|)" },
    { "sort by a comparator", source = "3-1-2|", op = function(s) return s:sort(greater) end,
      result = "-----(321|)" },
    { "sort keeps the order of equals", source = "31524|", op = function(s) return s:sort(parity) end,
      result = "-----(24315|)" },
    { "sort of nothing", source = "--|", op = function(s) return s:sort() end, result = "--|" },
    { "sort quits for what cannot be compared", source = "ax|", values = { x = {} },
      op = function(s) return s:sort():map(function() end) end, result = "--#", err = "error" },
    { "sort stops when nobody wants more", source = "3-1-2|", op = function(s) return s:sort():head(2) end,
      result = "-----(12|)" },
    { "reverse", source = "1-2-3|", op = function(s) return s:reverse() end, result = "-----(321|)" },
    { "reverse drops all when the source quits", source = "1-2-#", op = function(s) return s:reverse() end,
      result = "----#" },
    { "collate", source = "b-a-B|", op = function(s) return s:collate() end, result = "-----(Bab|)" },
    { "grab", source = "a-b-c|", op = function(s) return s:grab(reversed) end, result = "-----(cba|)" },
    { "grab quits when its function fails", source = "a-|", op = function(s) return s:grab(fail) end,
      result = "--#", err = "own" },
    { "rotate brings the first to the end", source = "1-2-3|", op = function(s) return s:rotate() end,
      result = "--2-3(1|)" },
    { "rotate by n", source = "12345|", op = function(s) return s:rotate(2) end, result = "--345(12|)" },
    { "rotate by more than there are", source = "123|", op = function(s) return s:rotate(5) end,
      result = "---(312|)" },
    { "rotate back", source = "1-2-3|", op = function(s) return s:rotate(-1) end, result = "-----(312|)" },
    { "rotate back by more than there are", source = "123|", op = function(s) return s:rotate(-4) end,
      result = "---(312|)" },
    { "rotate of nothing", source = "-|", op = function(s) return s:rotate(2) end, result = "-|" },
  })
end)
