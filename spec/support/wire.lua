--- A raw HTTP client over cro.tcp, for specs that run in crolua: bytes out, bytes back.
local cro = require "cro"

local wire = {}

--- Sends bytes and returns everything that comes until the server closes.
---@async
---@param port integer
---@param bytes string
---@return string
function wire.exchange(port, bytes)
  local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
  local parts = {}
  cro.await(conn:write(bytes))
  cro.react(function()
    cro.whenever(conn, function(chunk) parts[#parts + 1] = chunk end)
  end)
  conn:close()
  return table.concat(parts)
end

--- The bytes of a request that asks for the connection to be closed.
---@param method string
---@param target string
---@param headers table<string, string>|nil
---@param body string|nil
---@return string
function wire.request(method, target, headers, body)
  local lines = { ("%s %s HTTP/1.1"):format(method, target), "Host: localhost", "Connection: close" }
  for name, value in pairs(headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if body then lines[#lines + 1] = "Content-Length: " .. #body end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

local function dechunk(text)
  local parts = {}
  local at = 1
  while true do
    local size, from = text:match("^(%x+)[^\r\n]*\r\n()", at)
    local length = tonumber(size or "0", 16)
    if length == 0 then return table.concat(parts) end
    parts[#parts + 1] = text:sub(from, from + length - 1)
    at = from + length + 2
  end
end

--- Takes one answer apart.
---@param text string
---@return { status: integer, headers: table<string, string>, body: string }
function wire.parse(text)
  local head, body = text:match "^(.-)\r\n\r\n(.*)$"
  assert(head, "no complete answer: " .. text)
  local answer = { status = tonumber(head:match "^HTTP/1.1 (%d%d%d)"), headers = {}, body = body }
  for name, value in head:gmatch "\r\n([^:]+): ([^\r\n]*)" do
    answer.headers[name:lower()] = value
  end
  if answer.headers["transfer-encoding"] == "chunked" then answer.body = dechunk(body) end
  return answer
end

--- Asks a started service once.
---@async
---@param service cro.Service
---@param method string
---@param target string
---@param headers table<string, string>|nil
---@param body string|nil
---@return { status: integer, headers: table<string, string>, body: string }
function wire.ask(service, method, target, headers, body)
  local _, port = service:address()
  return wire.parse(wire.exchange(port, wire.request(method, target, headers, body)))
end

return wire
