--- The options of TLS: what `cro.tls`, and `http.server { tls = ... }`, understand.
---
--- `check` looks at what a script wrote: keys, types, what goes together. Mistakes are
--- errors at its line and say what to do. `context` reads the files.
local errors = require "cro.errors"
local options = require "cro.options"

local tls_options = {}

---@alias cro.tls.Side "server"|"client"

--- A string without what C would take for its end.
local function text(wanted)
  return {
    "string", check = function(s) return s ~= "" and not s:find("\0", 1, true), wanted end,
  }
end

local function check_file(s)
  if s:find "[\r\n]" then return false, "the name of a file, not what is in it" end
  return s ~= "" and not s:find("\0", 1, true), "the name of a file"
end

local FILE = { "string", check = check_file }

--- A switch of libraries that may turn protection off; here it cannot be.
local function always(why)
  return { "boolean", check = function(on) return on, "true: " .. why end }
end

local function check_name(name)
  return #name > 0 and #name <= 253 and not name:find "[%z%s/]", "a host name or a numeric address"
end

local function check_seconds(n) return n > 0 and n <= 3600, "seconds above 0, at most 3600" end

--- A certificate with its key, as it stands by itself or beneath `sni`.
local IDENTITY = {
  certificate_file = FILE,
  private_key_file = FILE,
  pkcs12_file = FILE,
  password = { "string", check = function(s) return not s:find("\0", 1, true), "a password" end },
}

local COMMON = {
  ca_file = FILE,
  ca_path = text "the name of a directory",
  alpn = "table|string",
  min_version = { "string|number" },
  ciphers = text "a list of OpenSSL's names of ciphers",
  session_cache = "boolean",
  key_log_file = FILE,
  ssl_key_log_file = FILE,
  handshake_timeout = { "number", check = check_seconds },
  context = "table",
}

local SERVER = {
  ocsp_file = FILE,
  sni = "table",
  sni_strict = "boolean",
  client_ca_file = FILE,
  verify = { "any" },
  prefer_server_ciphers = always "the order of the server always counts",
  no_compression = always "records are never compressed",
  no_session_resumption_on_renegotiation = always "there is no renegotiation",
}

local CLIENT = {
  server_name = { "string", check = check_name },
  insecure_skip_verify = "boolean",
  insecure = "boolean",
}

local function merged(...)
  local all = {}
  for _, rules in ipairs { ... } do
    for key, rule in pairs(rules) do
      all[key] = rule
    end
  end
  return all
end

local IDENTITY_OF_NAME = merged(IDENTITY, { ocsp_file = FILE })

--- The rules for `cro.options` of each side, to be joined with those of a socket.
---@type table<cro.tls.Side, table>
tls_options.rules = {
  server = merged(COMMON, IDENTITY, SERVER),
  client = merged(COMMON, IDENTITY, CLIENT),
}

local function wrong(name, key, message)
  errors.misuse(("%s: option %q %s"):format(name, key, message))
end

--- What is the other side's business, and what is meant here.
local FOREIGN = {
  client = {
    verify = "is for servers, which may ask clients for a certificate; a client always verifies the server: "
      .. "name whom to trust with ca_file, or give insecure_skip_verify = true to trust anybody",
    client_ca_file = "is for servers; a client names whom it trusts with ca_file",
    sni = "is for servers; a client asks for a name with server_name",
    sni_strict = "is for servers; a client asks for a name with server_name",
    ocsp_file = "is for servers: the answer is stapled to their certificate",
    prefer_server_ciphers = "is for servers",
  },
  server = {
    insecure_skip_verify = "is for clients; a server asks nobody for a certificate unless verify says so",
    insecure = "is for clients; a server asks nobody for a certificate unless verify says so",
    server_name = "is for clients; certificates of several names are given in sni = { [name] = { ... } }",
  },
}

--- Words of other libraries.
local WORDS = {
  cert = "certificate_file", cert_file = "certificate_file", certificate = "certificate_file",
  certfile = "certificate_file", key = "private_key_file", keyfile = "private_key_file",
  key_file = "private_key_file", private_key = "private_key_file", ca = "ca_file", cafile = "ca_file",
  pfx = "pkcs12_file", passphrase = "password", pkcs12_password = "password",
  key_password = "password", private_key_password = "password",
  keylog_file = "key_log_file", servername = "server_name", server_hostname = "server_name",
  verify_mode = "verify", request_cert = "verify", rejectUnauthorized = "insecure_skip_verify",
  protocols = "alpn", alpn_protocols = "alpn", ALPNProtocols = "alpn",
}

--- Refuses what belongs to the other side, and names the word that is used here.
---@param name string of the function, for messages
---@param side cro.tls.Side
---@param given table
function tls_options.refuse_foreign(name, side, given)
  for key in pairs(given) do
    local why = FOREIGN[side][key]
    if why then wrong(name, key, why) end
    local word = WORDS[key]
    if word then errors.misuse(("%s: unknown option %q; it is called %s here"):format(name, key, word)) end
  end
end

--- Certificates ---------------------------------------------------------------------

local function check_identity(name, given)
  local cert, key, bundle = given.certificate_file, given.private_key_file, given.pkcs12_file
  if bundle and (cert or key) then
    wrong(name, "pkcs12_file", "holds certificate and key: give it, or certificate_file and private_key_file, not both")
  end
  if key and not cert then wrong(name, "private_key_file", "needs certificate_file, the certificate it belongs to") end
  if given.password and not (cert or bundle) then
    wrong(name, "password", "opens private_key_file or pkcs12_file: give one of them")
  end
  if given.ocsp_file and not (cert or bundle) then
    wrong(name, "ocsp_file", "is stapled to a certificate: give certificate_file")
  end
  return cert or bundle
end

local function identity(given, server_name)
  return {
    server_name = server_name,
    certificate_file = given.certificate_file,
    private_key_file = given.private_key_file,
    pkcs12_file = given.pkcs12_file,
    password = given.password,
    ocsp_file = given.ocsp_file,
  }
end

local function add_named(name, sni, list)
  local names = {}
  for server_name, one in pairs(sni) do
    local place = ("%s: option %q"):format(name, "sni")
    if type(server_name) ~= "string" or not check_name(server_name) then
      errors.misuse(('%s: a table { ["example.org"] = { certificate_file = ... } } expected, got %s in it'):format(
        place, options.show(server_name)))
    end
    place = ("%s: sni[%q]"):format(name, server_name)
    one = options.check(place, one, IDENTITY_OF_NAME)
    if not check_identity(place, one) then
      errors.misuse(place .. ': option "certificate_file" is required (the name of a file), or pkcs12_file')
    end
    names[#names + 1] = server_name
  end
  table.sort(names)
  for _, server_name in ipairs(names) do
    list[#list + 1] = identity(sni[server_name], server_name)
  end
end

--- What else may have been meant.
local CONTEXT = { ["cro.tls.context"] = '; side = "client" makes a context of clients, which need none' }

local function identities(name, side, given)
  local list = {}
  local own = check_identity(name, given)
  if own then list[1] = identity(given) end
  if given.sni then add_named(name, given.sni, list) end
  if side == "client" or own then return list end
  if #list == 0 then
    errors.misuse(('%s: option "certificate_file" is required (the name of a file), or pkcs12_file; '
      .. "crolua dev-cert makes a certificate for development%s"):format(name, CONTEXT[name] or ""))
  end
  if not given.sni_strict then
    errors.misuse(('%s: option "certificate_file" is required (the name of a file): it is shown to clients '
      .. "that ask for no name of sni; or give sni_strict = true, which refuses them"):format(name))
  end
  return list
end

--- The rest -------------------------------------------------------------------------

local VERSIONS = { ["1.2"] = 12, ["1.3"] = 13, ["TLSv1.2"] = 12, ["TLSv1.3"] = 13 }

local function version(name, given)
  if given == nil then return nil end
  local number = VERSIONS[tostring(given)]
  if number then return number end
  errors.misuse(('%s: option "min_version": expected "1.2" or "1.3", got %s; older ones are not safe and not there')
    :format(name, options.show(given)))
end

local function protocols(name, given)
  if given == nil then return nil end
  if type(given) == "string" then given = { given } end
  local list, seen, bytes = {}, {}, 0
  for i, protocol in ipairs(given) do
    if type(protocol) ~= "string" or #protocol < 1 or #protocol > 255 then
      wrong(name, "alpn", ("is a list of names of 1 to 255 bytes, got %s in it"):format(options.show(protocol)))
    end
    if seen[protocol] then wrong(name, "alpn", ("names %q twice"):format(protocol)) end
    seen[protocol], list[i], bytes = true, protocol, bytes + #protocol + 1
  end
  local keys = 0
  for _ in pairs(given) do
    keys = keys + 1
  end
  if keys ~= #list then wrong(name, "alpn", 'is a list such as { "h2", "http/1.1" }') end
  if bytes > 65535 then wrong(name, "alpn", "is longer than the protocol allows, 65535 bytes in all") end
  return list
end

local VERIFY = { none = true, optional = true, require = true }

local function check_verify(name, given)
  local verify = given.verify
  local trust = given.client_ca_file or given.ca_file or given.ca_path
  if given.client_ca_file and given.ca_file then
    wrong(name, "client_ca_file", "says whom to trust, and so does ca_file: give one of them")
  end
  if given.client_ca_file and verify == nil then
    wrong(name, "client_ca_file", 'is looked at when clients are asked for a certificate: add verify = "require", '
      .. 'or "optional"')
  end
  if verify == nil then return end
  if not VERIFY[verify] then
    errors.misuse(('%s: option "verify": expected "none", "optional" or "require", got %s'):format(
      name, options.show(verify)))
  end
  if verify ~= "none" and not trust then
    wrong(name, "verify", ("= %q needs client_ca_file: who signs the certificates of clients"):format(verify))
  end
end

local function either(name, given, word, alias)
  if given[word] ~= nil and given[alias] ~= nil then
    wrong(name, alias, ("is another name of %s: give one of them"):format(word))
  end
  if given[word] ~= nil then return given[word] end
  return given[alias]
end

--- Options that say nothing about a context, and may stand beside one.
local BESIDE = { context = true, handshake_timeout = true, server_name = true }

local function check_context(name, side, given)
  local context = given.context
  if not tls_options.is_context(context) then
    wrong(name, "context", "is what cro.tls.context { ... } makes, got " .. options.show(context))
  end
  if context.side ~= side then
    wrong(name, "context", ("was made for a %s: cro.tls.context { side = %q, ... } makes one for a %s"):format(
      context.side, side, side))
  end
  for key in pairs(tls_options.rules[side]) do
    if given[key] ~= nil and not BESIDE[key] then
      wrong(name, key, "belongs into the context: give it to cro.tls.context { ... }")
    end
  end
end

---@class cro.tls.Checked what a script wants, checked; nothing has been read yet
---@field side cro.tls.Side
---@field name string of the function, for messages
---@field native cro.core.TlsOptions|nil for the core; nil with a context
---@field context cro.tls.Context|nil that was made before
---@field handshake_timeout number|nil seconds
---@field server_name string|nil
---@field insecure boolean

--- The second half of `check`: of options whose keys and types are right already.
---@param name string
---@param side cro.tls.Side
---@param given table may hold other options, of a socket
---@return cro.tls.Checked
function tls_options.finish(name, side, given)
  local checked = { side = side, name = name, context = given.context, server_name = given.server_name }
  checked.handshake_timeout = given.handshake_timeout
  checked.insecure = either(name, given, "insecure_skip_verify", "insecure") or false
  if given.context ~= nil then
    check_context(name, side, given)
    return checked
  end
  if side == "server" then check_verify(name, given) end
  local native = { server = side == "server", identities = identities(name, side, given) }
  native.ca_file = given.client_ca_file or given.ca_file
  native.ca_path = given.ca_path
  native.verify = checked.insecure and "none" or given.verify
  native.alpn = protocols(name, given.alpn)
  native.min_version = version(name, given.min_version)
  native.ciphers = given.ciphers
  native.key_log_file = either(name, given, "key_log_file", "ssl_key_log_file")
  native.sni_strict = given.sni_strict
  native.no_sessions = given.session_cache == false or nil
  checked.native = native
  return checked
end

--- Is this what `cro.tls.context` makes?
---@param value any
---@return boolean
function tls_options.is_context(value)
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__name == "cro.tls.Context"
end

--- Checks one table of TLS options, as in `http.server { tls = { ... } }`; or takes a
--- context that was made before. Mistakes are errors at the caller's line.
---@param name string whose options they are, for messages: "http.server: tls"
---@param given table|cro.tls.Context
---@param side cro.tls.Side|nil default "server"
---@return cro.tls.Checked
function tls_options.check(name, given, side)
  side = side or "server"
  if tls_options.is_context(given) then return tls_options.finish(name, side, { context = given }) end
  if type(given) == "table" then tls_options.refuse_foreign(name, side, given) end
  if given == nil then given = {} end
  return tls_options.finish(name, side, options.check(name, given, tls_options.rules[side]))
end

--- Reads what the options name, or takes the context that stands among them. Its `box` is
--- what the core takes as `tls`.
---@param checked cro.tls.Checked
---@param defaults { alpn: string[]|nil }|nil what holds where the script has said nothing
---@return cro.tls.Context|nil
---@return cro.Error|nil why not: which file, and what is wrong with it
function tls_options.context(checked, defaults)
  return require("cro.tls.context").of(checked, defaults)
end

return tls_options
