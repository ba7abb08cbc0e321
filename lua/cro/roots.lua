--- What is open and belongs to no block: plain taps and reacts.
---
--- A plain tap belongs to the fiber job that opened it, so that it can be closed when
--- the client the fiber serves is gone; when the job ends normally its taps stay open
--- and move to the program's list. The program's end closes what is left here.
local S = require "cro.state"

local roots = {}

--- The program's own list; `taps` is the latest, as in a fiber's record.
local program = { taps = false }

--- The fibers that have a list of their own.
local holders = {}

local function add_to(list, entry)
  local latest = list.taps
  entry.list, entry.next, entry.prev = list, latest or false, false
  if latest then latest.prev = entry end
  list.taps = entry
end

--- Adds a plain tap to the running fiber's list.
---@param tap cro.Tap
function roots.add_tap(tap)
  local rec = S.current
  if rec == S.OUTSIDE then return add_to(program, tap) end
  rec.used = true
  holders[rec] = true
  add_to(rec, tap)
end

--- Adds a react.
---@param block cro.Block
function roots.add_block(block) add_to(program, block) end

--- Takes a tap or react out of its list. Twice is harmless.
---@param entry cro.Tap|cro.Block
function roots.remove(entry)
  local list = entry.list
  if not list then return end
  local newer, older = entry.prev, entry.next
  if newer then newer.next = older else list.taps = older end
  if older then older.prev = newer end
  entry.list, entry.next, entry.prev = false, false, false
end

--- Hands the taps of a fiber's job over to the program; those that go with the fiber are
--- closed.
---@param rec cro.Fiber
function roots.release(rec)
  while rec.taps do
    local tap = rec.taps
    roots.remove(tap)
    if tap.with_fiber then
      tap:close()
    else
      add_to(program, tap)
    end
  end
  rec.taps = nil
  holders[rec] = nil
end

--- Hands everything over to the program, for its end.
function roots.gather()
  local list = {}
  for rec in pairs(holders) do
    list[#list + 1] = rec
  end
  for _, rec in ipairs(list) do
    roots.release(rec)
  end
end

--- The open entry that was added last, or false.
---@return cro.Tap|cro.Block|false
function roots.latest() return program.taps end

return roots
