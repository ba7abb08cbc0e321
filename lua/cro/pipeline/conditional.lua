--- Conditional parts: which transform it is, is decided when a connection is made.
---
--- The predicates look at the connected transform (for instance at the protocol that was
--- agreed on). All alternatives consume and produce the same types, so that a pipeline
--- can be checked before there is a connection.
local component = require "cro.pipeline.component"
local faults = require "cro.pipeline.faults"
local types = require "cro.pipeline.types"
local options = require "cro.options"

---@class cro.Conditional: cro.Component
---@field alternatives { test: fun(connected: any): any, part: table }[]
---@field fallback table
local Conditional = {}
local meta = component.metatable(Conditional)

local function raise(code, text, cure, fields)
  faults.raise(code, text, { cure = cure, fields = fields })
end

local function check_transform(given, chain, index)
  local part = component.instance(given)
  if not part or part.kind ~= "transform" then
    raise("TransformOnly", ("Alternatives of a conditional must be transforms or lists of them, but got %s"):format(
      faults.describe_part(part or given)), "only transforms can be chosen between", { got = part or given })
  end
  chain[index] = part
  if not types.is_type(part.consumes) then faults.bad_consumer(chain, index) end
  if not types.is_type(part.produces) then faults.bad_producer(chain, index) end
  if index > 1 and chain[index - 1].produces ~= part.consumes then faults.mismatch(chain, index) end
end

local function is_list(value)
  return type(value) == "table" and getmetatable(value) == nil and #value > 0
end

local function alternative(given)
  local chain = {}
  for i, part in ipairs(is_list(given) and given or { given }) do
    check_transform(part, chain, i)
  end
  if #chain == 0 then check_transform(given, chain, 1) end
  if #chain == 1 then return chain[1] end
  return require("cro.pipeline.composite").transform(chain, { for_connection = true })
end

local function check_compatible(first, other)
  if first.consumes == other.consumes and first.produces == other.produces then return end
  local function shape(part)
    return types.name_of(part.consumes) .. " to " .. types.name_of(part.produces)
  end
  local text = ("Alternatives of a conditional must consume and produce the same types, but saw %s and %s"):format(
    shape(first), shape(other))
  raise("Incompatible", text, ("change %s or %s"):format(first.name, other.name), { first = first, other = other })
end

local function check_pair(pair, index)
  if type(pair) ~= "table" or type(pair[1]) ~= "function" or pair[2] == nil then
    require("cro.errors").misuse(("cro.conditional: alternative %d: expected { predicate, transform }, got %s"):format(
      index, options.show(pair)))
  end
end

local function is_part(value) return component.is_class(value) or component.instance(value) ~= nil end

local function gather(given)
  local alternatives = {}
  for i, pair in ipairs(given) do
    if is_part(pair) or is_list(pair) and is_part(pair[1]) then
      raise("MultipleDefaults", ("Alternative %d of a conditional has no condition; there is one default"):format(i),
        "write { predicate, transform } for alternatives and default = transform for the rest")
    end
    check_pair(pair, i)
    alternatives[i] = { test = pair[1], part = alternative(pair[2]) }
  end
  return alternatives
end

local function check_keys(given)
  options.argument("cro.conditional", 1, given, "table")
  local named = {}
  for key, value in pairs(given) do
    if type(key) ~= "number" then named[key] = value end
  end
  options.check("cro.conditional", named, { default = "any" })
end

local conditional = {}

--- Makes a conditional part: `{ { predicate, part }, ..., default = part }`.
---
--- The predicates get the connected transform; the first that answers true decides, else
--- the default. A part is a transform or a list of transforms.
---@param given table
---@return cro.Conditional
function conditional.new(given)
  check_keys(given)
  if #given == 0 and given.default == nil then
    raise("NoAlternatives", "A conditional needs at least a default", "write cro.conditional { default = transform }")
  end
  local alternatives = gather(given)
  if given.default == nil then
    raise("NoDefault", "A conditional needs a default, not just conditions", "add default = transform")
  end
  local fallback = alternative(given.default)
  for _, each in ipairs(alternatives) do
    check_compatible(fallback, each.part)
  end
  return setmetatable({
    kind = "conditional", name = "conditional", consumes = fallback.consumes, produces = fallback.produces,
    alternatives = alternatives, fallback = fallback,
  }, meta)
end

--- The part for a connection.
---@param connected any what the connector made
---@return table
function Conditional:select(connected)
  for _, each in ipairs(self.alternatives) do
    if each.test(connected) then return each.part end
  end
  return self.fallback
end

return conditional
