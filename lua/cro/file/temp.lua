--- Temporary files and folders, which go with the code that made them.
local errors = require "cro.errors"
local handles = require "cro.file.handle"
local options = require "cro.options"
local request = require "cro.file.request"
local scope = require "cro.scope"

local temp = {}

local TEMP = { dir = "string", prefix = { "string", default = "cro-" }, suffix = { "string", default = "" } }

local function where(name, given)
  local opts = options.check(name, given, TEMP)
  for _, key in ipairs { "prefix", "suffix" } do
    if opts[key]:find("[/%z]") then
      errors.misuse(("%s: option %q: expected a part of a name, got %s"):format(name, key, options.show(opts[key])))
    end
  end
  local folder = opts.dir or os.getenv "TMPDIR" or "/tmp"
  local broken = request.bad_path(name, "dir", folder)
  if folder == "" then folder = "." end
  return { path = folder:gsub("/$", "") .. "/" .. opts.prefix, to = opts.suffix }, broken
end

--- What is on the disk is not collected, though nobody holds it: its path may be in use.
local present = {} -- luacheck: ignore 241

local function keep(self)
  present[self] = true
  return self
end

local function remove(self) return self:remove() end

local function forgive(promise, path)
  return promise:or_else(function(err)
    if err.kind == "not_found" then return true end
    error(err, 0)
  end), path
end

--- An open temporary file: a cro.File with `remove`.
---@class cro.TempFile: cro.File
local TempFile = setmetatable({}, { __index = handles.File })
TempFile.__index = TempFile
TempFile.__name = "cro.TempFile"

--- Closed, it is still to be removed.
---@package
TempFile.outlives_close = true
TempFile.__tostring = handles.File.__tostring

--- Closes the file and takes it away; one that was moved elsewhere stays there. Twice is
--- harmless: it is the same promise.
---@return cro.Promise
function TempFile:remove()
  if self.removal then return self.removal end
  scope.disown(self)
  self:close():observe()
  present[self] = nil
  self.removal = forgive(request.promise("remove", "file:remove", { path = self.path }))
  return self.removal
end

--- Makes a file of a random name that was not there before, for its owner alone (0600),
--- open to read and write. It is removed when what owns it ends: the block, request or
--- job that made it, or the program. `dir` is $TMPDIR or /tmp by default.
---@param given { dir: string|nil, prefix: string|nil, suffix: string|nil }|nil
---@return cro.Promise
function temp.temp_file(given)
  local args, broken = where("file.temp_file", given)
  if broken then return broken end
  args.flags = request.flags.read + request.flags.write + request.flags.temp
  return handles.opening("open", "file.temp_file", args, "temporary file", function(box, path)
    local self = handles.wrap(box, path)
    self.removal = false
    return keep(setmetatable(self, TempFile))
  end, remove)
end

--- A temporary folder; `path` is where.
---@class cro.TempDir
---@field path string
---@field private removal cro.Promise|false
local TempDir = {}
TempDir.__index = TempDir
TempDir.__name = "cro.TempDir"

function TempDir:__tostring() return "folder " .. self.path end

--- Takes the folder away with all that is in it. Twice is harmless: it is the same
--- promise.
---@return cro.Promise
function TempDir:remove()
  if self.removal then return self.removal end
  scope.disown(self)
  present[self] = nil
  self.removal = request.promise("remove", "file:remove", {
    path = self.path, flags = request.flags.recursive + request.flags.missing_ok,
  })
  return self.removal
end

--- Makes a folder of a random name that was not there before, for its owner alone
--- (0700). It is removed, with all that is in it, when what owns it ends. `dir` is
--- $TMPDIR or /tmp by default.
---@param given { dir: string|nil, prefix: string|nil, suffix: string|nil }|nil
---@return cro.Promise
function temp.temp_dir(given)
  local args, broken = where("file.temp_dir", given)
  if broken then return broken end
  return handles.opening("temp_dir", "file.temp_dir", args, "temporary folder", function(path)
    return keep(setmetatable({ path = path, removal = false, held = false }, TempDir))
  end, remove)
end

return temp
