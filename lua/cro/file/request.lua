--- What all operations on files share: one request to the pool as a promise, and the
--- checks of what they are given.
local core = require "cro.core"
local Promise = require "cro.promise"
local errors = require "cro.errors"
local options = require "cro.options"

local request = {}

--- The flags of requests by name.
request.flags = core.fs_flags or {}

local TOO_MANY = "%s %s: %s: 16384 operations on files, or 256 MiB to write, wait already; "
  .. "await some of them before you start more"

--- Starts an operation; `fn(value, err, more)` is called later, or at once when the
--- system refuses more of them. What is returned has `cancel`; nil after a refusal.
---@param op string as the core calls it
---@param name string as scripts call it: "file.read"
---@param args table given to the core
---@param fn fun(value: any, err: cro.Error|nil, more: any)
---@param box userdata|nil the open file
---@return cro.core.FileRequest|nil
function request.run(op, name, args, fn, box)
  args.op = name
  local handle, err = core.fs(op, args, fn, box)
  if handle then return handle end
  if err.kind == "limit" then err.message = TOO_MANY:format(name, err.path, "over a limit") end
  fn(nil, err)
end

--- The same as a promise of the value. Cancelling it takes the operation back, or lets
--- it go when a thread is at it.
---@param op string
---@param name string
---@param args table
---@param box userdata|nil
---@param convert nil|fun(value: any, more: any): any
---@return cro.Promise
function request.promise(op, name, args, box, convert)
  local handle
  local promise = Promise.made(function()
    if handle then handle:cancel() end
  end)
  handle = request.run(op, name, args, function(value, err, more)
    if err then return Promise.settle_broken(promise, err) end
    if convert then value = convert(value, more) end
    return Promise.settle_kept(promise, value)
  end, box)
  return promise
end

--- An error value of an operation, as the core makes them.
---@param kind string
---@param name string
---@param path string
---@param text string
---@return cro.Error
function request.error(kind, name, path, text)
  return errors.new(kind, ("%s %s: %s"):format(name, path, text), { op = name, path = path })
end

--- Checks a path: not a string is a mistake of the programmer, a NUL in it (which the
--- system would take for its end) is an error of kind "invalid".
---@param name string
---@param position integer
---@param path any
---@return cro.Promise|nil broken a promise with that error
function request.bad_path(name, position, path)
  options.argument(name, position, path, "string")
  if not path:find("\0", 1, true) then return nil end
  local shown = path:gsub("%z", "\\0")
  return Promise.broken(request.error("invalid", name, shown, "a path cannot hold a NUL byte"))
end

--- Adds up the flags whose option is set.
---@param given table options
---@param ... string names that are both option and flag
---@return integer
function request.flags_of(given, ...)
  local sum = 0
  for i = 1, select("#", ...) do
    local key = select(i, ...)
    if given[key] then sum = sum + request.flags[key] end
  end
  return sum
end

local function is_mode(n) return n >= 0 and n <= 4095, "permission bits, such as tonumber(\"644\", 8)" end

--- The option spec of permission bits.
request.MODE = { "integer", check = is_mode }

--- The option spec of a number of bytes.
request.BYTES = { "integer", check = function(n) return n >= 1, "1 or more" end }

--- No file is larger, and numbers beyond it are not exact.
local FARTHEST = 2 ^ 53

local function is_offset(n) return n >= 0 and n <= FARTHEST, "0 to 2^53" end

--- The option spec of an offset.
request.OFFSET = { "integer", check = is_offset }

--- Checks a number of bytes or an offset that is an argument; nil will do.
---@param name string
---@param position integer
---@param n any
---@param signed boolean|nil negative ones too
function request.check_offset(name, position, n, signed)
  if n == nil then return end
  options.argument(name, position, n, "integer")
  if is_offset(signed and math.abs(n) or n) then return end
  errors.misuse(("%s: argument %d: a number from %s to 2^53 expected, got %s"):format(
    name, position, signed and "-2^53" or "0", tostring(n)))
end

return request
