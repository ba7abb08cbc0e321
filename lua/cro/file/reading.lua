--- Reading a file piece by piece: the next piece when the last one was handled.
local request = require "cro.file.request"
local supplies = require "cro.supply"

local reading = {}

--- Bytes of a piece when nobody says otherwise.
reading.CHUNK = 64 * 1024

--- Options of whatever reads piece by piece.
reading.OPTIONS = {
  chunk = { "integer", default = reading.CHUNK, check = function(n)
    return n >= 1 and n <= 16 * 1024 * 1024, "1 to 16 MiB"
  end },
  from = request.OFFSET,
  to = request.OFFSET,
}

local Reader = {}
Reader.__index = Reader

-- At the end of the file, of the range, or of the tap.
function Reader:finish(err)
  if self.over then return end
  self.over = true
  local function ended()
    if err then return self.sink:quit(err) end
    return self.sink:done()
  end
  if self.own then return request.run("close", self.name, {}, ended, self.box) end
  return ended()
end

function Reader:take(data, err)
  self.request = false
  if self.over then return end
  if err or not data then return self:finish(err) end
  self.left = self.left - #data
  if self.at then self.at = self.at + #data end
  if self.sink:value(data) and not self.over then return self:next() end
end

function Reader:next()
  local length = math.min(self.chunk, self.left)
  if length <= 0 then return self:finish() end
  local args = { length = length, offset = self.at or -1 }
  self.request = request.run("read", self.name, args, self.on_read, self.box)
end

function Reader:stop()
  if self.over then return end
  self.over = true
  if self.request then self.request:cancel() end
  if self.own and self.box then request.run("close", self.name, {}, function() end, self.box) end
end

local function new(sink, name, given, own)
  local self = setmetatable({
    sink = sink,
    name = name,
    own = own, -- the file is closed at the end
    box = false,
    chunk = given.chunk,
    at = given.from or (given.to and 0) or false, -- false: where the file stands
    left = math.huge,
    request = false, -- on its way
    over = false,
    on_read = false,
  }, Reader)
  self.on_read = function(data, err) return self:take(data, err) end
  if given.to then self.left = given.to - self.at end
  return self
end

--- Starts to read a file of the core, which is closed at the end.
---@param sink cro.Sink
---@param box userdata
---@param name string of the function, for errors
---@param given table checked options
---@return fun() stop
function reading.start(sink, box, name, given)
  local self = new(sink, name, given, true)
  self.box = box
  self:next()
  return function() return self:stop() end
end

--- The pieces of an open file, from where it stands or from `from` up to before `to`.
---@param handle cro.File
---@param given table checked options
---@return cro.Supply
function reading.of_handle(handle, given)
  return supplies.from_source {
    name = tostring(handle),
    open = function(sink)
      local self = new(sink, "file:read", given, false)
      self.box = handle.box
      self:next()
      return function() return self:stop() end
    end,
  }
end

--- The pieces of the file at a path, which is opened for each tap and closed at its end.
---@param path string
---@param name string of the function, for errors
---@param given table checked options
---@return cro.Supply
function reading.of_path(path, name, given)
  return supplies.from_source {
    name = "file " .. path,
    open = function(sink)
      local bad = request.bad_path(name, 1, path)
      if bad then return sink:quit(bad:cause()) end
      local self = new(sink, name, given, true)
      local args = { path = path, flags = request.flags.read }
      self.request = request.run("open", name, args, function(box, err)
        self.request = false
        if self.over then return end
        if err then
          self.over = true
          return sink:quit(err)
        end
        self.box = box
        return self:next()
      end)
      return function() return self:stop() end
    end,
  }
end

return reading
