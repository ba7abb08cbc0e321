--- The shortest transform: one message in, one message out. Behind a transform of the
--- script's own type, so that lines and not chunks are answered.
local cro = require "cro"

local Line = cro.message {
  name = "Line",
  trace = function(line) return "Line " .. line.text end,
}

local ToLines = cro.transform {
  name = "ToLines",
  consumes = cro.tcp.Message,
  produces = Line,
  transformer = function(_, messages)
    return messages
      :map(function(message) return message.data end)
      :lines()
      :map(function(text) return Line { text = text } end)
  end,
}

local Upper = cro.map(Line, Line, function(line) return Line { text = line.text:upper() } end, "Upper")

local ToBytes = cro.map(Line, cro.tcp.Message, function(line)
  return cro.tcp.Message { data = line.text .. "\n" }
end, "ToBytes")

cro.run(cro.compose {
  cro.tcp.listener {
    host = os.getenv "HOST" or "127.0.0.1",
    port = tonumber(os.getenv "PORT" or 10000),
  },
  ToLines,
  Upper,
  ToBytes,
})
