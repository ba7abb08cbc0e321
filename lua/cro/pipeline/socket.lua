--- How the connections of `cro.tcp` (and of anything that looks like them) take part in
--- a pipeline: their bytes as messages, and the sink that writes replies.
local component = require "cro.pipeline.component"
local faults = require "cro.pipeline.faults"
local types = require "cro.pipeline.types"

local socket = {}

--- The bytes that come in, as TCP messages. Who needs no more of them leaves the connection
--- open for what is to be written.
---@param connection any has `supply()`
---@return cro.Supply
function socket.incoming(connection)
  local message = types.tcp_message
  local supply = connection.input and connection:input() or connection:supply()
  return supply:map(function(data)
    return message { data = data, connection = connection }
  end)
end

local function written(connection, messages)
  local reactive = require "cro.reactive"
  return reactive.supply(function(block)
    block.whenever(messages, function(message)
      local data = types.bytes_of(message)
      if not data then error(faults.wrong_message("TCP Writer", types.tcp_message, message), 0) end
      reactive.await(connection:write(data))
    end)
  end)
end

--- Writes each message to its connection; a slow reader holds the pipeline back.
local Writer = component.sink {
  name = "TCP Writer",
  consumes = types.tcp_message,
  options = { connection = { "any", required = true } },
  sinker = function(self, messages) return written(self.connection, messages) end,
}

--- The sink that answers on a connection.
---@param connection any has `write(data)`, which returns a promise
---@return cro.Component
function socket.replier(connection) return Writer { connection = connection } end

--- Ends the connection, after what was written.
---@param connection any has `close()`
function socket.close(connection) connection:close() end

return socket
