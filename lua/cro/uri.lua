--- URIs and relative references (RFC 3986): taken apart, resolved, compared.
---
--- A Uri is what its text says: nothing is decoded, lower-cased or filled in until it is
--- asked for. It never changes; methods that change something return another one.
local core = require "cro.core"
local errors = require "cro.errors"
local options = require "cro.options"

---@class cro.Uri
---@field scheme string|nil as written, e.g. "https"; nil for a relative reference
---@field authority string|nil user information, host and port as written
---@field userinfo string|nil before the "@", percent-encoded
---@field host string|nil percent-encoded; without the brackets of an IP address
---@field host_kind "none"|"name"|"ipv4"|"ipv6"|"future"|nil nil without an authority
---@field port integer|nil as written; see `default_port`
---@field path string percent-encoded, may be empty
---@field query string|nil without the "?"; "" differs from nil
---@field fragment string|nil without the "#"
---@field package text string
local Uri = {}
Uri.__index = Uri
Uri.__name = "cro.Uri"

--- The text it was made of.
function Uri:__tostring() return self.text end

--- Two Uris are equal when their normal forms are.
function Uri.__eq(left, right)
  return left.text == right.text or core.uri_normalise(left.text) == core.uri_normalise(right.text)
end

local uri = { Uri = Uri }

--- Whether a value is a Uri.
---@param value any
---@return boolean
function uri.is(value) return getmetatable(value) == Uri end

--- Reads a URI or a relative reference.
---@param text string
---@return cro.Uri|nil
---@return cro.Error|nil err kind "uri", with `reason` and `position` (of the first wrong byte)
function uri.parse(text)
  options.argument("uri.parse", 1, text, "string")
  local parts, reason, position = core.uri_parse(text)
  if parts then return setmetatable(parts, Uri) end
  local message = ("Unable to parse URI '%s': %s"):format(text, reason)
  return nil, errors.new("uri", message, { reason = reason, position = position })
end

--- A Uri for a Uri or a text that is known to be right; raises at the caller's line.
---@param value string|cro.Uri
---@return cro.Uri
function uri.of(value)
  if getmetatable(value) == Uri then return value end
  options.argument("uri.of", 1, value, "string")
  local parsed, err = uri.parse(value)
  if not parsed then errors.misuse(err.message) end
  return parsed
end

--- Reads an IRI (RFC 3987): UTF-8 text whose characters beyond ASCII become percent
--- escapes. A host must be ASCII already, in its xn-- form (punycode) where it is not.
---@param text string
---@return cro.Uri|nil
---@return cro.Error|nil err kind "uri", with `reason`, and `position` when the fault is one of the IRI
function uri.from_iri(text)
  options.argument("uri.from_iri", 1, text, "string")
  local encoded, reason, position = core.uri_from_iri(text)
  if encoded then return uri.parse(encoded) end
  local message = ("Unable to parse IRI '%s': %s"):format(text, reason)
  return nil, errors.new("uri", message, { reason = reason, position = position })
end

--- Percent-encodes the bytes of `text`; what may stay depends on where it will stand.
---@param text string
---@param place "component"|"segment"|"path"|"query"|nil "component" (the default) fits anywhere;
---  "path" keeps the slashes; "query" is for a whole query, not for a name or value in it
---@return string
function uri.encode(text, place)
  options.argument("uri.encode", 1, text, "string")
  options.check("uri.encode", { place = place }, {
    place = { "string", one_of = { "component", "segment", "path", "query" } },
  })
  return core.uri_encode(text, place or "component")
end

--- Undoes percent-encoding; "+" stays a plus.
---@param text string
---@return string|nil decoded nil when a "%" lacks its two digits
function uri.decode(text)
  options.argument("uri.decode", 1, text, "string")
  return core.uri_decode(text)
end

--- What `reference` means when it stands in this document (RFC 3986 5.2).
---@param reference string|cro.Uri
---@return cro.Uri|nil
---@return cro.Error|nil err kind "uri", when `reference` does not parse
function Uri:resolve(reference)
  if getmetatable(reference) ~= Uri then
    options.argument("uri:resolve", 1, reference, "string")
    local parsed, err = uri.parse(reference)
    if not parsed then return nil, err end
    reference = parsed
  end
  return uri.parse(core.uri_resolve(self.text, reference.text))
end

--- The normal form: case, escapes, dot segments and default port as RFC 3986 6.2 has it.
---@return cro.Uri
function Uri:normalise() return uri.of(core.uri_normalise(self.text)) end

--- The segments of the path, percent-decoded: "/a%20b//c/" has "a b", "", "c" and "".
---@return string[]
function Uri:segments() return core.uri_segments(self.path) end

local DEFAULT_PORTS = { http = 80, https = 443, ws = 80, wss = 443 }

--- The port to connect to: the one written, else the scheme's.
---@return integer|nil
function Uri:default_port()
  return self.port or DEFAULT_PORTS[(self.scheme or ""):lower()]
end

return uri
