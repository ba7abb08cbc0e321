---@meta cro.core
--- TLS as C gives it to Lua; cro.tls is made of it.
---@class cro.core
local core = {}

---@class cro.core.TlsIdentity
---@field server_name string|nil the name it is for; nil: what the certificate says
---@field certificate_file string|nil
---@field private_key_file string|nil
---@field pkcs12_file string|nil
---@field password string|nil
---@field ocsp_file string|nil

---@class cro.core.TlsOptions
---@field server boolean
---@field identities cro.core.TlsIdentity[] the first is shown unless another name is asked for
---@field ca_file string|nil
---@field ca_path string|nil
---@field verify "none"|"optional"|"require"|nil servers: none; clients: require
---@field alpn string[]|nil
---@field min_version 12|13|nil 12
---@field ciphers string|nil
---@field key_log_file string|nil
---@field sni_strict boolean|nil
---@field no_sessions boolean|nil

--- Reads and checks certificates, keys and whom to trust: a context, or nil and an error
--- that names the file. Listeners and connections take it as `tls`, with
--- `handshake_timeout` (seconds, 10) and, to connect, `server_name` (the host).
---@param options cro.core.TlsOptions
---@return cro.core.TlsContext|nil
---@return cro.Error|nil
function core.tls_context(options) end

--- Has a connection go on as TLS; `fn` gets nothing when the handshake is over, or why it
--- failed. Nil and why when it cannot begin: kind "protocol" when bytes have come that
--- nobody has read.
---@param connection cro.core.Connection
---@param context cro.core.TlsContext
---@param server boolean shows a certificate
---@param name string whose certificate is expected; "" of a server
---@param seconds number for the handshake
---@param fn fun(err: cro.Error|nil)
---@return boolean|nil
---@return cro.Error|nil
function core.tls_wrap(connection, context, server, name, seconds, fn) end

---@class cro.core.TlsDev
---@field ca_file string the authority: it is made when neither of these is there
---@field ca_key_file string
---@field certificate_file string what it signs
---@field private_key_file string
---@field names string[] hosts and addresses
---@field days integer|nil 1 to 825, the default
---@field client boolean|nil to be shown by clients, too

--- Makes a certificate for development: is its authority new? Nil and why not.
---@param options cro.core.TlsDev
---@return boolean|nil
---@return cro.Error|nil
function core.tls_dev_certificate(options) end

--- What the certificate that is there is good for; nil and why that cannot be said: kind
--- "not_found".
---@param options cro.core.TlsDev
---@return { covers: boolean, ours: boolean, good_until: number }|nil
---@return cro.Error|nil
function core.tls_dev_look(options) end

---@class cro.core.TlsContext
local tls_context = {}

--- Reads all files again: true; or nil and why not, and everything is as it was.
---@return boolean|nil
---@return cro.Error|nil
function tls_context:reload() end

--- Is a file another than the one that was read?
---@return boolean
function tls_context:changed() end

--- What its owner should know although it works: a certificate that has expired, ... Nil
--- for nothing.
---@return string|nil
function tls_context:warning() end

---@class cro.core.Connection
local connection = {}

--- What was agreed on: version, cipher, alpn, server_name, resumed, verified; also when it
--- has closed. Nil without TLS.
---@return table|nil
function connection:tls_info() end

--- What the peer's certificate says: subject, issuer, common_name, serial, fingerprint,
--- names (a list), pem, not_before, not_after; also when the connection has closed. Nil and why not:
--- kind "not_found" when it has shown none.
---@return table|nil
---@return cro.Error|nil
function connection:tls_peer() end
