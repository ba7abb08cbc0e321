local marble = require "spec.support.marble"
local cro = require "cro.reactive"

local Supply = cro.Supply

local function join(a, b) return a .. b end

local function rows_of(...) return { n = select("#", ...), ... } end

describe("marbles: merge", function()
  marble.rows(it, {
    { "emits what comes, done when all are", source = "a--b|", others = { "-x---y|" },
      op = function(s, o) return s:merge(o) end, result = "ax-b-y|" },
    { "as a function is the same", source = "a--b|", others = { "-x|", "--y|" },
      op = function(s, o, p) return Supply.merge(s, o, p) end, result = "axyb|" },
    { "quits when one does, and closes the others", source = "a-----|", others = { "-x#" },
      op = function(s, o) return s:merge(o) end, result = "ax#" },
    { "closes all when it is closed", source = "a-----", others = { "-x----" }, tap = "^-!",
      op = function(s, o) return s:merge(o) end, result = "ax" },
    { "of one is that supply", source = "a-|", op = function(s) return Supply.merge(s) end, result = "a-|" },
  })
end)

describe("marbles: zip", function()
  local values = { A = rows_of("a", "x"), B = rows_of("b", "y") }
  marble.rows(it, {
    { "is one of each, in step", source = "a--b-|", others = { "-x--y|" }, values = values,
      op = function(s, o) return s:zip(o) end, result = "-A--B|" },
    { "is done when the shortest is, and closes the other then", source = "a-|", others = { "-x---y-|" },
      values = values, op = function(s, o) return s:zip(o) end, result = "-A|" },
    { "gives what is queued of a source that is done, then is done at once", source = "ab|",
      others = { "---x--y-z|" }, values = values, op = function(s, o) return s:zip(o) end, result = "---A--(B|)" },
    { "quits when one does", source = "a-#", others = { "---x|" }, op = function(s, o) return s:zip(o) end,
      result = "--#" },
    { "combines with a function", source = "a-b-|", others = { "x-y-|" }, values = { A = "ax", B = "by" },
      op = function(s, o) return s:zip(o, { with = join }) end, result = "A-B-|" },
    { "quits when its function fails", source = "a-|", others = { "x-|" },
      op = function(s, o) return s:zip(o, { with = function() error({ kind = "own" }, 0) end }) end, result = "#",
      err = "own" },
  })
end)

describe("marbles: zip_latest", function()
  local values = { A = "ax", B = "bx", C = "by", D = "ay" }
  marble.rows(it, {
    { "emits at each new value once all have one, until all are done", source = "a--b|", others = { "-x----y|" },
      values = values, op = function(s, o) return s:zip_latest(o, { with = join }) end, result = "-A-B--C|" },
    { "begins with given values", source = "a---|", others = { "--y|" }, values = { A = "ax", B = "ay" },
      op = function(s, o) return s:zip_latest(o, { with = join, initial = { "q", "x" } }) end, result = "A-B-|" },
    { "quits when one does, and closes the other", source = "a--#", others = { "-x---|" }, values = values,
      op = function(s, o) return s:zip_latest(o, { with = join }) end, result = "-A-#" },
    { "is done when all are, values or not", source = "a|", others = { "---|" },
      op = function(s, o) return s:zip_latest(o) end, result = "---|" },
  })
end)

--- Values a, b stand for supplies with the given drawings, which send at one second each.
local function inner(...)
  local values = { ... }
  return cro.supply(function()
    for _, value in ipairs(values) do
      if value == "#" then error({ kind = "inner" }, 0) end
      cro.emit(value)
      cro.sleep(1)
    end
  end)
end

describe("marbles: supplies of supplies", function()
  marble.rows(it, {
    { "flat taps each", source = "ab--|", values = { a = inner("x", "y"), b = inner("p", "q") },
      op = function(s) return s:flat() end, result = "x(py)q-|", only = "an on-demand source" },
    { "flat takes lists apart", source = "a-b|", values = { a = { 1, 2 }, b = {} },
      op = function(s) return s:flat() end, result = "(12)--|" },
    { "flat is done when the inner ones are", source = "a|", values = { a = inner("x", "y") },
      op = function(s) return s:flat() end, result = "xy|" },
    { "flat quits when an inner one does", source = "a-----|", values = { a = inner("x", "#") },
      op = function(s) return s:flat() end, result = "x#", err = "inner" },
    { "flat quits at what is neither", source = "a-|", op = function(s) return s:map(function() return 5 end):flat() end,
      result = "#", err = "error" },
    { "flat taps as many at a time as it may", source = "(ab)|", values = { a = inner("x", "y"), b = inner("p", "q") },
      op = function(s) return s:flat { concurrent = 1 } end, result = "xypq|",
      closed = "----!", only = "an on-demand source" },
    { "migrate follows the newest and closes the one before", source = "a-b----|",
      values = { a = inner("w", "x", "y", "z"), b = inner("p", "q") },
      op = function(s) return s:migrate() end, result = "wxpq---|" },
    { "migrate waits for the last inner one", source = "a|", values = { a = inner("x", "y", "z") },
      op = function(s) return s:migrate() end, result = "xyz|" },
    { "migrate quits at what is no supply", source = "a-|", op = function(s) return s:migrate() end, result = "#",
      err = "error" },
    { "start with migrate keeps the newest job", source = "a-b---|",
      op = function(s)
        return s:start(function(v)
          cro.sleep(3)
          return v:upper()
        end):migrate()
      end, result = "-----B|" },
    { "start with flat keeps all jobs", source = "a-b---|",
      op = function(s)
        return s:start(function(v)
          cro.sleep(3)
          return v:upper()
        end):flat()
      end, result = "---A-B|" },
    { "start makes a job that fails the quit", source = "a---|",
      op = function(s) return s:start(function() error({ kind = "own" }, 0) end):flat() end, result = "#", err = "own" },
  })
end)

describe("marbles: groups", function()
  local function keys(group) return group.key end
  local function first_two(v) return { v:sub(1, 1), "s" } end
  marble.rows(it, {
    { "classify emits a group for each new key", source = "a-b-a-c|", op = function(s)
      return s:classify(function(v) return v == "a" and "v" or v == "b" and "w" or "v" end):map(keys)
    end, result = "v-w----|" },
    { "classify takes a table", source = "a-b-a|", op = function(s) return s:classify({ a = 1, b = 2 }):map(keys) end,
      result = "1-2--|" },
    { "groups flattened are the source", source = "a-b-a|", op = function(s)
      return s:classify(function(v) return v end):flat()
    end, result = "a-b-a|" },
    { "classify quits when its function fails", source = "a-|", op = function(s)
      return s:classify(function() error({ kind = "own" }, 0) end)
    end, result = "#", err = "own" },
    { "a quit reaches the groups too", source = "a-#", op = function(s)
      return s:classify(function(v) return v end):map(function(group) return group.value:map(string.upper) end):flat()
    end, result = "A-#" },
    { "categorize sends a value to each of its groups", source = "a-b|", op = function(s)
      return s:categorize(first_two):grep(function(group) return group.key == "s" end):flat()
    end, result = "a-b|" },
  })
end)

describe("marbles: conversions", function()
  marble.rows(it, {
    { "serialize is the supply", source = "a-b|", op = function(s) return s:serialize() end, result = "a-b|" },
    { "sanitize passes everything", source = "a-b#", op = function(s) return s:sanitize() end, result = "a-b#" },
    { "schedule_on keeps order and ends", source = "a(bc)-|", op = function(s) return s:schedule_on() end,
      result = "a(bc)-|" },
    { "schedule_on passes a quit", source = "a-#", op = function(s) return s:schedule_on() end, result = "a-#" },
    { "share is live from when it was made", source = "-a-b|", op = function(s) return s:share() end,
      result = "-a-b|", only = "an on-demand source" },
  })
end)
