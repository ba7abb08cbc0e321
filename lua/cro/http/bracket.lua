--- Middleware round an application that is a transform.
---
--- One transform per connection that holds the application's own: requests pass the
--- `before` stages into it, what it answers passes the `after` stages on the way out.
--- A request that a stage answers never reaches the application.
local component = require "cro.pipeline.component"
local core = require "cro.core"
local message = require "cro.http.message"
local middleware = require "cro.http.router.middleware"
local reactive = require "cro.reactive"

local bracket = {}

local function flow(part, stages, requests)
  local whenever, emit = reactive.whenever, reactive.emit
  local inside = reactive.Supplier.new { policy = "wait" }
  local befores, afters = middleware.halves(stages)
  return reactive.supply(function()
    whenever(component.transformed(part, inside:supply()), function(response)
      afters(core.context(response.request), 0)
      emit(response)
    end)
    whenever(requests, function(request)
      local c = core.context(request)
      local answered = befores(c)
      if answered == 0 then return inside:emit(request) end
      afters(c, answered)
      emit(c.response)
    end):last(function() inside:done() end)
  end)
end

--- The application with its middleware, as one part of a pipeline.
---@param part cro.Component
---@param stages cro.http.Stage[]
---@return cro.Component
function bracket.around(part, stages)
  return component.transform {
    name = part.name .. " with middleware",
    consumes = message.Request,
    produces = message.Response,
    transformer = function(_, requests) return flow(part, stages, requests) end,
  }
end

return bracket
