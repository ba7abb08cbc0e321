--- What comes in pairs, as tables by name: the query, the cookies, the headers.
local status = require "cro.http.status"

local query = {}

---@class cro.http.MultiValue the values of a name that was given more than once
local MultiValue = { __name = "cro.http.MultiValue" }
MultiValue.__index = MultiValue

function MultiValue:__tostring() return table.concat(self, ",") end

function MultiValue.__concat(left, right) return tostring(left) .. tostring(right) end

--- True for the list of values of a repeated name.
---@param value any
---@return boolean
function query.is_multi(value) return getmetatable(value) == MultiValue end

local function add(values, key, value)
  local known = values[key]
  if known == nil then
    values[key] = value
  elseif getmetatable(known) == MultiValue then
    known[#known + 1] = value
  else
    values[key] = setmetatable({ known, value }, MultiValue)
  end
end

--- The parameters of the query by name: text, or a MultiValue when repeated. Raises a
--- refusal (400) when the query is badly encoded or has too many parameters.
---@param request any
---@return table<string, any>
function query.parameters(request)
  local pairs_, reason = request:query_pairs()
  if not pairs_ then error(status.refusal(400, "a query that cannot be read: " .. tostring(reason)), 0) end
  local values = {}
  for i = 1, #pairs_, 2 do
    add(values, pairs_[i], pairs_[i + 1])
  end
  return values
end

--- The cookies by name. Of several with one name the first counts: clients send the one
--- of the longer path first.
---@param request any
---@return table<string, string>
function query.cookies(request)
  local pairs_, reason = request:cookie_pairs()
  if not pairs_ then error(status.refusal(400, "cookies that cannot be read: " .. tostring(reason)), 0) end
  local values = {}
  for i = 1, #pairs_, 2 do
    if values[pairs_[i]] == nil then values[pairs_[i]] = pairs_[i + 1] end
  end
  return values
end

--- The headers by name, in any case; a repeated one joined by ", ".
---@param request any
---@return table<string, string>
function query.headers(request)
  return setmetatable({}, { __index = function(_, name) return request:header(name) end })
end

return query
