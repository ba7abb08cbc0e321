--- Folders: what is in one, and all that is below one.
local Promise = require "cro.promise"
local options = require "cro.options"
local promises = require "cro.promises"
local request = require "cro.file.request"
local supplies = require "cro.supply"

local walk = {}

local function join(folder, name)
  if folder:sub(-1) == "/" then return folder .. name end
  return folder .. "/" .. name
end

--- An entry of a folder.
---@class cro.file.Entry
---@field name string
---@field path string the folder's path and the name
---@field type string "file", "directory", "link", "fifo", "socket", ...; a link is not followed
---@field depth integer|nil in `file.walk`: 1 in the folder itself
local function entries_of(folder, names, types)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = { name = name, path = join(folder, name), type = types[i] }
  end
  return list
end

--- The entries of a folder, sorted by their bytes.
---@param name string of the function
---@param folder string
---@return cro.Promise
function walk.entries(name, folder)
  return request.promise("list", name, { path = folder }, nil, function(names, types)
    return entries_of(folder, names, types)
  end)
end

local LIST = { details = "boolean" }

--- The names in a folder, without "." and "..", sorted by their bytes; with `details`
--- cro.file.Entry tables.
---@param folder string
---@param given { details: boolean|nil }|nil
---@return cro.Promise
function walk.list(folder, given)
  local opts = options.check("file.list", given, LIST)
  local broken = request.bad_path("file.list", 1, folder)
  if broken then return broken end
  if opts.details then return walk.entries("file.list", folder) end
  return request.promise("list", "file.list", { path = folder })
end

local WALK = {
  depth = { "integer", default = math.huge, check = function(n) return n >= 1, "1 or more" end },
  enter = "function",
  on_error = "function",
}

--- A folder that went while the walk was on its way is no error.
local function list_or_skip(folder, opts, depth)
  local list, err = promises.pawait(walk.entries("file.walk", folder))
  if list then return list end
  if depth > 1 and err.kind == "not_found" then return {} end
  if not opts.on_error then error(err, 0) end
  opts.on_error(err)
  return {}
end

---@async
local function visit(emitter, folder, opts, depth)
  for _, entry in ipairs(list_or_skip(folder, opts, depth)) do
    entry.depth = depth
    emitter:emit(entry)
    local deeper = entry.type == "directory" and depth < opts.depth
    if deeper and (not opts.enter or opts.enter(entry)) then visit(emitter, entry.path, opts, depth + 1) end
  end
end

--- How a folder is walked.
---@class cro.file.WalkOptions
---@field depth integer|nil how far down; no bound by default
---@field enter nil|fun(entry: cro.file.Entry): boolean shall this folder be looked into?
---@field on_error nil|fun(err: cro.Error) hears of folders that cannot be read

--- All that is below a folder, each a cro.file.Entry: a folder before what is in it, the
--- rest in the order of `list`. Links are told, not followed. One folder is read at a
--- time, and only when what came before was handled. `depth` is how far down it goes,
--- `enter(entry)` says whether to look into a folder, `on_error(err)` hears of folders
--- that cannot be read, which else ends the walk.
---@param folder string
---@param given cro.file.WalkOptions|nil
---@return cro.Supply
function walk.walk(folder, given)
  local opts = options.check("file.walk", given, WALK)
  options.argument("file.walk", 1, folder, "string")
  return supplies.on_demand(function(emitter)
    if folder:find("\0", 1, true) then error(request.bad_path("file.walk", 1, folder):cause(), 0) end
    visit(emitter, folder, opts, 1)
    emitter:done()
  end)
end

--- The paths that match a shell pattern (`*`, `?`, `[a-z]`), sorted; none is no error.
---@param pattern string
---@return cro.Promise
function walk.glob(pattern)
  local broken = request.bad_path("file.glob", 1, pattern)
  if broken then return broken end
  if pattern == "" then return Promise.kept {} end
  return request.promise("glob", "file.glob", { path = pattern })
end

return walk
