--- Files: whole ones, open ones, folders, temporary ones, and what changes in them.
---
---     local text = await(file.read "notes.txt")
---     await(file.write("notes.txt", text:upper(), { atomic = true }))
---     whenever(file.lines "access.log", function(line) print(line) end)
---
--- Whatever may wait for a disk runs on threads of its own and answers by a promise. An
--- error has a kind ("not_found", "access", "exists", "is_directory", "not_directory",
--- "no_space", ...), `path`, `op` ("file.read") and `errno` ("ENOENT").
local receiver = require "cro.receiver"
local Promise = require "cro.promise"
local errors = require "cro.errors"
local handles = require "cro.file.handle"
local later = require "cro.later"
local options = require "cro.options"
local reading = require "cro.file.reading"
local request = require "cro.file.request"

local file = {}

local flags = request.flags

--- Bytes that `file.read` takes into memory when nobody says otherwise.
local READ_MAX = 64 * 1024 * 1024

--- Waits for a file to be opened; see cro.file.handle.
file.open = handles.open

--- A promise of one operation on one path.
local function ask(op, name, path, args)
  local broken = request.bad_path(name, 1, path)
  if broken then return broken end
  args.path = path
  return request.promise(op, name, args)
end

--- The same with two paths.
local function ask_two(op, name, path, to, args)
  local broken = request.bad_path(name, 1, path) or request.bad_path(name, 2, to)
  if broken then return broken end
  args.path, args.to = path, to
  return request.promise(op, name, args)
end

-- Whole files ---------------------------------------------------------------------------

local READ = { max = request.BYTES }

local function too_large(name, path, max)
  return request.error("limit", name, path, ("it is larger than max, %d bytes; give a larger max, or read it "
    .. "piece by piece with file.stream"):format(max))
end

--- What is no regular file is read until its end.
---@async
local function read_slowly(path, max)
  local handle = handles.open(path):await()
  local parts, size = {}, 0
  local ok, err = xpcall(function()
    while true do
      local part = handle:read():await()
      if not part then return end
      size = size + #part
      if size > max then error(too_large("file.read", path, max), 0) end
      parts[#parts + 1] = part
    end
  end, errors.trace)
  handle:close()
  if not ok then error(err, 0) end
  return table.concat(parts)
end

local function hand_over(promise, slowly)
  slowly:settled(function()
    if slowly:status() == "kept" then return Promise.settle_kept(promise, slowly:await()) end
    return Promise.settle_broken(promise, slowly:cause())
  end)
end

--- A promise of all that is in a file. More than `max` bytes (64 MiB) break it with kind
--- "limit".
---@param path string
---@param given { max: integer|nil }|nil
---@return cro.Promise
function file.read(path, given)
  local max = options.check("file.read", given, READ).max or READ_MAX
  local broken = request.bad_path("file.read", 1, path)
  if broken then return broken end
  local handle
  local promise = Promise.made(function() handle:cancel() end)
  handle = request.run("load", "file.read", { path = path, length = max }, function(data, err)
    if not err then return Promise.settle_kept(promise, data) end
    if err.kind == "not_seekable" then
      handle = Promise.start(read_slowly, path, max)
      return hand_over(promise, handle)
    end
    if err.kind == "limit" and handle then err = too_large("file.read", path, max) end
    return Promise.settle_broken(promise, err)
  end)
  return promise
end

--- How a file is written.
---@class cro.file.WriteOptions
---@field append boolean|nil at its end
---@field exclusive boolean|nil only when it is not there
---@field atomic boolean|nil beside it, then in its place
---@field sync boolean|nil kept when the disk has it; true by default for `atomic`
---@field mode integer|nil permissions of a new file

--- Writes a file: a string, or what a supply of strings brings, one after the other.
--- Options: `append`; `exclusive` (kind "exists" when it is there); `mode`, the
--- permissions of a new file (0666, less the umask); `sync` (kept when the disk has it);
--- `atomic`: written beside it, brought to the disk and put in its place, so that readers
--- see the old file or the new one, never a part. It keeps the permissions of the old.
---@param path string
---@param data string|cro.Supply
---@param given cro.file.WriteOptions|nil
---@return cro.Promise
function file.write(path, data, given) return require("cro.file.save").save("file.write", path, data, given) end

local APPEND = { exclusive = "boolean", sync = "boolean", mode = request.MODE }

--- Writes at the end of a file, which is made when it is not there. Options as of `write`.
---@param path string
---@param data string|cro.Supply
---@param given { exclusive: boolean|nil, sync: boolean|nil, mode: integer|nil }|nil
---@return cro.Promise
function file.append(path, data, given)
  local opts = { append = true }
  for key, value in pairs(options.check("file.append", given, APPEND)) do
    opts[key] = value
  end
  return require("cro.file.save").save("file.append", path, data, opts)
end

--- A file piece by piece, for each tap from its beginning, or from offset `from` up to
--- before `to`. The next piece is read when the last one was handled. `chunk` is the bytes
--- of a piece (64 KiB).
---@param path string
---@param given { chunk: integer|nil, from: integer|nil, to: integer|nil }|nil
---@return cro.Supply
function file.stream(path, given)
  local opts = options.check("file.stream", given, reading.OPTIONS)
  options.argument("file.stream", 1, path, "string")
  return reading.of_path(path, "file.stream", opts)
end

--- The lines of a file, without their LF or CRLF. Options as of `Supply:lines`.
---@param path string
---@param given { chomp: boolean|nil, max: integer|nil }|nil
---@return cro.Supply
function file.lines(path, given)
  options.argument("file.lines", 1, path, "string")
  return reading.of_path(path, "file.lines", options.check("file.lines", {}, reading.OPTIONS)):lines(given)
end

local COPY = { exclusive = "boolean", sync = "boolean" }

--- Copies what is in a file and its permissions to another path; kept with the number of
--- bytes. What is there is overwritten, or with `exclusive` breaks the promise with kind
--- "exists". A new file that could not be filled is not left behind.
---@param from string
---@param to string
---@param given { exclusive: boolean|nil, sync: boolean|nil }|nil
---@return cro.Promise
function file.copy(from, to, given)
  local opts = options.check("file.copy", given, COPY)
  return ask_two("copy", "file.copy", from, to, { flags = request.flags_of(opts, "exclusive", "sync") })
end

-- Names ---------------------------------------------------------------------------------

--- Renames a file or folder; a file that has the new name is replaced, or with
--- `exclusive` breaks the promise with kind "exists".
---@param from string
---@param to string
---@param given { exclusive: boolean|nil }|nil
---@return cro.Promise
function file.rename(from, to, given)
  local opts = options.check("file.rename", given, { exclusive = "boolean" })
  return ask_two("rename", "file.rename", from, to, { flags = request.flags_of(opts, "exclusive") })
end

--- Removes a file, a link or an empty folder; with `recursive` a folder with all that is
--- in it, links not followed. With `missing_ok` what is not there is no error.
---@param path string
---@param given { recursive: boolean|nil, missing_ok: boolean|nil }|nil
---@return cro.Promise
function file.remove(path, given)
  local opts = options.check("file.remove", given, { recursive = "boolean", missing_ok = "boolean" })
  return ask("remove", "file.remove", path, { flags = request.flags_of(opts, "recursive", "missing_ok") })
end

--- A second name `to` for the file `path`.
---@param path string
---@param to string
---@return cro.Promise
function file.link(path, to) return ask_two("link", "file.link", path, to, {}) end

--- A symbolic link at `to` that says `target`.
---@param target string
---@param to string
---@return cro.Promise
function file.symlink(target, to) return ask_two("symlink", "file.symlink", target, to, {}) end

--- A promise of what a symbolic link says.
---@param path string
---@return cro.Promise
function file.readlink(path) return ask("readlink", "file.readlink", path, {}) end

--- A promise of the absolute path without links, "." and "..".
---@param path string
---@return cro.Promise
function file.realpath(path) return ask("realpath", "file.realpath", path, {}) end

-- What a file says of itself --------------------------------------------------------------

--- What the system knows of a file.
---@class cro.file.Stat
---@field type string "file", "directory", "link", "fifo", "socket", "character device", "block device"
---@field size integer bytes
---@field mode integer permission bits: 420 is 0644
---@field mtime number when its content was last changed: seconds since 1970, with fractions
---@field atime number when it was last read
---@field ctime number when its content or what is known of it was last changed
---@field birthtime number when it was made, where the file system knows
---@field uid integer
---@field gid integer
---@field nlink integer names it has
---@field ino integer
---@field dev integer
---@field blocks integer of 512 bytes
---@field blksize integer

--- A promise of a cro.file.Stat.
---@param path string
---@return cro.Promise
function file.stat(path) return ask("stat", "file.stat", path, {}) end

--- The same of a link itself.
---@param path string
---@return cro.Promise
function file.lstat(path) return ask("stat", "file.lstat", path, { flags = flags.nofollow }) end

--- A promise of true or false: is there something at this path? Broken when that cannot
--- be told (kind "access").
---@param path string
---@return cro.Promise
function file.exists(path)
  local broken = request.bad_path("file.exists", 1, path)
  if broken then return broken end
  local handle
  local promise = Promise.made(function() handle:cancel() end)
  handle = request.run("stat", "file.exists", { path = path }, function(_, err)
    if not err then return Promise.settle_kept(promise, true) end
    if err.kind == "not_found" or err.kind == "not_directory" then return Promise.settle_kept(promise, false) end
    return Promise.settle_broken(promise, err)
  end)
  return promise
end

--- Sets the permission bits: `tonumber("644", 8)`.
---@param path string
---@param mode integer
---@return cro.Promise
function file.chmod(path, mode)
  options.argument("file.chmod", 2, mode, "integer")
  if mode < 0 or mode > 4095 then
    errors.misuse(('file.chmod: permission bits such as tonumber("644", 8) expected, got %d'):format(mode))
  end
  return ask("chmod", "file.chmod", path, { mode = mode })
end

local function owner(name, position, id)
  if id == nil then return -1 end
  options.argument(name, position, id, "integer")
  return id
end

--- Sets owner and group; nil leaves that one as it is. `follow = false` means a link
--- itself.
---@param path string
---@param uid integer|nil
---@param gid integer|nil
---@param given { follow: boolean|nil }|nil
---@return cro.Promise
function file.chown(path, uid, gid, given)
  local opts = options.check("file.chown", given, { follow = "boolean" })
  return ask("chown", "file.chown", path, {
    uid = owner("file.chown", 2, uid), gid = owner("file.chown", 3, gid),
    flags = opts.follow == false and flags.nofollow or 0,
  })
end

local function check_time(position, seconds)
  options.argument("file.utime", position, seconds, "number")
  if math.abs(seconds) < 2 ^ 53 then return end
  errors.misuse(("file.utime: argument %d: seconds since 1970 expected, got %s"):format(position, tostring(seconds)))
end

--- Sets when a file was last read and changed, in seconds since 1970. `follow = false`
--- means a link itself.
---@param path string
---@param atime number
---@param mtime number
---@param given { follow: boolean|nil }|nil
---@return cro.Promise
function file.utime(path, atime, mtime, given)
  local opts = options.check("file.utime", given, { follow = "boolean" })
  check_time(2, atime)
  check_time(3, mtime)
  return ask("utime", "file.utime", path, {
    atime = atime, mtime = mtime, flags = opts.follow == false and flags.nofollow or 0,
  })
end

--- Cuts a file off, or fills it with zeros, so that it has `size` bytes.
---@param path string
---@param size integer|nil 0 by default
---@return cro.Promise
function file.truncate(path, size)
  request.check_offset("file.truncate", 2, size)
  return ask("truncate", "file.truncate", path, { length = size or 0 })
end

-- Folders -------------------------------------------------------------------------------

local FOLDER_MODE = 511 -- 0777, less the umask

--- Makes a folder; with `parents` those above it too, and one that is there is no error.
--- `mode` are its permissions (0777), less the umask.
---@param path string
---@param given { parents: boolean|nil, mode: integer|nil }|nil
---@return cro.Promise
function file.mkdir(path, given)
  local opts = options.check("file.mkdir", given, { parents = "boolean", mode = request.MODE })
  return ask("mkdir", "file.mkdir", path, {
    flags = request.flags_of(opts, "parents"), mode = opts.mode or FOLDER_MODE,
  })
end

-- More, in files of its own ---------------------------------------------------------------

for name, module in pairs {
  list = "cro.file.walk", walk = "cro.file.walk", glob = "cro.file.walk",
  temp_file = "cro.file.temp", temp_dir = "cro.file.temp", watch = "cro.file.watch",
} do
  file[name] = later.fn(module, name)
end

return receiver.plain(file, "cro.file")
