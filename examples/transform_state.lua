--- Parts of one pipeline that share something per connection: name the same constructor
--- as `connection_state` and each gets the same value, a new one for each connection.
local cro = require "cro"

local Message = cro.tcp.Message

local function new_counts() return { messages = 0, bytes = 0 } end

local Count = cro.transform {
  name = "Count",
  consumes = Message,
  produces = Message,
  connection_state = new_counts,
  transformer = function(_, messages, counts)
    return messages:peek(function(message)
      counts.messages = counts.messages + 1
      counts.bytes = counts.bytes + #message.data
    end)
  end,
}

local Answer = cro.transform {
  name = "Answer",
  consumes = Message,
  produces = Message,
  connection_state = new_counts,
  transformer = function(_, messages, counts)
    return messages:map(function()
      return Message { data = ("%d messages, %d bytes\n"):format(counts.messages, counts.bytes) }
    end)
  end,
}

cro.run(cro.compose {
  cro.tcp.listener {
    host = os.getenv "HOST" or "127.0.0.1",
    port = tonumber(os.getenv "PORT" or 10000),
  },
  Count,
  Answer,
})
