--- A core chain without a core: parts named by their kind, sockets that remember.
---
--- Kinds: "upper" and "double" work on strings, "lines" cuts strings at newlines, "wrap"
--- makes tables, "unwrap" takes their text, "fail" breaks on any value. Events come on
--- fibers of their own, as those of C do, and never from inside a call.
local fiber = require "cro.fiber"

local fake_chain = {}

--- Every chain that was made since `reset`.
fake_chain.made = {}
--- Values that a push may leave unhandled before it answers "full"; false: never full.
fake_chain.room = false

function fake_chain.reset() fake_chain.made, fake_chain.room = {}, false end

local kinds = {}

function kinds.upper(value, pass) pass(value:upper()) end

function kinds.double(value, pass)
  pass(value)
  pass(value)
end

function kinds.lines(value, pass)
  for line in value:gmatch "[^\n]+" do
    pass(line)
  end
end

function kinds.wrap(value, pass) pass { text = value } end

function kinds.unwrap(value, pass) pass(value.text) end

function kinds.fail() error("fail fails", 0) end

--- The far end of a connection: what was written, what it sends.
function fake_chain.socket()
  return { written = {}, chains = {} }
end

local Chain = {}
Chain.__index = Chain

local function post(self, kind, value)
  local queue = self.events
  queue[#queue + 1] = { kind, value }
  if #queue > 1 then return end
  fiber.start(function()
    while queue[1] and not self.closed do
      self.on_event(queue[1][1], queue[1][2])
      table.remove(queue, 1)
      if self.full and #queue == 0 then
        self.full = false
        self.on_event "drain"
      end
    end
  end)
end

local function out(self, value)
  if self.tail == "lua" then return post(self, "value", value) end
  local written = self.connection.written
  written[#written + 1] = value
end

local function run(self, at, value)
  local part = self.parts[at]
  if not part then return out(self, value) end
  kinds[part.kind](value, function(made) run(self, at + 1, made) end)
end

function Chain:push(value)
  assert(not self.closed and not self.finished, "push after the end")
  local ok, err = pcall(run, self, 1, value)
  if not ok then
    self.finished = true
    return nil, err
  end
  if fake_chain.room and #self.events > fake_chain.room then
    self.full = true
    return false
  end
  return true
end

function Chain:finish()
  assert(not self.finished, "finish twice")
  self.finished = true
  post(self, "done")
end

function Chain:fail(err) self.failed, self.finished = err, true end

function Chain:start()
  assert(self.head == "socket")
  self.started = true
end

function Chain:drain()
  self.drained = true
  self:finish()
end

function Chain:close() self.closed = (self.closed or 0) + 1 end

--- As core.chain.
function fake_chain.new(given)
  local self = setmetatable({ events = {}, full = false, finished = false }, Chain)
  for key, value in pairs(given) do
    self[key] = value
  end
  local made = fake_chain.made
  made[#made + 1] = self
  return self
end

--- The peer sends bytes to a chain whose head is a socket.
function fake_chain.receive(chain, data)
  assert(chain.started, "nobody reads")
  local ok, err = pcall(run, chain, 1, data)
  if not ok then post(chain, "quit", err) end
end

return fake_chain
