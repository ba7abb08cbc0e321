--- What the specs of pipelines share: fibers without a loop, fake connections and
--- sources, a fake core chain.
local component = require "cro.pipeline.component"
local fake = require "cro.fake"
local fiber = require "cro.fiber"
local reactive = require "cro.reactive"
local types = require "cro.pipeline.types"

local pipes = {}

--- Runs a function in a fiber to its end, under crolua or with the fake scheduler.
--- Raises what it raises.
function pipes.within(fn)
  if fiber.current() then return fn() end
  fake.install(pipes.note_report)
  local finished, ok, err
  fiber.start(function()
    ok, err = xpcall(fn, reactive.errors.trace)
    finished = true
  end)
  fake.run()
  assert(finished, "the spec waits for something that never comes")
  if not ok then error(err, 0) end
end

--- busted's `it` for code that waits.
function pipes.waiting(it)
  return function(name, fn)
    it(name, function() pipes.within(fn) end)
  end
end

--- Lets everything that is runnable run.
function pipes.settle() reactive.sleep(0.001) end

pipes.Text = types.message { name = "Text", trace = function(m) return "Text " .. m.text end }
pipes.Bytes = types.message { name = "Bytes" }
pipes.Number = types.message { name = "Number" }

local Text, Bytes, Number = pipes.Text, pipes.Bytes, pipes.Number

--- Emits the texts it is configured with, then is done.
pipes.TextSource = component.source {
  name = "TextSource",
  produces = Text,
  configure = function(self, texts) self.texts = texts or { "two", "words" } end,
  incoming = function(self)
    local list = {}
    for i, text in ipairs(self.texts) do
      list[i] = Text { text = text }
    end
    return reactive.Supply.from_list(list)
  end,
}

pipes.ToBytes = component.transform {
  name = "ToBytes",
  consumes = Text,
  produces = Bytes,
  transformer = function(_, messages)
    return reactive.supply(function(b)
      b.whenever(messages, function(m) b.emit(Bytes { data = m.text }) end)
    end)
  end,
}

pipes.Length = component.transform {
  name = "Length",
  consumes = Bytes,
  produces = Number,
  transformer = function(_, messages)
    return messages:map(function(m) return Number { value = #m.data } end)
  end,
}

--- Adds up what it is given in its own field `sum`.
pipes.Sum = component.sink {
  name = "Sum",
  consumes = Number,
  configure = function(self) self.sum, self.ended = 0, 0 end,
  sinker = function(self, messages)
    return reactive.supply(function(b)
      b.whenever(messages, function(m) self.sum = self.sum + m.value end)
        :last(function() self.ended = self.ended + 1 end)
    end)
  end,
}

pipes.Upper = component.map(Text, Text, function(m) return Text { text = m.text:upper() } end, "Upper")

local function note_reply(connection, text)
  local replies = connection.replies
  replies[#replies + 1] = text
end

local Replier = component.sink {
  name = "Replier",
  consumes = Text,
  options = { connection = { "table", required = true } },
  sinker = function(self, messages)
    return reactive.supply(function(b)
      b.whenever(messages, function(m) note_reply(self.connection, m.text) end)
        :last(function() note_reply(self.connection, "(done)") end)
    end)
  end,
}

local function close_connection(connection, err)
  connection.closed = connection.closed + 1
  connection.close_error = err
end

--- A type of fake connections; `replyable = false` for one that cannot be answered.
function pipes.connection_type(given)
  given = given or {}
  return types.connection {
    name = given.name or "Wire",
    produces = Text,
    incoming = function(connection) return connection.supplier:supply() end,
    replier = given.replyable ~= false and function(connection)
      return Replier { connection = connection }
    end or nil,
    close = close_connection,
    box = given.box,
    trace = given.trace,
  }
end

pipes.Wire = pipes.connection_type()
pipes.OneWay = pipes.connection_type { name = "OneWay", replyable = false }

--- A connection: `send(text)`, `finish()` and `fail(err)` play the peer; `replies` is
--- what it was answered.
function pipes.connection()
  local supplier = reactive.Supplier.preserving()
  return {
    supplier = supplier,
    replies = {},
    closed = 0,
    send = function(text)
      supplier:emit(Text { text = text })
      pipes.settle()
    end,
    finish = function()
      supplier:done()
      pipes.settle()
    end,
    fail = function(err)
      supplier:quit(err)
      pipes.settle()
    end,
  }
end

--- A source of connections: `accept(connection)` brings one, `finish()` ends it.
function pipes.listener(type_, given)
  given = given or {}
  local supplier = reactive.Supplier.new()
  local class = component.source {
    name = given.name or "Listener",
    produces = type_ or pipes.Wire,
    binds = given.binds,
    incoming = given.incoming or function() return supplier:supply() end,
  }
  local self = class()
  function self.accept(connection)
    supplier:emit(connection)
    pipes.settle()
    return connection
  end
  function self.finish()
    supplier:done()
    pipes.settle()
  end
  function self.quit(err)
    supplier:quit(err)
    pipes.settle()
  end
  return self
end

--- All values of a supply.
function pipes.all(supply) return reactive.await(supply:list()) end

--- The value of one field of each value of a supply.
function pipes.pluck(supply, field)
  local values = {}
  for i, value in ipairs(pipes.all(supply)) do
    values[i] = value[field]
  end
  return values
end

--- Calls a function that must raise; returns the error.
function pipes.raised(fn, ...)
  local ok, err = pcall(fn, ...)
  assert(not ok, "nothing was raised")
  return err
end

return pipes
