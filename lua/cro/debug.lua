--- What is open and who waits, for people: `cro.debug`.
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local scope = require "cro.scope"
local traceback = require "cro.traceback"

local DEBUG = traceback.DEBUG

local debugging = {}

local function ago(since) return since and fiber.now() - since or nil end

local function job_name(job)
  local link = job.fiber and job.fiber.link
  local promise = link and link.promise
  local place = promise and rawget(promise, "origin")
  return place and "the job started at " .. place or "a job"
end

local function owner_name(owner)
  if owner == scope.program then return "the program" end
  if owner.is_producer then return "an on-demand source" end
  if not owner.is_block then return job_name(owner) end
  local place = owner.body and " at " .. traceback.defined(owner.body) or ""
  return ("the %s block%s"):format(owner.waiter and "react" or "supply", place)
end

---@class cro.OpenHandle
---@field kind string such as "TCP connection"
---@field name string what its `tostring` says
---@field owner string whose it is
---@field opened string|nil where: "file:line"; known with CRO_DEBUG=1
---@field age number|nil seconds since; known with CRO_DEBUG=1

local function described(handle)
  local node = handle.held
  local name = handle.cancel and node.kind or tostring(handle)
  return { kind = node.kind, name = name, owner = owner_name(node.owner), opened = node.at, age = ago(node.since) }
end

--- Every handle that is open and has an owner, the oldest first.
---@return cro.OpenHandle[]
function debugging.handles()
  local all, list = {}, {}
  for owner in pairs(scope.owners) do
    for handle, number in pairs(owner.held or {}) do
      all[#all + 1] = { number = number, handle = handle }
    end
  end
  table.sort(all, function(a, b) return a.number < b.number end)
  for _, entry in ipairs(all) do
    if entry.handle.held then list[#list + 1] = described(entry.handle) end
  end
  return list
end

---@class cro.OpenSource
---@field name string such as "listener localhost:80"
---@field owner string who taps it
---@field at string where it was tapped: "file:line"
---@field age number seconds since

local function need_debug(name)
  if DEBUG then return end
  errors.misuse(("cro.debug.%s: nothing is noted of %s; start the program with CRO_DEBUG=1 in its environment")
    :format(name, name))
end

--- Every source that is tapped: listeners, signals, timers, supplies; the oldest first.
--- Known with CRO_DEBUG=1 only.
---@return cro.OpenSource[]
function debugging.sources()
  need_debug "sources"
  local list = {}
  for line, note in pairs(require("cro.watch").lines) do
    if line.live and not line.closed then
      local owner = owner_name(scope.of_line(line))
      list[#list + 1] = { name = note.name, owner = owner, at = note.at, age = ago(note.since) }
    end
  end
  table.sort(list, function(a, b) return a.age > b.age or a.age == b.age and a.name < b.name end)
  return list
end

---@class cro.WaitingFiber
---@field at string where it waits: "file:line in function 'name'", then its callers, a line each
---@field age number seconds since
---@field fiber cro.Fiber

--- Every fiber that waits, the one that has waited longest first. Known with
--- CRO_DEBUG=1 only.
---@return cro.WaitingFiber[]
function debugging.fibers()
  need_debug "fibers"
  local list = {}
  for rec, note in pairs(require("cro.watch").fibers) do
    if rec.waiting then list[#list + 1] = { at = note.at, age = ago(note.since), fiber = rec } end
  end
  table.sort(list, function(a, b) return a.age > b.age or a.age == b.age and a.at < b.at end)
  return list
end

local function add_handles(lines)
  for _, handle in ipairs(debugging.handles()) do
    local place = (handle.opened or "?") ~= "?" and ", opened at " .. handle.opened or ""
    local age = handle.age and (", %.1f s old"):format(handle.age) or ""
    lines[#lines + 1] = ("  %s of %s%s%s"):format(handle.name, handle.owner, place, age)
  end
end

local function add_sources(lines)
  for _, source in ipairs(debugging.sources()) do
    lines[#lines + 1] = ("  %s, tapped at %s by %s, for %.1f s"):format(
      source.name, source.at, source.owner, source.age)
  end
end

local function add_fibers(lines)
  for _, entry in ipairs(debugging.fibers()) do
    local at = entry.at:gsub("\n", ", from", 1):gsub("%s*\n%s*", ", ")
    lines[#lines + 1] = ("  a fiber waits at %s, for %.1f s"):format(at, entry.age)
  end
end

--- What is open and, with CRO_DEBUG=1, which fibers wait, as text: a line each.
---@return string text "" when there is nothing
function debugging.report()
  local lines = {}
  add_handles(lines)
  if DEBUG then
    add_sources(lines)
    add_fibers(lines)
  end
  return table.concat(lines, "\n")
end

--- Writes the report to stderr.
---@param title string
function debugging.write(title)
  local text = debugging.report()
  io.stderr:write("crolua: ", title, text == "" and " nothing" or "\n" .. text, "\n")
  io.stderr:flush()
end

return debugging
