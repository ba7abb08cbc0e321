--- Bodies of messages: from bytes to values and back, chosen by media type.
---
--- A parser is `{ is_applicable(request), parse(text, request) }`, a serializer
--- `{ is_applicable(value, media_type), serialize(value, media_type) }`; the first one
--- of a list that applies is used. What a peer got wrong is an error with the status to
--- refuse it with, so a handler that does not care need not.
local core = require "cro.core"
local errors = require "cro.errors"
local json = require "cro.json"
local media = require "cro.http.media"
local opts = require "cro.options"
local Promise = require "cro.promise"
local status = require "cro.http.status"
local Supply = require "cro.supply"
local text = require "cro.http.text"

local body = {}

--- What a body that is no JSON breaks its promise with.
---@package
---@param err cro.Error
---@return cro.Error
function body.malformed_json(err) return status.refusal(400, "a body that is no JSON", err) end

local function parse_json(bytes, _, depth)
  local value, err = json.try_decode(bytes, depth)
  if err then error(body.malformed_json(err), 0) end
  return value
end

local function charset_of(request)
  local parsed, reason = media.of(request)
  if reason then error(status.refusal(415, "a Content-Type that cannot be read: " .. reason), 0) end
  return parsed and parsed.parameters.charset
end

local function is_json(request) return media.is_json((media.of(request))) end

local function is_text(request)
  local parsed = media.of(request)
  return parsed ~= nil and parsed.type == "text"
end

local function always() return true end

local function as_it_is(bytes) return bytes end

--- Parses what is application/json or ends in +json.
body.json_parser = { name = "json", is_applicable = is_json, parse = parse_json }
--- Text of any type, as UTF-8 whatever its charset was.
body.text_parser = {
  name = "text",
  is_applicable = is_text,
  parse = function(bytes, request) return text.decode(bytes, charset_of(request)) end,
}
--- Bytes as they are, whatever their type.
body.blob_parser = { name = "blob", is_applicable = always, parse = as_it_is }

--- What `c:body()` tries when nothing else is said.
body.parsers = { body.json_parser, body.text_parser, body.blob_parser }

local function is_json_type(media_type)
  if media_type == nil then return true end
  return media.is_json((core.media_parse(media_type)))
end

--- Makes JSON of a table, when no media type was named or one of JSON.
body.json_serializer = {
  name = "json",
  is_applicable = function(value, media_type) return type(value) == "table" and is_json_type(media_type) end,
  serialize = function(value, media_type) return core.json_encode(value), media_type or "application/json" end,
}

--- What turns a value that is no string into the body of an answer.
body.serializers = { body.json_serializer }

local function settle(promise, bytes, err)
  if bytes then return Promise.settle_kept(promise, bytes) end
  return Promise.settle_broken(promise, err)
end

--- A promise of the whole body as bytes; the same one each time.
---@param request any
---@param limit integer|nil bytes; nil: limits.body_bytes of the server
---@return cro.Promise
function body.blob(request, limit)
  local collected = request.collected
  if collected then return collected end
  local promise = Promise.made()
  request.collected = promise
  local bytes, err = request:collect(limit, function(late, failed) settle(promise, late, failed) end)
  if bytes ~= false then settle(promise, bytes, err) end
  return promise
end

local function applied(bytes, request, f)
  local ok, value = xpcall(f, errors.trace, bytes, request)
  if ok then return Promise.kept(value) end
  if errors.is_unwinding(value) then error(value, 0) end
  return Promise.broken(value)
end

--- A promise of f(bytes, request): at once when the bytes are there, as they mostly are,
--- so that nothing waits for a turn and no promise is made for the bytes alone.
local function mapped(request, limit, f)
  if not request.collected then
    local bytes, err = request:collect(limit)
    if bytes then return applied(bytes, request, f) end
    if err then return Promise.broken(err) end
  end
  local promise = body.blob(request, limit)
  if promise:status() ~= "kept" then return promise:and_then(function(bytes) return f(bytes, request) end) end
  return applied(promise:result(), request, f)
end

--- A promise of the whole body as text in UTF-8.
---@param request any
---@param limit integer|nil
---@return cro.Promise
function body.text(request, limit)
  return mapped(request, limit, function(bytes) return text.decode(bytes, charset_of(request)) end)
end

local function parse(bytes, request, parsers, depth)
  local _, reason = media.of(request)
  if reason then error(status.refusal(415, "a Content-Type that cannot be read: " .. reason), 0) end
  for i = 1, #parsers do
    local parser = parsers[i]
    if parser.is_applicable(request) then
      local value = parser.parse(bytes, request, depth)
      if getmetatable(value) == Promise then return value:await() end
      return value
    end
  end
  error(status.refusal(400, "No applicable body parser could be found for this message"), 0)
end

--- A promise of the body as the first applicable parser makes it.
---@param request any
---@param limit integer|nil
---@param parsers table[]|nil
---@param depth integer|nil how deep JSON may be nested; default 128
---@return cro.Promise
function body.value(request, limit, parsers, depth)
  return mapped(request, limit, function(bytes) return parse(bytes, request, parsers or body.parsers, depth) end)
end

--- The supply of a body as it arrives. It can be tapped once, and not be collected too.
---@param request any
---@return cro.Supply
function body.stream(request)
  local function open(sink)
    local closed = false
    request:stream(function(kind, value)
      if closed then return end
      if kind == "value" then return sink:value(value) end
      if kind == "done" then return sink:done() end
      return sink:quit(value)
    end)
    return function() closed = true end
  end
  return Supply.from_source { name = "request body", open = open }
end

--- The bytes for a value, and their media type.
---@param c cro.http.Context
---@param media_type string|nil
---@param value any
---@return string bytes
---@return string|nil media_type
function body.serialize(c, media_type, value)
  for _, serializer in ipairs(c.body_serializers or body.serializers) do
    if serializer.is_applicable(value, media_type) then
      local bytes, its_type = serializer.serialize(value, media_type)
      return bytes, its_type or media_type
    end
  end
  error(errors.new("serializer", ("no applicable body serializer for %s as %s in the answer to %s %s"):format(
    opts.show(value), media_type or "no media type", c.method, c.target)), 0)
end

return body
