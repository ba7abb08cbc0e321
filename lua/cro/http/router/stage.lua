--- Whatever may stand as middleware, as a function of the context.
local errors = require "cro.errors"
local opts = require "cro.options"
local transforms = require "cro.http.transforms"

local stage = {}

local AS_TRANSFORM = { before = transforms.before, after = transforms.after }

--- A function is itself. A transform is run per request, unless it brings a function
--- for this use, as the access log does.
---@param function_name string
---@param phase "before"|"after"
---@param value any
---@return fun(c: cro.http.Context)
function stage.of(function_name, phase, value)
  if type(value) == "function" then return value end
  local part = transforms.instance(value)
  if part then
    if part[phase] then return part[phase](part) end
    return AS_TRANSFORM[phase](function_name, part)
  end
  errors.misuse(("%s: expected a function of the context or a transform, got %s"):format(
    function_name, opts.show(value)))
end

--- Several of them as stages; one may stand without a list round it.
---@param function_name string
---@param phase "before"|"after"
---@param values any
---@return cro.http.Stage[]
function stage.list(function_name, phase, values)
  if values == nil then return {} end
  if type(values) ~= "table" or transforms.instance(values) then values = { values } end
  local list = {}
  for i, value in ipairs(values) do
    list[i] = { phase = phase, run = stage.of(function_name, phase, value) }
  end
  return list
end

return stage
