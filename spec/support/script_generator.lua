--- Makes the random scripts of spec/support/scripted.lua.
local property = require "spec.support.property"

local EACH = 2 -- suppliers, channels, promises

local source = property.record {
  kind = property.one_of { "supplier", "channel", "promise", "interval", "list", "producer" },
  n = property.integer(1, EACH),
  nested = property.integer(0, 2),
  wait = property.integer(0, 3),
  act = property.one_of {
    "nothing", "emit", "emit", "down", "down", "send", "offer", "receive", "keep", "feed", "await", "protect", "start",
    "more", "close_first", "close_own", "last", "done", "error", "inner",
    "inner_done",
  },
  on = property.integer(1, 3), -- at each how many-th of its values
  finally = property.one_of { "nothing", "wait", "emit", "down", "error", "done", "more" },
}

local block = property.record {
  shape = property.one_of { "react", "tap", "start_tap" },
  sources = property.list(source, 4),
  begin = property.integer(0, 5),
  body = property.integer(0, 2),
}

local BRINGING = {
  "emit", "emit", "emit", "emit", "feed", "feed", "send", "send", "send", "offer_and_cancel", "release_and_cancel",
  "poll_and_cancel", "receive", "protect", "keep", "again", "cancel",
}
local ENDING = { "done", "quit", "close", "fail", "break" }

local function step(verbs)
  return property.record {
    verb = property.one_of(verbs),
    n = property.integer(1, EACH),
    other = property.integer(1, 40), -- which job
    at = property.integer(0, 30),
  }
end

return property.record {
  blocks = property.list(block, 5),
  steps = property.list(step(BRINGING), 80),
  ends = property.list(step(ENDING), 4),
  buffer = property.integer(1, 4),
  policy = property.one_of { "error", "drop_oldest", "drop_newest", "wait" },
  capacity = property.integer(0, 3),
}
