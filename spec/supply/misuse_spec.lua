local cro = require "cro.reactive"

local Supply = cro.Supply

local s = Supply.from_list { 1, 2 }
local nan = 0 / 0

local function message_of(fn)
  local ok, err = pcall(fn)
  assert.is_false(ok, "it was accepted")
  return tostring(err)
end

describe("a supply operator that is misused", function()
  local rows = {
    { function() s:map() end, "map: argument 1: expected callable, got nothing" },
    { function() s.map(string.upper) end, "map is called on a function; write supply:map(...), with a colon" },
    { function() s.head(5) end, "head is called on the number 5; write supply:head(...)" },
    { function() Supply.batch(nil, 5) end, "batch is called on nothing" },
    { function() s:grep() end, "grep: argument 1: expected a test, got nothing" },
    { function() s:grep { type = "nmber" } end, 'option "type": expected one of' },
    { function() s:grep { pattern = "[a" } end, "malformed pattern" },
    { function() s:grep { tpye = "number" } end, 'unknown option "tpye"; did you mean "type"?' },
    { function() s:head "x" end, "head: argument 1: expected number, got the string \"x\"" },
    { function() s:head(1.5) end, "head: argument 1: expected a whole number, got the number 1.5" },
    { function() s:head(nan) end, "head: argument 1: expected a whole number" },
    { function() s:head { butt = 1 } end, 'unknown option "butt"; did you mean "but"?' },
    { function() s:head { but = -1 } end, "expected 0 or more, got the number -1" },
    { function() s:skip(0.5) end, "skip: argument 1: expected a whole number" },
    { function() s:tail {} end, 'tail: option "but" is required' },
    { function() s:first(nil, { last = true }) end, 'first: unknown option "last"' },
    { function() s:batch() end, "batch: give it elems, seconds or both" },
    { function() s:batch { emit_timed = true, elems = 1 } end, "emit_timed needs seconds" },
    { function() s:batch { seconds = -1 } end, "expected seconds, more than 0, got the number -1" },
    { function() s:batch { seconds = nan } end, "expected seconds, more than 0" },
    { function() s:rotor() end, "rotor: argument 1: expected integer or table, got nothing" },
    { function() s:rotor(0) end, "rotor: a window is 1 or more values, got 0" },
    { function() s:rotor {} end, "got an empty list" },
    { function() s:rotor { 2, -2 } end, "a gap of -2 goes back by a whole window of 2 or more; it may be -1 at least" },
    { function() s:elems(-1) end, "elems: argument 1: expected seconds, 0 or more, got the number -1" },
    { function() s:min(5) end, "min: argument 1: expected callable, got the number 5" },
    { function() s:sort { ley = print } end, 'sort: unknown option "ley"; did you mean "key"?' },
    { function() s:unique { expires = 0 } end, "expected seconds, more than 0" },
    { function() s:squish { as = 5 } end, 'squish: option "as": expected callable' },
    { function() s:grab() end, "grab: argument 1: expected callable" },
    { function() s:rotate "x" end, "rotate: argument 1: expected integer" },
    { function() Supply.interval(-1) end, "Supply.interval: argument 1: expected seconds, 0 or more, got the number -1" },
    { function() Supply.interval(nan) end, "Supply.interval: argument 1: expected seconds, 0 or more, got the number" },
    { function() Supply.interval(math.huge) end, "expected seconds, 0 or more, got the number inf" },
    { function() Supply.interval(1, -1) end, "Supply.interval: argument 2: expected seconds, 0 or more" },
    { function() Supply.interval "1" end, "Supply.interval: argument 1: expected number, got the string" },
    { function() s:interval(1) end, "write Supply.interval(seconds), with a dot" },
    { function() s:delayed(-1) end, "delayed: argument 1: expected seconds, 0 or more" },
    { function() s:delayed(1, { bufer = 1 }) end, 'delayed: unknown option "bufer"; did you mean "buffer"?' },
    { function() s:stable(nan) end, "stable: argument 1: expected seconds" },
    { function() s:debounce() end, "debounce: argument 1: expected number, got nothing" },
    { function() s:throttle(0, 1) end, "throttle: argument 1: expected 1 or more, got the number 0" },
    { function() s:throttle(1) end, "throttle: argument 2: expected number or callable, got nothing" },
    { function() s:throttle(1, 0) end, "throttle: argument 2: expected seconds, more than 0, got the number 0" },
    { function() s:throttle(1, 1, { vent_at = 3 }) end, 'option "vent_at" needs the option bleed' },
    { function() s:throttle(1, 1, { bleed = s }) end, 'throttle: option "bleed": expected a Supplier' },
    { function() s:throttle(1, 1, { control = 5 }) end, 'throttle: option "control": expected a supply' },
    { function() s:merge(5) end, "merge combines supplies only: argument 2 is the number 5; Supply.from_list" },
    { function() s:merge(nil) end, "merge combines supplies only: argument 2 is nothing" },
    { function() Supply.merge { s, 5 } end, "merge combines supplies only: argument 2 is the number 5" },
    { function() s:merge { s } end, "merge combines supplies only: argument 2 is a table" },
    { function() Supply.zip(s, nil, s) end, "zip combines supplies only: argument 2 is nothing" },
    { function() s:zip(s, { wiht = print }) end, 'zip: unknown option "wiht"; did you mean "with"?' },
    { function() s:zip_latest(s, { initial = { 1, 2, 3 } }) end, "zip_latest: 3 initial values for 2 supplies" },
    { function() s:flat { concurrent = 0 } end, "expected 1 or more" },
    { function() s:classify() end, "classify: argument 1: expected callable, got nothing" },
    { function() s:classify(print, { polcy = 1 }) end, 'did you mean "policy"?' },
    { function() s:start() end, "start: argument 1: expected callable" },
    { function() s:lines { max = 0 } end, "expected 1 or more, got the number 0" },
    { function() s:split() end, "split: argument 1: expected string, got nothing" },
    { function() s:split "" end, "expected a separator, got an empty string; comb() makes single characters" },
    { function() s:split(",", "x") end, "split: argument 2: expected number" },
    { function() s:comb(0) end, "expected 1 or more, got the number 0" },
    { function() s:comb {} end, "comb: argument 1: expected string or integer" },
    { function() s:comb "^a" end, "a pattern that begins with ^ matches once at most; leave it out" },
    { function() s:comb "[a" end, 'malformed pattern "[a": a [ without its ]' },
    { function() s:comb "(a" end, "a ( without its )" },
    { function() s:comb "a)" end, "a ) without its (" },
    { function() s:comb "a%" end, "it ends with %" },
    { function() s:comb "%b(" end, "%b without its two characters" },
    { function() s:comb "%fa" end, "%f without a set" },
    { function() s:comb "(a)%1" end, "a pattern with %1 cannot be used on text in pieces" },
    { function() s:decode { encodign = "utf8" } end, 'decode: unknown option "encodign"; did you mean "encoding"?' },
    { function() s:with(5) end, "with: argument 1: expected function, got the number 5" },
    { function() Supply.merge({ supply = function() return 5 end }, s) end,
      "merge: the supply method of a table must return a supply, it returned the number 5" },
    { function() Supply.map({ supply = function() return 5 end }, print) end,
      "map: the supply method of a table must return a supply, it returned the number 5" },
    { function() Supply.from_source({ open = function() return 5 end }):tap() end,
      "Supply.from_source: open must return the function that closes the source, or nothing; it returned the number 5" },
    { function() s:schedule_on(5) end, "schedule_on: argument 1: expected callable, got the number 5" },
  }
  for i, row in ipairs(rows) do
    it(("says so at the caller's line: %s (%d)"):format(row[2], i), function()
      local message = message_of(row[1])
      assert.matches("misuse_spec.lua:%d+: ", message)
      assert.matches(row[2], message, 1, true)
    end)
  end
end)
