--- Bodies that come from a supply: streams, and server-sent events.
---
--- The head goes out when the handler and all middleware have returned; then the supply
--- is tapped on the request's own fiber. A peer that reads slowly holds the supply
--- back, one that is gone closes it. Nothing is tapped for a HEAD request.
local core = require "cro.core"
local errors = require "cro.errors"
local opts = require "cro.options"
local Promise = require "cro.promise"
local reactive = require "cro.reactive"
local Supply = require "cro.supply"

local react, whenever, done = reactive.react, reactive.whenever, reactive.done

local stream = {}

--- Waits until more can be written; raises when the peer is gone.
---@async
local function drained(response)
  local promise = Promise.made()
  response:on_drain(function(failed)
    if failed then return Promise.settle_broken(promise, failed) end
    return Promise.settle_kept(promise)
  end)
  promise:await()
end

--- Writes one chunk; returns when the next may be written.
---@async
local function write(response, chunk)
  local ok, err = response:write(chunk)
  if ok then return end
  if ok == nil then error(err, 0) end
  drained(response)
end

local function has_no_body(c)
  local code = c.response.status
  return c.method == "HEAD" or code == 204 or code == 304
end

--- Sends the head, then what `feed(response)` writes.
local function run(c, feed)
  local response = c.response
  response:start_stream()
  if not response:begun() then drained(response) end
  if not has_no_body(c) then feed(response) end
  response:finish()
end

local function prepare(c, media_type, feed)
  local response = c.response
  response.content_type = media_type
  if not c.done then response.status = 200 end
  response:after_handler(function(context) return run(context, feed) end)
end

local function check_chunk(value)
  if type(value) == "string" then return value end
  error(errors.new("stream", "c:stream: a chunk of a body must be a string, got " .. opts.show(value)), 0)
end

--- What c:stream does.
---@param c cro.http.Context
---@param media_type string
---@param source any a supply of strings, or anything with one
function stream.start(c, media_type, source)
  local supply = Supply.from(source, "c:stream")
  prepare(c, media_type, function(response)
    react(function()
      whenever(supply, function(value)
        local chunk = check_chunk(value)
        if chunk ~= "" then write(response, chunk) end
      end)
    end)
  end)
end

local function one_line(field, value)
  local line = tostring(value)
  if line:find "[\r\n%z]" then
    error(errors.new("stream", ("c:sse: the field %q of an event cannot have a line end"):format(field)), 0)
  end
  return ("%s: %s\n"):format(field, line)
end

local function data_lines(value)
  local data = type(value) == "table" and core.json_encode(value) or tostring(value)
  data = data:gsub("\r\n?", "\n")
  return (("data: " .. data:gsub("\n", "\ndata: ")) .. "\n")
end

local EVENT = { data = "any", event = "string", id = "string|number", retry = "number" }

--- One event as the bytes of text/event-stream. A string is its data; a table has
--- `data` (a string, or a table sent as JSON), `event`, `id` and `retry` in seconds.
---@param event string|table
---@return string
function stream.event(event)
  if type(event) == "string" or type(event) == "number" then return data_lines(event) .. "\n" end
  local fields = opts.check("c:sse: event", event, EVENT)
  local parts = {}
  if fields.event then parts[#parts + 1] = one_line("event", fields.event) end
  if fields.id then parts[#parts + 1] = one_line("id", fields.id) end
  if fields.retry then parts[#parts + 1] = ("retry: %d\n"):format(fields.retry * 1000) end
  if fields.data ~= nil then parts[#parts + 1] = data_lines(fields.data) end
  return table.concat(parts) .. "\n"
end

local function feed_events(response, supply, heartbeat)
  react(function()
    whenever(supply, function(event) write(response, stream.event(event)) end):last(done)
    whenever(Supply.interval(heartbeat, heartbeat), function() write(response, ":\n\n") end)
  end)
end

local SSE = { heartbeat = { "number", default = 15, check = function(n) return n > 0, "seconds above 0" end } }

--- What c:sse does.
---@param c cro.http.Context
---@param source any a supply of strings or event tables, or anything with one
---@param given { heartbeat: number|nil }|nil
function stream.events(c, source, given)
  local supply = Supply.from(source, "c:sse")
  local options = opts.check("c:sse", given, SSE)
  if not c.response:header "cache-control" then c:set_header("Cache-Control", "no-cache") end
  prepare(c, "text/event-stream", function(response) feed_events(response, supply, options.heartbeat) end)
end

return stream
