--- The names of the reactive core, collected; and the end of the program.
local S = require "cro.state"
local cleanup = require "cro.cleanup"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local later = require "cro.later"
local promises = require "cro.promises"
local react = require "cro.react"
local roots = require "cro.roots"
local turn = require "cro.turn"
local unobserved = require "cro.unobserved"
local Promise = require "cro.job"
local Supplier = require "cro.supplier"
local Supply = require "cro.supply"
require "cro.supply.basic"
later.add(Supply, "cro.supply.window", { "batch", "rotor" })
later.add(Supply, "cro.supply.stats", { "elems", "min", "max", "minmax" })
later.add(Supply, "cro.supply.distinct", { "unique", "repeated", "squish" })
later.add(Supply, "cro.supply.sort", { "grab", "sort", "reverse", "collate", "rotate" })
later.add(Supply, "cro.supply.combine", { "merge", "flat", "migrate", "start", "share" })
later.add(Supply, "cro.supply.zip", { "zip", "zip_latest" })
later.add(Supply, "cro.supply.group", { "classify", "categorize" })
later.add(Supply, "cro.supply.time", { "interval", "delayed", "stable", "debounce" })
later.add(Supply, "cro.supply.throttle", { "throttle" })
later.add(Supply, "cro.supply.convert", { "act", "wait", "serialize", "sanitize", "schedule_on" })
later.add(Supply, "cro.supply.text", { "lines", "words", "split" })
later.add(Supply, "cro.supply.encoding", { "decode", "encode" })
later.add(Supply, "cro.supply.comb", { "comb" })
later.add(Supply, "cro.supply.each", { "each" })
later.add(Supply, "cro.channel.taps", { "channel" })

local DEBUG = require("cro.traceback").DEBUG

local reactive = {
  Promise = Promise,
  Supplier = Supplier,
  Supply = Supply,
  react = react.react,
  supply = react.supply,
  whenever = react.whenever,
  emit = react.emit,
  done = react.done,
  last = react.last,
  closing = react.closing,
  await = promises.await,
  pawait = promises.pawait,
  pcall = promises.pcall,
  sleep = promises.sleep,
  start = Promise.start,
  defer = cleanup.defer,
  detach = require "cro.detach",
  shield = cleanup.shield,
  now = fiber.now,
  errors = errors,
}

local function close_root(entry)
  if entry.is_block then
    turn.end_block(entry, "closed")
  else
    entry:close()
  end
end

--- Is the end of this entry something that this very code holds up?
local function wait_for_end(entry)
  if not entry.is_block or S.is_beneath(entry) or entry.waiter == S.current then return end
  while not entry.concluded and fiber.now() < reactive.deadline do
    promises.sleep(0.001)
  end
end

local function close_roots()
  roots.gather()
  local entry = roots.latest()
  local closed = {}
  while entry do
    closed[#closed + 1] = entry
    roots.remove(entry)
    close_root(entry)
    entry = roots.latest()
  end
  for _, root in ipairs(closed) do
    wait_for_end(root)
  end
end

--- Ends the program's reactive side: closes what is open, the latest first, and waits
--- for it as long as clean-up may take; runs what was deferred; reports broken promises
--- that nobody observed. Call it on a fiber, once, as the last thing.
---@async
function reactive.shutdown()
  if DEBUG and require("cro.debug").report() ~= "" then require("cro.debug").write "open at the end:" end
  reactive.deadline = fiber.now() + fiber.cleanup_seconds
  fiber.host.clock.resume() -- the limits of what follows are real seconds
  cleanup.shield(close_roots)
  cleanup.run_all()
  cleanup.close_all()
  unobserved.report_all()
  if DEBUG then require("cro.watch").over = true end
end

--- Reports broken promises that nobody observed. For an exit without a fiber.
reactive.at_exit = unobserved.report_all

return reactive
