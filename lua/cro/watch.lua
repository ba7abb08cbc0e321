--- What is noted with CRO_DEBUG=1: where and when handles were opened, supplies made and
--- fibers parked, and what was lost. Loaded only then; nothing else pays for it.
---
--- A thing that should not vanish has a sentinel, which the collector finalizes together
--- with it and which knows the thing by its note alone.
local traceback = require "cro.traceback"

local watch = {}

--- Where warnings go; a spec may take them.
---@param text string
function watch.warn(text)
  io.stderr:write("crolua: warning: ", text, "\n")
  io.stderr:flush()
end

--- The program is at its end: what is collected now was not lost.
watch.over = false

local function sentinel(note, warning)
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = function()
    if note.fine or watch.over then return end
    note.fine = true
    pcall(watch.warn, warning(note))
  end
  return proxy
end

--- Fibers ------------------------------------------------------------------------

--- What is known of each fiber that has waited.
---@type table<cro.Fiber, { since: number, at: string, fine: boolean, sentinel: userdata }>
watch.fibers = setmetatable({}, { __mode = "k" })

local function lost_fiber(note)
  return "a fiber is lost: nothing that could wake it is left. It waited at " .. note.at
end

local function note_of(rec)
  local note = watch.fibers[rec]
  if not note then
    note = { since = 0, at = "?", fine = true }
    note.sentinel = sentinel(note, lost_fiber)
    watch.fibers[rec] = note
  end
  return note
end

local function finish(note, ok, ...)
  note.fine = true
  if not ok then error((...), 0) end
  return ...
end

--- Has every wait noted. Before anything else takes the functions.
---@param fiber table the module cro.fiber
function watch.install(fiber)
  for _, name in ipairs { "suspend", "pause" } do
    local wait = fiber[name]
    fiber[name] = function(rec, waiting_on)
      local note = note_of(rec)
      note.since, note.at, note.fine = fiber.now(), traceback.stack() or "?", false
      return finish(note, pcall(wait, rec, waiting_on))
    end
  end
end

--- Handles -----------------------------------------------------------------------

local function lost_handle(note)
  local place = note.at ~= "?" and "; it was opened at " .. note.at or ""
  return note.name .. " was collected without being closed" .. place
end

--- What `scope.observe` is given.
---@param handle table
---@param node table
---@param place string|nil where it was asked for, if that was earlier
function watch.opened(handle, node, place)
  local note = { fine = false, at = place or traceback.place(), name = false }
  note.name = handle.cancel and node.kind or tostring(handle)
  node.since, node.at, node.note = require("cro.fiber").now(), note.at, note
  if not handle.cancel then node.sentinel = sentinel(note, lost_handle) end
end

--- Nobody needs to close it any more.
---@param node table
function watch.closed(node)
  if node.note then node.note.fine = true end
end

--- A supply is tapped, or is part of another.
---@param supply cro.Supply
function watch.used(supply)
  local note = supply.note
  if note then note.fine = true end
end

--- Sources -----------------------------------------------------------------------

--- What is known of each line: a source that was tapped.
---@type table<table, { since: number, at: string, name: string }>
watch.lines = setmetatable({}, { __mode = "k" })

local function source_name(source)
  if source.body then return "the supply block at " .. traceback.defined(source.body) end
  return source.name or source.promise and "a promise" or "a supply"
end

--- A source is tapped.
---@param line table
---@param supply cro.Supply
---@return string place
function watch.tapped(line, supply)
  local place, source = traceback.place(), supply.source
  watch.used(supply)
  watch.lines[line] = { since = require("cro.fiber").now(), at = place, name = source_name(source) }
  return place
end

--- Supplies ------------------------------------------------------------------------

local function lost_supply(note)
  return ("the supply made at %s was never tapped, so nothing of it ever ran; "
    .. "whenever, tap, each or await would"):format(note.at)
end

--- A supply is made.
---@param supply cro.Supply
---@return cro.Supply
function watch.supply(supply)
  local place = traceback.place()
  if place == "?" or supply.source.live then return supply end
  local note = { fine = false, at = place }
  supply.note, supply.sentinel = note, sentinel(note, lost_supply)
  return supply
end

return watch
