--- What is open and belongs to no line: plain taps and reacts.
---
--- A plain tap belongs to the block or job whose code opened it and is closed with it; a
--- job that ends in order, and a supply block that is done, hand theirs on. Taps of a
--- promise (`supply:promise()`) are handed on by every block that is done. The program
--- has the rest, reacts included, and closes it at its end. The lists are intrusive:
--- `taps` of an owner is the latest, older ones by `next`.
local scope = require "cro.scope"

local roots = {}

local program = scope.program

local function add_to(list, entry)
  local latest = list.taps
  entry.list, entry.next, entry.prev = list, latest or false, false
  if latest then latest.prev = entry end
  list.taps = entry
end

--- Adds a plain tap to what the running code owns.
---@param tap cro.Tap
function roots.add_tap(tap)
  local owner = scope.here()
  if owner.sealed then owner = program end
  scope.owners[owner] = true
  add_to(owner, tap)
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

--- Gives an open tap to the program.
---@param tap cro.Tap
function roots.detach(tap)
  if not tap.list then return end
  roots.remove(tap)
  tap.with_fiber = nil
  add_to(program, tap)
end

--- Closes the taps of an owner, the latest first; what `keep` says of one instead is
--- given to another.
---@param owner cro.Owner
---@param keep nil|fun(tap: cro.Tap): boolean
---@param to cro.Owner|nil
function roots.close_taps(owner, keep, to)
  to = scope.standing(to or program)
  if to.sealed then keep = nil end
  local kept = {}
  while owner.taps do
    local tap = owner.taps
    if keep and keep(tap) then
      roots.remove(tap)
      kept[#kept + 1] = tap
    else
      if tap.pending then tap.pending:cancel() end
      tap:close()
      roots.remove(tap)
    end
  end
  for at = #kept, 1, -1 do
    add_to(to, kept[at])
  end
end

--- Hands everything over to the program, for its end.
function roots.gather()
  local list = {}
  for owner in pairs(scope.owners) do
    if owner ~= program then list[#list + 1] = owner end
  end
  for _, owner in ipairs(list) do
    roots.close_taps(owner, function() return true end)
  end
end

--- The open entry that was added last, or false.
---@return cro.Tap|cro.Block|false
function roots.latest() return program.taps end

return roots
