--- What changes in a file, in a folder, or in all folders below one.
local errors = require "cro.errors"
local events = require "cro.file.events"
local options = require "cro.options"
local request = require "cro.file.request"
local supplies = require "cro.supply"
local watching = require "cro.file.watching"

local watch = {}

local kinds, is = watching.kinds, watching.is

local function join(folder, name)
  if folder:sub(-1) == "/" then return folder .. name end
  return folder .. "/" .. name
end

--- Is the watched folder still at its path? What told otherwise may have been lost.
local function is_there(self, path, id)
  local now = watching.add(self, path, true, false)
  if now then watching.remove(self, now) end
  return now == id
end

-- Folders ---------------------------------------------------------------------------------

--- One folder and, when it is recursive, those below it: a record for each, by its id and
--- by its name in the one above.
local Tree = {}
Tree.__index = Tree

local function forget(self, record)
  if not record.id then return end
  self.by_id[record.id] = nil
  watching.remove(self, record.id)
  record.id = false
  if record.above then record.above.below[record.name] = nil end
  for _, deeper in pairs(record.below) do
    forget(self, deeper)
  end
end

--- Nobody hears of a folder that went, or may not be read: the one above told of it.
local PASSED_OVER = { not_found = true, not_directory = true, link_loop = true, access = true }

local scan

--- `fresh`: it has appeared while we watched, so what is in it is news.
local function add(self, above, name, fresh)
  if above.below[name] then return end
  local path = join(above.path, name)
  local id, err = watching.add(self, path, true, true)
  if not id then
    if not PASSED_OVER[err.kind] then self:stop(err) end
    return
  end
  if self.by_id[id] then return watching.remove(self, id) end -- the same folder by another way
  local record = { id = id, path = path, name = name, above = above, below = {}, seen = false }
  self.by_id[id] = record
  above.below[name] = record
  return scan(self, record, fresh)
end

local function take_entry(self, record, name, kind, fresh)
  if fresh and not record.seen[name] then self.events:add(join(record.path, name), "renamed", true) end
  if kind == "directory" then add(self, record, name, fresh) end
end

local function settle(self)
  self.scans = self.scans - 1
  if self.scans > 0 or not self.ready then return end
  local ready = self.ready
  self.ready = false
  return ready()
end

--- Looks into a folder after it is watched, so that nothing falls between. What events
--- have told by then is not told again.
function scan(self, record, fresh)
  record.seen = {}
  self.scans = self.scans + 1
  request.run("list", "file.watch", { path = record.path }, function(names, err, types)
    if self.closed then return end
    watching.drain()
    if err and not PASSED_OVER[err.kind] then return self:stop(err) end
    for i, name in ipairs(names or {}) do
      if record.id and not self.closed then take_entry(self, record, name, types[i], fresh) end
    end
    record.seen = false
    return settle(self)
  end)
end

function Tree:on_event(id, what, name)
  local record = self.by_id[id]
  if not record or self.closed then return end
  if name == "" then
    if record == self.root and is(what, kinds.self_gone) then return self:root_gone() end
    if record == self.root and is(what, kinds.changed) then self.events:add(self.path, "changed", true) end
    if is(what, kinds.ended) then forget(self, record) end
    return
  end
  if record.seen then record.seen[name] = true end
  local path = join(record.path, name)
  if is(what, kinds.changed) then return self.events:add(path, "changed", true) end
  local gone = is(what, kinds.gone)
  self.events:add(path, "renamed", not gone)
  if not self.recursive or not is(what, kinds.folder) then return end
  if record.below[name] then forget(self, record.below[name]) end
  if not gone then add(self, record, name, true) end
end

--- Folders may have come, gone and come again unheard: they are looked for anew.
function Tree:on_overflow()
  if self.closed then return end
  self.events:overflow()
  if not is_there(self, self.path, self.root.id) then return self:root_gone() end
  if not self.recursive then return end
  local all = {}
  for _, record in pairs(self.root.below) do
    all[#all + 1] = record
  end
  for _, record in ipairs(all) do
    forget(self, record)
  end
  return scan(self, self.root, false)
end

function Tree:root_gone()
  self.events:add(self.path, "renamed", false)
  return self:stop()
end

--- The end, with what has been told so far delivered first.
function Tree:stop(err)
  if self.closed then return end
  self.events:finish(err)
  return self:close()
end

function Tree:close()
  if self.closed then return end
  self.closed = true
  forget(self, self.root)
end

local function open_tree(path, out, opts)
  local self = setmetatable({
    path = path,
    recursive = opts.recursive,
    ready = opts.ready or false,
    events = out,
    by_id = {},
    scans = 0,
    closed = false,
    root = { id = false, path = path, name = false, above = false, below = {}, seen = false },
  }, Tree)
  local id, err = watching.add(self, path, true, false)
  if not id then return nil, err end
  self.root.id = id
  self.by_id[id] = self.root
  if self.recursive then
    scan(self, self.root, false)
  elseif self.ready then
    self.ready()
  end
  return self
end

-- Single files ----------------------------------------------------------------------------

--- A file by its name in its folder: who saves it may write a new one and rename it.
--- A link is two names, its own and that of what it leads to.
local Single = {}
Single.__index = Single

local function split(path)
  local folder, name = path:match "^(.*/)([^/]+)/*$"
  if folder then return #folder > 1 and folder:sub(1, -2) or folder, name end
  return ".", (path:gsub("/+$", ""))
end

local function add_name(self, path)
  local folder, name = split(path)
  local id, err = watching.add(self, folder, true, false)
  if not id then return nil, err end
  self.names[#self.names + 1] = { id = id, name = name }
  return true
end

--- A second name, unless it is the first in other words.
local function add_target(self, real)
  if not add_name(self, real) then return end
  local own, target = self.names[1], self.names[2]
  if own.id ~= target.id or own.name ~= target.name then return end
  watching.remove(self, table.remove(self.names).id)
end

--- What the link leads to may have changed.
local function follow(self)
  request.run("realpath", "file.watch", { path = self.path }, function(real)
    if self.closed then return end
    while #self.names > 1 do
      watching.remove(self, table.remove(self.names).id)
    end
    if real then add_target(self, real) end
    if self.ready then
      local ready = self.ready
      self.ready = false
      return ready()
    end
  end)
end

function Single:on_event(id, what, name)
  if self.closed then return end
  for at, watched in ipairs(self.names) do
    if watched.id == id then
      if name == "" and at == 1 and is(what, kinds.self_gone) then return self:stop(true) end
      if name == watched.name then return self:tell(what, at == 1) end
    end
  end
end

function Single:tell(what, own)
  if is(what, kinds.changed) then return self.events:add(self.path, "changed", true) end
  self.events:add(self.path, "renamed", not is(what, kinds.gone))
  if own then follow(self) end
end

function Single:on_overflow()
  if self.closed then return end
  self.events:overflow()
  local folder = split(self.path)
  if not is_there(self, folder, self.names[1].id) then return self:stop(true) end
  return follow(self)
end

--- With its folder the file has gone.
function Single:stop(gone)
  if gone then self.events:add(self.path, "renamed", false) end
  self.events:finish()
  return self:close()
end

function Single:close()
  if self.closed then return end
  self.closed = true
  for _, watched in ipairs(self.names) do
    watching.remove(self, watched.id)
  end
end

-- ------------------------------------------------------------------------------------------

local function open_single(path, out, opts)
  local self = setmetatable({
    path = path, events = out, ready = opts.ready or false, names = {}, closed = false,
  }, Single)
  local id, err = watching.add(self, path, false, true) -- is it there?
  if not id then return nil, err end
  watching.remove(self, id)
  local added
  added, err = add_name(self, path)
  if not added then return nil, err end
  follow(self)
  return self
end

local function open(path, out, opts)
  local self, err = open_tree(path, out, opts)
  if self or err.kind ~= "not_directory" then return self, err end
  return open_single(path, out, opts)
end

local WATCH = {
  recursive = "boolean",
  debounce = { "number", check = function(n) return n > 0 and n < math.huge, "seconds above 0" end },
  buffer = { "integer", default = 1024, check = function(n) return n >= 1, "1 or more" end },
  ready = "function",
}

--- One event.
---@class cro.file.Event
---@field path string the watched path, or that of the entry below it
---@field event "changed"|"renamed"|"overflow" renamed: made, removed, renamed; changed: its content, permissions, times
---@field exists boolean false: it is there no more

--- How something is watched.
---@class cro.file.WatchOptions
---@field recursive boolean|nil the folders below too, those that come later included
---@field debounce number|nil a path is told once it was quiet for so many seconds
---@field buffer integer|nil events that may wait for a slow handler (1024)
---@field ready nil|fun() called when all folders below are watched

--- A live supply of what changes at a path, each a cro.file.Event: in a file; in a folder,
--- of its entries; with `recursive` in all folders below too, links not followed. It quits
--- when the path is not there ("not_found") or the system watches no more ("limit"), and is
--- done when the path has gone.
---
--- Equal changes that nobody has seen yet are one. When more than `buffer` events wait, one
--- event "overflow" stands for those that were lost: look at the folder again.
---@param path string
---@param given cro.file.WatchOptions|nil
---@return cro.Supply
function watch.watch(path, given)
  options.argument("file.watch", 1, path, "string")
  local opts = options.check("file.watch", given, WATCH)
  if path == "" then errors.misuse "file.watch: a path expected, got the empty string" end
  return supplies.from_source {
    name = "watch " .. path,
    open = function(sink)
      local bad = request.bad_path("file.watch", 1, path)
      if bad then return sink:quit(bad:cause()) end
      local out = events.new(sink, path, opts.buffer, opts.debounce or false)
      local self, err = open(path, out, opts)
      if not self then return sink:quit(err) end
      return function()
        out:close()
        self:close()
      end
    end,
  }
end

return watch
