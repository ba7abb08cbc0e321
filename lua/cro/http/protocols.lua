--- Which versions of HTTP a server speaks, and over what: the options `http` and `tls` of
--- `http.server`.
---
--- Over TLS the client chooses by ALPN, and without ALPN speaks HTTP/1.1. In the clear it
--- is HTTP/1.1; HTTP/2 only for clients that know beforehand, and only when asked for.
local errors = require "cro.errors"
local opts = require "cro.options"

local protocols = {}

--- The options, as they stand in a specification.
protocols.KEYS = { tls = "any", ssl = "any", http = "any" }

--- What a client says for each version; in the order a server prefers.
local VERSIONS = { { "2", "h2" }, { "1.1", "http/1.1" } }

local function wrong_version(name, value)
  errors.misuse(('%s: option "http": expected "1.1", "2" or { "1.1", "2" }, got %s'):format(name, opts.show(value)))
end

--- The set of versions that `http` names.
local function versions_of(name, given)
  local set, count = {}, 0
  if type(given) ~= "table" then given = { given } end
  for key, version in pairs(given) do
    if type(key) ~= "number" or version ~= "1.1" and version ~= "2" then wrong_version(name, version) end
    set[version], count = true, count + 1
  end
  if count == 0 then wrong_version(name, given) end
  return set
end

local function name_of(set) return (set["1.1"] and "1" or "") .. (set["2"] and "2" or "") end

--- The versions that an option `http` names.
---@param name string whose option it is
---@param given string|string[] "1.1", "2" or both
---@return string versions "1", "2" or "12"
function protocols.versions(name, given) return name_of(versions_of(name, given)) end

local function alpn_of(set)
  local list = {}
  for _, row in ipairs(VERSIONS) do
    if set[row[1]] then list[#list + 1] = row[2] end
  end
  return list
end

--- The versions among the protocols that a context offers already.
local function set_of_alpn(name, alpn)
  local set = {}
  for _, protocol in ipairs(alpn) do
    for _, row in ipairs(VERSIONS) do
      if row[2] == protocol then set[row[1]] = true end
    end
  end
  if next(set) then return set end
  errors.misuse(name .. ': tls: its alpn names neither "h2" nor "http/1.1": no client would come to speak HTTP')
end

local function check_both(name, options)
  if options.tls ~= nil and options.ssl ~= nil then
    errors.misuse(('%s: option "ssl" is another name of tls: give one of them'):format(name))
  end
  if options.tls ~= nil then return options.tls end
  return options.ssl
end

--- A script may say by the context what it speaks, or here, but not two things.
local function check_alpn(name, asked, alpn)
  local set = set_of_alpn(name, alpn)
  for version in pairs(asked or set) do
    if not set[version] then
      errors.misuse(('%s: option "http" asks for %q, but the alpn given with tls does not offer it; leave alpn out')
        :format(name, version))
    end
  end
  return asked or set
end

--- Reads what TLS needs, or says at the line of the script why not.
local function context_of(checked, alpn)
  local context, err = require("cro.tls.options").context(checked, { alpn = alpn })
  if context then return context end
  local place = errors.place()
  if place ~= "?" then err.message = ("%s: %s"):format(place, err.message) end
  error(err, 0)
end

---@class cro.http.Protocols
---@field versions string "1", "2" or "12"
---@field tls cro.tls.Context|false
---@field handshake_timeout number|nil seconds

local function secure(name, given, asked)
  local checked = require("cro.tls.options").check(name .. ": tls", given, "server")
  local own = (checked.native or checked.context.native).alpn
  local set = own and check_alpn(name, asked, own) or asked or { ["1.1"] = true, ["2"] = true }
  return set, context_of(checked, alpn_of(set)), checked.handshake_timeout
end

--- What a server speaks, by its options. Files of TLS are read here.
---@param name string whose options they are
---@param options { tls: any, ssl: any, http: any }
---@return cro.http.Protocols
function protocols.check(name, options)
  local given = check_both(name, options)
  local set, tls, timeout = options.http ~= nil and versions_of(name, options.http) or nil, false, nil
  if given ~= nil then
    set, tls, timeout = secure(name, given, set)
  end
  set = set or { ["1.1"] = true }
  return { versions = name_of(set), tls = tls, handshake_timeout = timeout }
end

return protocols
