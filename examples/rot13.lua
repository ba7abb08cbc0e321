--- A TCP service composed of a listener and a transform: what comes in goes back, each
--- letter 13 places on. Any number of clients at once; CRO_TRACE=1 shows every hop.
local cro = require "cro"
local emit, supply, whenever = cro.emit, cro.supply, cro.whenever

local function rot13(text)
  return (text:gsub("%a", function(letter)
    local base = letter:lower() == letter and 97 or 65
    return string.char((letter:byte() - base + 13) % 26 + base)
  end))
end

local Rot13 = cro.transform {
  name = "Rot13",
  consumes = cro.tcp.Message,
  produces = cro.tcp.Message,
  transformer = function(_, messages)
    return supply(function()
      whenever(messages, function(message)
        emit(cro.tcp.Message { data = rot13(message.data) })
      end)
    end)
  end,
}

cro.run(cro.compose {
  cro.tcp.listener {
    host = os.getenv "HOST" or "127.0.0.1",
    port = tonumber(os.getenv "PORT" or 10000),
  },
  Rot13,
  label = "rot13",
})
