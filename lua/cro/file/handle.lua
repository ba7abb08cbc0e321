--- Open files: reading, writing and the rest, one after the other.
local receiver = require "cro.receiver"
local Promise = require "cro.promise"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local reading = require "cro.file.reading"
local request = require "cro.file.request"
local scope = require "cro.scope"

local handles = {}

--- An open file. What is asked of it is done in that order, one after the other; each
--- method that waits returns a promise. `path` is what it was opened by.
---@class cro.File
---@field box userdata the file of the core
---@field path string
---@field private closing cro.Promise|false once close was called
---@field private outlives_close boolean|nil there is more to undo than to close it
---@field private only string|false "reading" or "writing" when the mode allows no more
local File = {}
File.__index = File
File.__name = "cro.File"

--- The class of open files.
handles.File = File

function File:__tostring() return ("file %s"):format(self.path) end

--- A file of the core as scripts see it.
---@param box userdata
---@param path string
---@param only string|nil "reading" or "writing"
---@return cro.File
function handles.wrap(box, path, only)
  local self = { box = false, path = false, closing = false, only = false, held = false }
  self.box, self.path, self.only = box, path, only or false
  return setmetatable(self, File)
end

local function wrong_way(self, op, other)
  if self.only ~= other then return nil end
  return Promise.broken(request.error("access", "file:" .. op, self.path, "it is open for " .. other .. " only"))
end

local function ask(self, op, args, convert)
  return request.promise(op, "file:" .. op, args or {}, self.box, convert)
end

--- Up to `n` bytes (64 KiB): of a regular file fewer only at its end, of a pipe or
--- terminal what there is. nil at the end. With `offset` (from 0) from there, and the
--- position stays where it is.
---@param n integer|nil
---@param offset integer|nil
---@return cro.Promise
function File:read(n, offset)
  request.check_offset("file:read", 1, n)
  request.check_offset("file:read", 2, offset)
  return wrong_way(self, "read", "writing") or ask(self, "read", { length = n or reading.CHUNK, offset = offset or -1 })
end

--- Writes all of a string where the file stands, or at `offset`; kept with true. An
--- error says in `written` how many bytes came through.
---@param data string
---@param offset integer|nil
---@return cro.Promise
function File:write(data, offset)
  options.argument("file:write", 1, data, "string")
  request.check_offset("file:write", 2, offset)
  return wrong_way(self, "write", "reading") or ask(self, "write", { data = data, offset = offset or -1 })
end

--- The file piece by piece, from where it stands, or from offset `from` up to before
--- `to`; the next piece is read when the last one was handled. `chunk` is the bytes of a
--- piece (64 KiB). The file stays open.
---@param given { chunk: integer|nil, from: integer|nil, to: integer|nil }|nil
---@return cro.Supply
function File:supply(given) return reading.of_handle(self, options.check("file:supply", given, reading.OPTIONS)) end

--- The lines from where the file stands on. Options as of `Supply:lines`.
---@param given table|nil
---@return cro.Supply
function File:lines(given) return self:supply():lines(given) end

local WHENCE = { set = 0, cur = 1, ["end"] = 2 }

--- Moves the position, as Lua's own `file:seek` does; kept with the new one. Broken with
--- kind "not_seekable" for pipes and terminals.
---@param whence "set"|"cur"|"end"|nil "cur" by default
---@param offset integer|nil 0 by default
---@return cro.Promise
function File:seek(whence, offset)
  local how = WHENCE[whence or "cur"]
  if not how then
    errors.misuse(('file:seek: "set", "cur" or "end" expected, got %s'):format(options.show(whence)))
  end
  request.check_offset("file:seek", 2, offset, true)
  return ask(self, "seek", { mode = how, offset = offset or 0 })
end

--- What the system knows of the file: see `file.stat`.
---@return cro.Promise
function File:stat() return ask(self, "fstat") end

--- Kept when the disk has everything written so far; with `data_only` without the times
--- of the file.
---@param given { data_only: boolean|nil }|nil
---@return cro.Promise
function File:sync(given)
  local opts = options.check("file:sync", given, { data_only = "boolean" })
  return ask(self, "sync", { flags = request.flags_of(opts, "data_only") })
end

--- Cuts the file off, or fills it with zeros, so that it has `size` bytes.
---@param size integer|nil 0 by default
---@return cro.Promise
function File:truncate(size)
  request.check_offset("file:truncate", 1, size)
  return ask(self, "ftruncate", { length = size or 0 })
end

--- Seconds between two looks at a pipe that nobody reads, and at a lock that another
--- holds: the first and the longest.
local FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1

local function try_lock(self, state, pause)
  local promise = state.promise
  state.request = request.run("lock", "file:lock", { flags = state.flags }, function(_, err)
    if not err then return Promise.settle_kept(promise, true) end
    if err.kind ~= "again" then return Promise.settle_broken(promise, err) end
    if not state.wait then
      return Promise.settle_broken(promise,
        request.error("busy", "file:lock", self.path, "another holder has the lock"))
    end
    state.timer = fiber.timer(pause, function()
      if promise:status() == "planned" then try_lock(self, state, math.min(pause * 2, LONGEST_PAUSE)) end
    end)
  end, self.box)
end

--- Takes the advisory lock of the file (flock): for this handle alone, or `shared`. It
--- waits until it is free; with `wait = false` the promise breaks with kind "busy".
--- Closing lets it go.
---@param given { shared: boolean|nil, wait: boolean|nil }|nil
---@return cro.Promise
function File:lock(given)
  local opts = options.check("file:lock", given, {
    shared = "boolean",
    wait = { "boolean", default = true },
  })
  local state = { wait = opts.wait, flags = request.flags_of(opts, "shared") }
  state.promise = Promise.made(function()
    if state.timer then state.timer:close() end
    if state.request then state.request:cancel() end
    if not self.closing then self:unlock():observe() end -- a thread may have got it
  end)
  try_lock(self, state, FIRST_PAUSE)
  return state.promise
end

--- Lets the lock go.
---@return cro.Promise
function File:unlock() return ask(self, "lock", { flags = request.flags.unlock }) end

--- Its descriptor, for what takes one, such as the stdin of a process; it stands where the
--- file stands, and does not move the file. Nil when the file is closed.
---@return integer|nil
function File:descriptor()
  if self.closing then return nil end
  return self.box:fd()
end

--- Closes the file behind what was asked of it; who waits for a pipe's next bytes hears
--- "closed". Closing twice is harmless: it is the same promise.
---@return cro.Promise
function File:close()
  if self.closing then return self.closing end
  if not self.outlives_close then scope.disown(self) end
  local promise = Promise.made()
  self.closing = promise
  request.run("close", "file:close", {}, function(_, err)
    if err then return Promise.settle_broken(promise, err) end
    return Promise.settle_kept(promise, true)
  end, self.box)
  return promise
end

local function try_open(state, pause)
  state.doing = request.run(state.op, state.name, state.args, function(value, err, path)
    if not err or err.kind ~= "again" then return state.fn(value, err, path) end
    state.doing = fiber.timer(pause, function() return try_open(state, math.min(pause * 2, LONGEST_PAUSE)) end)
  end)
end

--- Opens a file of the core. A pipe that is opened to write waits for its reader.
---@param op string
---@param name string
---@param args table
---@param fn fun(box: any, err: cro.Error|nil, path: string|nil)
---@return { cancel: fun(self: table) }
function handles.open_box(op, name, args, fn)
  local state = { op = op, name = name, args = args, fn = fn, doing = false }
  function state:cancel()
    local doing = self.doing
    if doing then (doing.cancel or doing.close)(doing) end
  end
  try_open(state, FIRST_PAUSE)
  return state
end

local function close(self) return self:close() end

--- Opens something that its scope will close.
---@param op string as the core calls it
---@param name string of the function, for errors
---@param args table for the core
---@param kind string a short noun, for who asks what is open
---@param wrap fun(value: any, path: string): table what the script gets
---@param undo nil|fun(handle: table): any closes it; `handle:close()` by default
---@return cro.Promise
function handles.opening(op, name, args, kind, wrap, undo)
  local running, ticket
  local promise = Promise.made(function()
    scope.disown(ticket)
    if running then running:cancel() end
  end)
  ticket = scope.opening(kind, function() promise:cancel() end)
  running = handles.open_box(op, name, args, function(value, err, path)
    if err then
      scope.disown(ticket)
      return Promise.settle_broken(promise, err)
    end
    local handle = wrap(value, path)
    scope.opened(ticket, handle, kind, undo or close)
    return Promise.settle_kept(promise, handle)
  end)
  return promise
end

local MODES = {
  ["r"] = { "read" },
  ["r+"] = { "read", "write" },
  ["w"] = { "write", "create", "truncate" },
  ["w+"] = { "read", "write", "create", "truncate" },
  ["a"] = { "write", "create", "append" },
  ["a+"] = { "read", "write", "create", "append" },
  ["x"] = { "write", "create", "exclusive" },
  ["x+"] = { "read", "write", "create", "exclusive" },
}
local DEFAULT_MODE = 438 -- 0666, less the umask

local function flags_of_mode(how)
  local names = type(how) == "string" and MODES[(how:gsub("b", ""))]
  if not names then
    errors.misuse(('file.open: a mode such as "r", "r+", "w", "w+", "a", "a+", "x", "x+" expected, got %s'):format(
      options.show(how)))
  end
  local sum = 0
  for _, name in ipairs(names) do
    sum = sum + request.flags[name]
  end
  return sum
end

local ONLY = { [request.flags.read or 1] = "reading", [request.flags.write or 2] = "writing" }
local OPEN = { mode = request.MODE }

--- Opens a file, which the block or job that opens it will close: "r" to read, "w" to
--- write a new or emptied one, "a" to write at its end, "x" to write one that must not be
--- there; with "+" both ways. A promise of a cro.File. A new file has the permissions `mode` (0666), less the umask.
---@param path string
---@param how string|nil "r" by default
---@param given { mode: integer|nil }|nil
---@return cro.Promise
function handles.open(path, how, given)
  local flags = flags_of_mode(how or "r")
  local opts = options.check("file.open", given, OPEN)
  local broken = request.bad_path("file.open", 1, path)
  if broken then return broken end
  local args = { path = path, flags = flags, mode = opts.mode or DEFAULT_MODE }
  return handles.opening("open", "file.open", args, "file", function(box)
    return handles.wrap(box, path, ONLY[flags % 4])
  end)
end

receiver.guard_all(File, "file")

return handles
