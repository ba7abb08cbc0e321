--- Reading a connection on demand: `connection:read_line()`, `connection:read(n)`, and taps
--- that leave it open. What a dialogue needs that later goes on as something else: a tap that
--- closes the connection, or takes bytes it does not use, cannot be followed by anything.
---
--- A reader owns what has come and was not asked for. It takes no more while that is so.
local Promise = require "cro.promise"
local connections = require "cro.connection"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local supplies = require "cro.supply"

local Connection = connections.Connection

local reading = {}

--- Bytes of a line, unless the caller allows another number.
local LINE_MAX = 64 * 1024
--- The most that one read may ask for.
local READ_MAX = 16 * 1024 * 1024

---@class cro.Reader
---@field connection cro.Connection whose it is
---@field held string what has come and nobody has taken
---@field wants table[] who waits for bytes, the first first
---@field sink cro.Sink|false the tap
---@field parked cro.Promise|false what has come waits for somebody to take it
---@field ended false|"done"|"quit"
---@field err cro.Error|nil
local Reader = {}
Reader.__index = Reader

--- What `want` gets of the bytes that are there, and the rest; nothing: not yet.
local function take(self, want)
  local held, n = self.held, want.n
  if want.line then
    local at = held:find("\n", 1, true)
    if at and at <= n + 1 then return (held:sub(1, at - 1):gsub("\r$", "")), held:sub(at + 1) end
    if #held > n then return nil, nil, "too long" end
  elseif n == 0 and held ~= "" then
    return held, ""
  elseif n > 0 and #held >= n then
    return held:sub(1, n), held:sub(n + 1)
  end
  if self.ended and held ~= "" then return held, "" end
end

local function too_long(self, want)
  return errors.new("too_long", ("read_line %s: the line is longer than %d bytes"):format(
    tostring(self.connection), want.n))
end

--- Gives each who waits what there is for it.
local function serve(self)
  local wants = self.wants
  while wants[1] do
    local want = wants[1]
    local value, rest, wrong = take(self, want)
    if wrong then
      table.remove(wants, 1)
      Promise.settle_broken(want.promise, too_long(self, want))
    elseif value then
      table.remove(wants, 1)
      self.held = rest
      Promise.settle_kept(want.promise, value)
    elseif self.ended then
      table.remove(wants, 1)
      if self.err then
        Promise.settle_broken(want.promise, self.err)
      else
        Promise.settle_kept(want.promise, nil)
      end
    else
      return
    end
  end
end

local function deliver(self)
  local sink, rest = self.sink, self.held
  if sink and rest ~= "" then
    self.held = ""
    sink:value(rest)
  end
  serve(self)
end

--- Bytes have come: they stay here until somebody has taken them, and no more come.
---@async
local function on_value(self, value)
  self.held = self.held .. value
  deliver(self)
  while self.held ~= "" and #self.wants == 0 do
    self.parked = Promise.made()
    self.parked:await()
    self.parked = false
    deliver(self)
  end
end

local function finish(self)
  local sink = self.sink
  self.sink = false
  if not sink then return serve(self) end
  if self.err then return sink:quit(self.err) end
  return sink:done()
end

local function wake(self)
  if self.parked then return Promise.settle_kept(self.parked, true) end
  if self.ended or self.held ~= "" then return fiber.run_now(function()
    deliver(self)
    if self.ended then finish(self) end
  end) end
end

local function new_reader(connection)
  local self = setmetatable({
    connection = false, held = "", wants = {}, sink = false, parked = false, ended = false, err = nil,
  }, Reader)
  self.connection = connection
  connection.reading = self
  connections.start(connection, function(kind, value)
    if kind == "value" then return on_value(self, value) end
    self.ended = kind
    if kind == "quit" then self.err = connections.of(tostring(self.connection), value) end
    return finish(self)
  end, function(err)
    self.ended, self.err = "quit", err
  end)
  return self
end

local function refuse_second(self, op)
  errors.misuse(("%s: %s is read by a tap already: a connection has one reader"):format(op, tostring(self)))
end

local function reader_of(self, op)
  local reader = self.reading
  if not reader and connections.is_read(self) or reader and reader.sink then refuse_second(self, op) end
  return reader or new_reader(self)
end

local function forget(reader, want)
  for i, one in ipairs(reader.wants) do
    if one == want then return table.remove(reader.wants, i) end
  end
end

local function ask(self, op, want)
  local reader = reader_of(self, op)
  want.promise = Promise.made(function() forget(reader, want) end)
  reader.wants[#reader.wants + 1] = want
  wake(reader)
  return want.promise
end

local function check_count(op, name, n, most)
  if n == nil or type(n) == "number" and n >= 1 and n <= most and n % 1 == 0 then return end
  errors.misuse(("%s: %s: a whole number from 1 to %d expected, got %s"):format(op, name, most, options.show(n)))
end

--- The next line, without its end (LF or CRLF); what follows stays for the next who reads.
--- Kept with nil at the end of what comes. Broken with kind "too_long" for a longer line
--- than `limit` bytes, and as a tap would quit. Not on a connection that is tapped.
---@param limit integer|nil bytes; default 64 KiB
---@return cro.Promise of string|nil
function Connection:read_line(limit)
  check_count("connection:read_line", "limit", limit, READ_MAX)
  return ask(self, "read_line", { line = true, n = limit or LINE_MAX, promise = false })
end

--- The next `n` bytes, or without a number whatever has come, one byte at least; less only
--- at the end of what comes, and there nil. Not on a connection that is tapped.
---@param n integer|nil
---@return cro.Promise of string|nil
function Connection:read(n)
  check_count("connection:read", "n", n, READ_MAX)
  return ask(self, "read", { line = false, n = n or 0, promise = false })
end

local KEEP = { keep_open = { "boolean", default = false } }

--- What `connection:supply { keep_open = true }` is, and any supply of a connection that was
--- read before.
---@param self cro.Connection
---@param given { keep_open: boolean|nil }|nil
---@return cro.Supply
function reading.supply(self, given)
  local keep_open = options.check("connection:supply", given, KEEP).keep_open
  return supplies.from_source {
    name = tostring(self),
    open = function(sink)
      local reader = reader_of(self, "tap")
      reader.sink = sink
      wake(reader)
      return function()
        if reader.sink == sink then reader.sink = false end
        if not keep_open and not reader.ended then reader.connection:close() end
      end
    end,
  }
end

--- Whether somebody reads right now, and how many bytes nobody has taken.
---@param self cro.Connection
---@return boolean busy
---@return integer unread
function reading.state(self)
  local reader = self.reading
  if not reader then return connections.is_read(self), 0 end
  return reader.sink ~= false or #reader.wants > 0, #reader.held
end

--- What is read of one connection is read of the other from now on.
---@param from cro.Connection
---@param to cro.Connection
function reading.move(from, to)
  local reader = from.reading
  if not reader then return end
  from.reading, to.reading, reader.connection = false, reader, to
end

return reading
