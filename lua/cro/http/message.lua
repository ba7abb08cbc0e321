--- The types of HTTP messages, and the parts that read and write them.
---
--- Requests and responses are the core's; a script makes its own of them by calling
--- the type: `http.Response { request = request, status = 200 }`.
local component = require "cro.pipeline.component"
local core = require "cro.core"
local opts = require "cro.options"
local protocols = require "cro.http.protocols"
local settings = require "cro.http.settings"
local types = require "cro.pipeline.types"

local message = {}

local function describe_headers(lines, headers)
  for name, value in headers do
    lines[#lines + 1] = ("  %s: %s"):format(name, value)
  end
  return table.concat(lines, "\n")
end

local function describe_request(request)
  return describe_headers({
    "HTTP Request",
    ("  %s %s HTTP/%s"):format(request.method, request.target, request.version),
  }, request:headers())
end

local function describe_response(response)
  local lines = { "HTTP Response", ("  HTTP/%s %d"):format(response.request.version, response.status or 0) }
  if response.content_type then lines[3] = "  Content-Type: " .. response.content_type end
  return describe_headers(lines, response:headers())
end

local REQUEST = {
  method = { "string", default = "GET" },
  target = { "string", default = "/" },
  headers = "table",
  body = "string",
}

--- Adds headers given by name; a list of values appends one after the other.
local function append_all(box, headers)
  for name, value in pairs(headers or {}) do
    for _, each in ipairs(type(value) == "table" and value or { value }) do
      box:append_header(name, tostring(each))
    end
  end
end

local function new_request(given)
  local options = opts.check("http.Request", given, REQUEST)
  local request = core.request { method = options.method, target = options.target }
  append_all(request, options.headers)
  if options.body then request:set_body(options.body) end
  return request
end

local RESPONSE = {
  request = "any",
  status = { "integer", check = function(n) return n >= 100 and n <= 599, "100 to 599" end },
  content_type = "string",
  headers = "table",
  body = "string",
}

local function new_response(given)
  local options = opts.check("http.Response", given, RESPONSE)
  local response = core.response(options.request)
  if options.status then response.status = options.status end
  if options.content_type then response.content_type = options.content_type end
  append_all(response, options.headers)
  if options.body then response:set_body(options.body) end
  return response
end

--- A request that came in, or one that a script makes:
--- `http.Request { method = "GET", target = "/", headers = {}, body = "" }`.
message.Request = types.message { name = "http.Request", trace = describe_request, new = new_request }

--- An answer: `http.Response { request =, status =, content_type =, headers =, body = }`.
message.Response = types.message { name = "http.Response", trace = describe_response, new = new_response }

local tcp = types.tcp_message

local PARSER = { http = "any" }
for key, rule in pairs(settings.KEYS) do
  PARSER[key] = rule
end

--- Reads requests from the bytes of a connection: of HTTP/2 where the client has chosen
--- that in the handshake of TLS, else of HTTP/1.1; or of the version that `http` names:
--- "1.1", "2", or both in a list, which in the clear the client's first bytes choose from.
--- `limits`, `timeouts` and `h2` as for `http.server`.
message.request_parser = component.transform {
  name = "http.request_parser",
  consumes = tcp,
  produces = message.Request,
  options = PARSER,
  configure = function(self, options)
    self.http_settings = settings.check("http.request_parser", options)
    self.http_settings.http = options.http ~= nil and protocols.versions("http.request_parser", options.http) or nil
    self.drains, self.single = true, true
  end,
  native = function(self) return { kind = "http_request_parser", options = self.http_settings } end,
}

--- What the parser of a pipeline was told, for the serializer, which may come to life
--- before it.
local function settings_of_parser(run)
  for _, part in ipairs(run.parts or {}) do
    if part.http_settings then return part.http_settings end
  end
  return {}
end

--- Writes responses as bytes: with HTTP/1.1 in the order of their requests, with HTTP/2 in
--- any.
message.response_serializer = component.transform {
  name = "http.response_serializer",
  consumes = message.Response,
  produces = tcp,
  options = {},
  configure = function(self) self.closes, self.single = true, true end,
  native = function(_, run) return { kind = "http_response_serializer", options = settings_of_parser(run) } end,
}

return message
