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

--- Composes parts into one (a source, transform, sink or connector), or into a service
--- when they begin with a source and end in a sink. Raises an error of kind "compose" that
--- shows the parts when they do not fit. Nothing runs yet.
---@param given table parts in order; `label`, `trace`, `for_connection`, `service_type`
---@return cro.Component|cro.Service
function pipeline.compose(given) return require("cro.pipeline.compose").compose(given) end

--- Makes a part that is chosen when a connection is made.
---@param given table rows `{ predicate, part or parts }` in order, and `default`
---@return cro.Conditional
function pipeline.conditional(given) return require("cro.pipeline.conditional").new(given) end

return pipeline
