--- HTTP for servers: messages, the server, the access log, parts for pipelines.
---
--- Routes are in `cro.http.router`, which is required on its own.
local body = require "cro.http.body"
local message = require "cro.http.message"
local server = require "cro.http.server"

local http = {
  Request = message.Request,
  Response = message.Response,
  request_parser = message.request_parser,
  response_serializer = message.response_serializer,
  parsers = { json = body.json_parser, text = body.text_parser, blob = body.blob_parser },
  serializers = { json = body.json_serializer },
}

--- Makes a service that serves an application; see cro.http.server.
---@param options table
---@return cro.Service
function http.server(options) return server.new(options) end

--- The access log is loaded when it is first named.
return setmetatable(http, {
  __index = function(_, name)
    if name ~= "log" then return nil end
    local log = require "cro.http.log"
    rawset(http, name, log)
    return log
  end,
})
