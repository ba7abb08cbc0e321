local marble = require "spec.support.marble"

describe("marbles: batch", function()
  local values = { A = { "a" }, B = { "b" }, X = { "a", "b" }, Y = { "c", "d" }, Z = { "c" }, W = { "a", "b", "c" }, D = { "d" } }
  marble.rows(it, {
    { "makes lists of n, and the rest at the end", source = "a-b-c-|", values = values,
      op = function(s) return s:batch { elems = 2 } end, result = "--X---(Z|)" },
    { "takes a number for elems", source = "abcd|", values = values, op = function(s) return s:batch(2) end,
      result = "-X-Y|" },
    { "drops what it has when the source quits", source = "a-#", values = values,
      op = function(s) return s:batch { elems = 2 } end, result = "--#" },
    { "of nothing is nothing", source = "--|", values = values, op = function(s) return s:batch(2) end, result = "--|" },
    { "starts a list with the first value of a new slot", source = "ab--cd|", values = values,
      op = function(s) return s:batch { seconds = 4 } end, result = "----X-(Y|)" },
    { "keeps elems within a slot", source = "abc--d|", values = values,
      op = function(s) return s:batch { seconds = 4, elems = 2 } end, result = "-X---Z(D|)" },
    { "sends a list when its slot is over, if asked to", source = "ab-----|", values = values,
      op = function(s) return s:batch { seconds = 4, emit_timed = true } end, result = "----X--|" },
    { "sends timed lists without elems, slot by slot", source = "ab--cd----|", values = values,
      op = function(s) return s:batch { seconds = 4, emit_timed = true } end, result = "----X---Y-|" },
    { "sends a timed list early when it is full", source = "abc----|", values = values,
      op = function(s) return s:batch { seconds = 4, elems = 2, emit_timed = true } end, result = "-X--Z--|" },
    { "sends the rest of a timed list at the end", source = "ab|", values = values,
      op = function(s) return s:batch { seconds = 4, emit_timed = true } end, result = "--(X|)" },
    { "sends nothing for slots without values", source = "a------b|", values = values,
      op = function(s) return s:batch { seconds = 2, emit_timed = true } end, result = "--A-----(B|)" },
    { "a timed list is dropped when the source quits", source = "ab#", values = values,
      op = function(s) return s:batch { seconds = 4, emit_timed = true } end, result = "--#" },
    { "closes its timer with the tap", source = "ab------", tap = "^-!", values = values,
      op = function(s) return s:batch { seconds = 4, emit_timed = true } end, result = "--" },
  })
end)

describe("marbles: rotor", function()
  local values = {
    A = { 1, 2 }, B = { 3, 4 }, C = { 5 }, D = { 2, 3 }, E = { 3, 4, 5 }, F = { 1 }, G = { 1, 2, 3 }, H = { 4, 5 }, K = { 2 },
    L = { 4 },
  }
  local function rotor(...)
    local arguments = { ... }
    return function(s) return s:rotor(unpack(arguments)) end
  end
  marble.rows(it, {
    { "of a size is one window after the other", source = "12345|", values = values, op = rotor(2), result = "-A-B-|" },
    { "gives the last one that is not full when asked to", source = "12345|", values = values,
      op = rotor(2, { partial = true }), result = "-A-B-(C|)" },
    { "with a negative gap overlaps", source = "1234|", values = values, op = rotor { 2, -1 }, result = "-ADB|" },
    { "with a positive gap leaves values out", source = "12345|", values = values, op = rotor { 2, 1 },
      result = "-A--H|" },
    { "goes through a cycle of sizes", source = "12345|", values = values, op = rotor { 1, 0, 1, 0, 3 },
      result = "FK--E|" },
    { "starts the cycle anew", source = "12345|", values = values, op = rotor({ 3, 0, 2, 0 }), result = "--G-H|" },
    { "keeps what windows share as a last one", source = "12345|", values = values,
      op = rotor({ 3, -1 }, { partial = true }), result = "--G-E(C|)" },
    { "makes a window of what the one before shares, when that is enough", source = "123-|",
      values = { A = { 1, 2, 3 }, B = { 2, 3 }, C = { 3 } },
      op = rotor { 3, -2, 2, -1, 1 }, result = "--(ABC)-|" },
    { "of one and gap of one takes every second", source = "1234|", values = { A = { 1 }, B = { 3 } },
      op = rotor { 1, 1 }, result = "A-B-|" },
  })
end)
