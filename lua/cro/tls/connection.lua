--- Connections under TLS: those of cro.connection that know what was agreed on.
local connections = require "cro.connection"

local tls_connections = {}

--- What was agreed on in the handshake; also when the connection has closed.
---@class cro.tls.Info
---@field version string "TLSv1.2" or "TLSv1.3"
---@field cipher string OpenSSL's name
---@field alpn string|nil the protocol both sides have agreed on
---@field server_name string|nil the name the client has asked for
---@field resumed boolean a session of before goes on
---@field verified boolean the peer has shown a certificate, and it is trusted
---@field peer cro.tls.Peer|nil of its certificate; nil when it has shown none

---@class cro.tls.Peer
---@field subject string "CN=alice,O=Example"
---@field issuer string
---@field common_name string|nil control characters in it as "\00"
---@field serial string hexadecimal
---@field fingerprint string SHA-256, hexadecimal
---@field names string[] whom it is for (subjectAltName): "DNS:a.example", "IP:127.0.0.1", "email:...", "URI:..."; empty
--- when it does not say. Bytes that are in no name stand there as "\00"
---@field not_before number seconds since 1970
---@field not_after number
---@field pem string

--- The boxes of those who have not been asked for their peer: it is read when it is asked for.
local boxes = setmetatable({}, { __mode = "k" })

local Info = {
  __name = "cro.tls.Info",
  __index = function(self, key)
    local box = key == "peer" and boxes[self]
    if not box then return nil end
    local peer = box:tls_peer()
    boxes[self] = nil
    rawset(self, "peer", peer)
    return peer
  end,
}

--- Makes what the connection of a box tells of TLS part of it.
---@param connection cro.Connection
---@return cro.Connection connection
function tls_connections.inform(connection)
  local info = connection.box:tls_info() or {}
  boxes[info] = connection.box
  connection.tls = setmetatable(info, Info)
  connection.alpn_result = info.alpn
  return connection
end

--- What makes connections of boxes of the core.
---@param path string|nil of a socket of the unix family
---@return fun(box: userdata): cro.Connection
function tls_connections.wrapping(path)
  local name = path and "TLS connection " .. path or "TLS connection"
  return function(box)
    local connection = tls_connections.inform(connections.wrap(box, name))
    connection.path = path
    return connection
  end
end

return tls_connections
