local marble = require "spec.support.marble"
local cro = require "cro.reactive"

describe("marbles: time", function()
  marble.rows(it, {
    { "delayed shifts everything, the end too", source = "a-b-|", op = function(s) return s:delayed(2) end,
      result = "--a-b-|" },
    { "delayed shifts a quit", source = "a-#", op = function(s) return s:delayed(2) end, result = "--a-#" },
    { "delayed by nothing is the supply itself", source = "a-b|", op = function(s) return s:delayed(0) end,
      result = "a-b|" },
    { "delayed keeps order at one instant", source = "(ab)|", op = function(s) return s:delayed(1) end,
      result = "-(ab)|" },
    { "delayed drops what is on its way when it is closed", source = "a-b-----", tap = "^-!",
      op = function(s) return s:delayed(3) end, result = "--" },
    { "delayed lets head close it", source = "a-b-c-|", op = function(s) return s:delayed(1):head() end,
      result = "-(a|)" },

    { "stable passes what nothing newer follows", source = "ab--c---|", op = function(s) return s:stable(2) end,
      result = "---b--c-|" },
    { "stable sends what waits before it is done", source = "a--b|", op = function(s) return s:stable(2) end,
      result = "--a-(b|)" },
    { "stable drops what waits when the source quits", source = "a---b#", op = function(s) return s:stable(2) end,
      result = "--a--#" },
    { "stable of an end alone", source = "--|", op = function(s) return s:stable(5) end, result = "--|" },
    { "stable sends the pending value at done", source = "-a|", op = function(s) return s:stable(5) end,
      result = "--(a|)" },
    { "stable of nothing is the supply itself", source = "abc|", op = function(s) return s:stable(0) end,
      result = "abc|" },
    { "stable waits anew for each value", source = "abcdef---|", op = function(s) return s:stable(3) end,
      result = "--------f|" },
    { "debounce is stable", source = "ab--c---|", op = function(s) return s:debounce(2) end,
      result = "---b--c-|" },
    { "stable closes its timer with the tap", source = "a----", tap = "^-!", op = function(s) return s:stable(4) end,
      result = "--" },
  })
end)

describe("marbles: throttle by time", function()
  marble.rows(it, {
    { "lets n through in a slot, the others in later ones", source = "(abcde)-|",
      op = function(s) return s:throttle(2, 3) end, result = "(ab)--(cd)--(e|)" },
    { "passes what there is room for at once", source = "a--b--c|", op = function(s) return s:throttle(1, 3) end,
      result = "a--b--c|" },
    { "is done when the last has gone", source = "ab|", op = function(s) return s:throttle(1, 4) end,
      result = "a---(b|)" },
    { "passes a quit on at once", source = "ab#", op = function(s) return s:throttle(1, 4) end, result = "a-#" },
    { "begins after a delay", source = "ab---|", op = function(s) return s:throttle(1, 2, { delay = 2 }) end,
      result = "--a-b|" },
    { "takes a number for the delay", source = "ab---|", op = function(s) return s:throttle(1, 2, 2) end,
      result = "--a-b|" },
    { "obeys a new limit", source = "(abcde)-------|", others = { "-x---" }, values = { x = "limit:4" },
      op = function(s, c) return s:throttle(1, 3, { control = c }) end, result = "a(bcd)-e----|" },
    { "closes its timer with the tap", source = "(abc)----", tap = "^!", op = function(s) return s:throttle(1, 4) end,
      result = "a" },
  })
end)

describe("marbles: throttle by jobs", function()
  local function work(v)
    cro.sleep(2)
    if v == "x" then error({ kind = "own" }, 0) end
    return v:upper()
  end
  local function outcomes(s)
    return s:throttle(2, work):map(function(job)
      return job:status() == "kept" and cro.await(job) or job:cause() and "!"
    end)
  end
  marble.rows(it, {
    { "runs n at a time and emits their promises as they end", source = "(abc)-|", op = outcomes,
      result = "--(AB)-(C|)" },
    { "runs n at a time of a live source", source = "a--b-|", op = outcomes, result = "--A--(B|)" },
    { "emits a job that failed like any other", source = "(ax)-|", op = outcomes, result = "--(A!|)" },
    { "cancels what runs when it is closed", source = "(abc)-----", tap = "^!", op = outcomes, result = "" },
  })
end)
