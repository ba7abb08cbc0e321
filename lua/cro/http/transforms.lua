--- Transforms in the place of functions: as middleware, and behind a delegate.
---
--- There a transform is run once per request, on a supply of that one message. A
--- pipeline composed by hand runs it once per connection instead.
local component = require "cro.pipeline.component"
local core = require "cro.core"
local errors = require "cro.errors"
local message = require "cro.http.message"
local opts = require "cro.options"
local Supply = require "cro.supply"
local types = require "cro.pipeline.types"
require "cro.supply.basic"

local transforms = {}

--- The transform in what a script gave: a class, an instance, a composed list; or nil.
---@param value any
---@return cro.Component|nil
function transforms.instance(value)
  local part = (type(value) == "table") and component.instance(value) or nil
  if part and part.kind == "transform" then return part end
  return nil
end

--- Raises at the line of the script when a transform does not fit its place.
---@param where string
---@param part cro.Component
---@param consumes cro.MessageType
---@param produces cro.MessageType
function transforms.check_types(where, part, consumes, produces)
  if part.consumes == consumes and part.produces == produces then return end
  errors.misuse(("%s: %s consumes %s and produces %s; here a transform must consume %s and produce %s"):format(
    where, part.name, types.name_of(part.consumes), types.name_of(part.produces), consumes.name, produces.name))
end

--- The first message that comes out when this one goes in.
---@async
---@param part cro.Component
---@param value any
---@return any nil when nothing came out
function transforms.pass(part, value)
  local messages = Supply.from_list { value }
  return component.transformed(part, messages):head(1):await()
end

local function wrong_message(where, part, value, wanted)
  return errors.new("pipeline", ("%s: %s must emit %s, it emitted %s"):format(
    where, part.name, wanted, value == nil and "nothing" or core.kind(value) or opts.show(value)),
    { component = part.name })
end

--- Middleware for requests: what comes out is the request again, or a response, which
--- then is the answer.
---@param where string
---@param part cro.Component
---@return fun(c: cro.http.Context)
function transforms.before(where, part)
  transforms.check_types(where, part, message.Request, message.Request)
  return function(c)
    local value = transforms.pass(part, c.request)
    local kind = core.kind(value)
    if kind == "response" then return c:respond(value) end
    if kind ~= "request" then error(wrong_message(where, part, value, "a request or a response"), 0) end
    if value ~= c.request then
      error(wrong_message(where, part, value, "the request it was given, not another"), 0)
    end
  end
end

--- Middleware for responses: what comes out is sent.
---@param where string
---@param part cro.Component
---@return fun(c: cro.http.Context)
function transforms.after(where, part)
  transforms.check_types(where, part, message.Response, message.Response)
  return function(c)
    local value = transforms.pass(part, c.response)
    if core.kind(value) ~= "response" then error(wrong_message(where, part, value, "a response"), 0) end
    if value ~= c.response then c:respond(value) end
  end
end

--- A handler that lets a transform answer.
---@param where string
---@param part cro.Component
---@return fun(c: cro.http.Context)
function transforms.handler(where, part)
  transforms.check_types(where, part, message.Request, message.Response)
  return function(c)
    local value = transforms.pass(part, c.request)
    if core.kind(value) ~= "response" then error(wrong_message(where, part, value, "a response"), 0) end
    if value ~= c.response then c:respond(value) end
  end
end

return transforms
