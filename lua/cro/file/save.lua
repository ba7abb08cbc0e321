--- Writing a whole file: from a string in one trip to the pool, from a supply piece by
--- piece; in place, or beside it and then in its place.
local Promise = require "cro.promise"
local cleanup = require "cro.cleanup"
local errors = require "cro.errors"
local handles = require "cro.file.handle"
local options = require "cro.options"
local promises = require "cro.promises"
local react = require "cro.react"
local request = require "cro.file.request"
local supplies = require "cro.supply"

local save = {}

local WRITE = {
  append = "boolean",
  exclusive = "boolean",
  atomic = "boolean",
  sync = "boolean",
  mode = request.MODE,
}

local function check(name, given)
  local opts = options.check(name, given, WRITE)
  if opts.append and opts.atomic then
    errors.misuse(name .. ": append and atomic exclude each other: an atomic write replaces the file")
  end
  if opts.sync == nil then opts.sync = opts.atomic end
  return opts
end

--- Opens what the pieces go to: the file itself, or a new one beside it.
local function open_target(name, path, opts)
  local flags = request.flags
  if opts.atomic then
    local real = promises.pawait(request.promise("realpath", name, { path = path })) or path
    local folder = real:match "^(.*/)" or ""
    local args = { path = folder .. ".cro-", to = ".tmp", flags = flags.write + flags.temp }
    return request.promise("open", name, args, nil, function(box, beside)
      return handles.wrap(box, beside)
    end):await()
  end
  local sum = flags.write + flags.create + (opts.append and flags.append or opts.exclusive and 0 or flags.truncate)
    + request.flags_of(opts, "exclusive")
  local args = { path = path, flags = sum, mode = opts.mode or 438 }
  local opening
  local promise = Promise.made(function() opening:cancel() end)
  opening = handles.open_box("open", name, args, function(box, err)
    if err then return Promise.settle_broken(promise, err) end
    return Promise.settle_kept(promise, handles.wrap(box, path))
  end)
  local ok, result = pcall(Promise.await, promise)
  if ok then return result end
  opening:cancel() -- it may wait for a pipe's reader
  error(result, 0)
end

local function pour(name, path, source, handle)
  react.react(function(block)
    block.whenever(source, function(piece)
      if type(piece) ~= "string" then
        errors.misuse(("%s %s: strings expected from the supply, got %s"):format(name, path, options.show(piece)))
      end
      handle:write(piece):await()
    end)
  end)
end

local function put_in_place(name, path, opts, handle)
  if opts.sync then handle:sync():await() end
  if opts.atomic and opts.mode then
    request.promise("chmod", name, { path = handle.path, mode = opts.mode }):await()
  end
  handle:close():await()
  if not opts.atomic then return end
  local args = { path = handle.path, to = path, flags = request.flags_of(opts, "exclusive", "sync") }
  request.promise("replace", name, args):await()
end

---@async
local function save_pieces(name, path, source, opts)
  -- Whoever is cancelled here would leave a file beside.
  local handle = opts.atomic and cleanup.shield(open_target, name, path, opts) or open_target(name, path, opts)
  local ok, err = xpcall(function()
    if type(source) == "string" then
      handle:write(source):await()
    else
      pour(name, path, source, handle)
    end
    put_in_place(name, path, opts, handle)
  end, errors.trace)
  if ok then return true end
  cleanup.shield(function()
    handle:close():settled(function() end):await()
    if opts.atomic then
      request.promise("remove", name, { path = handle.path }):settled(function() end):await()
    end
  end)
  error(err, 0)
end

--- A string: one trip, unless the path is a pipe or a device, which may take its time.
local function save_text(name, path, data, opts)
  local args = {
    path = path, data = data, mode = opts.mode or -1,
    flags = request.flags_of(opts, "append", "exclusive", "atomic", "sync"),
  }
  local handle
  local promise = Promise.made(function() handle:cancel() end)
  handle = request.run("save", name, args, function(_, err)
    if not err then return Promise.settle_kept(promise, true) end
    if err.kind ~= "not_seekable" then return Promise.settle_broken(promise, err) end
    local slowly = Promise.start(save_pieces, name, path, data, { append = true, sync = opts.sync })
    handle = slowly
    slowly:settled(function()
      if slowly:status() == "kept" then return Promise.settle_kept(promise, true) end
      return Promise.settle_broken(promise, slowly:cause())
    end)
  end)
  return promise
end

--- For `file.write` and `file.append`.
---@param name string of the function
---@param path string
---@param data string|cro.Supply|any with a `supply` method
---@param given table|nil
---@return cro.Promise
function save.save(name, path, data, given)
  local opts = check(name, given)
  local broken = request.bad_path(name, 1, path)
  if broken then return broken end
  if type(data) == "string" then return save_text(name, path, data, opts) end
  if data == nil or type(data) == "number" or type(data) == "boolean" then
    errors.misuse(("%s: argument 2: expected a string or a supply, got %s"):format(name, options.show(data)))
  end
  local source = supplies.from(data, name)
  return Promise.start(save_pieces, name, path, source, opts)
end

return save
