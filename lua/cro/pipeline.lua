--- Pipelines: typed messages that flow through composed parts.
---
--- The surface of `cro/pipeline/*`; scripts find all of it in `require "cro"`.
local component = require "cro.pipeline.component"
local types = require "cro.pipeline.types"

local pipeline = {
  message = types.message,
  connection_type = types.connection,
  transform = component.transform,
  source = component.source,
  sink = component.sink,
  connector = component.connector,
  map = component.map,
}

--- Composes parts into one, or into a service.
---@param given table
---@return table
function pipeline.compose(given) return require("cro.pipeline.compose").compose(given) end

--- Makes a part that is chosen when a connection is made.
---@param given table
---@return cro.Conditional
function pipeline.conditional(given) return require("cro.pipeline.conditional").new(given) end

return pipeline
