--- The media type of a request's body, and whether a list of types accepts it.
local core = require "cro.core"

local media = {}

---@class cro.http.MediaType
---@field type string "application"
---@field subtype string "json", "vnd.api+json"
---@field parameters table<string, string>

--- Types read lately, by their text: most requests bring one of a few. Peers choose the
--- texts, so no more than these are kept, and none that is long.
local MOST_KNOWN, LONGEST_KNOWN = 64, 128
local known, known_count = {}, 0

local function parse(text)
  local parsed, reason = core.media_parse(text)
  if not parsed or #text > LONGEST_KNOWN then return parsed, reason end
  if known_count == MOST_KNOWN then
    known, known_count = {}, 0
  end
  known[text], known_count = parsed, known_count + 1
  return parsed
end

--- The media type of a message, nil when it names none; nil, reason when what it names
--- is none. It may be shared: read it only.
---@param message any a request or a response
---@return cro.http.MediaType|nil
---@return string|nil reason
function media.of(message)
  local text = message:header "content-type"
  if not text or text == "" then return nil end
  local parsed = known[text]
  if parsed then return parsed end
  return parse(text)
end

--- True for application/json and whatever ends in +json.
---@param parsed cro.http.MediaType|nil
---@return boolean
function media.is_json(parsed)
  if not parsed then return false end
  if parsed.subtype:sub(-5) == "+json" then return true end
  return parsed.type == "application" and parsed.subtype == "json"
end

local function fits(pattern, parsed)
  local kind, subtype = pattern:match "^([^/]+)/([^/]+)$"
  if kind ~= "*" and kind:lower() ~= parsed.type then return false end
  return subtype == "*" or subtype:lower() == parsed.subtype
end

--- True when the body of a request is of one of the types, parameters aside. A request
--- without a body is of any type.
---@param request any
---@param types string[] "application/json", "text/*", "*/*"
---@return boolean
function media.is_accepted(request, types)
  if not request:has_body() then return true end
  local parsed = media.of(request)
  if not parsed then return false end
  for i = 1, #types do
    if fits(types[i], parsed) then return true end
  end
  return false
end

return media
