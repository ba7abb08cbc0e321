--- The media type of a request's body, and whether a list of types accepts it.
local core = require "cro.core"

local media = {}

---@class cro.http.MediaType
---@field type string "application"
---@field subtype string "json", "vnd.api+json"
---@field parameters table<string, string>

--- The media type of a message, nil when it names none; nil, reason when what it names
--- is none.
---@param message any a request or a response
---@return cro.http.MediaType|nil
---@return string|nil reason
function media.of(message)
  local text = message:header "content-type"
  if not text or text == "" then return nil end
  return core.media_parse(text)
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
