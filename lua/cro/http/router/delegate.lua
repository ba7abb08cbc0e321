--- Handlers that hand everything beneath a path to another application.
---
--- The request's target loses the prefix meanwhile: "/proxy/item?x=1" becomes
--- "/item?x=1", the path of the delegate itself becomes "/". `original_target` keeps
--- what the peer sent.
local transforms = require "cro.http.transforms"

local delegate = {}

--- How many segments of the template are prefix; and whether the rest goes along.
local function prefix_of(template)
  local segments = template.segments
  local last = segments[#segments]
  if last and last.kind == "slurpy" then return #segments - 1, true end
  return #segments, false
end

--- The path without its first `count` segments.
local function strip(path, count)
  local at = 1
  for _ = 1, count do
    at = path:find("/", at + 1, true)
    if not at then return "/" end
  end
  return path:sub(at)
end

local function inner_target(request, count, has_rest)
  local path = has_rest and strip(request.path, count) or "/"
  local query = request.query_string
  if query == nil or query == "" then return path end
  return path .. "?" .. query
end

local function redirected(template, run)
  local count, has_rest = prefix_of(template)
  return function(c)
    local request = c.request
    local outer = request.target
    request.target = inner_target(request, count, has_rest)
    run(c)
    request.target = outer
  end
end

--- The handler of a delegate route.
---@param route cro.http.Route
---@param server table what the server adds to its routes
---@return fun(c: cro.http.Context)
function delegate.handler(route, server)
  local target = route.delegate
  if target.flat then
    local app = target:application { body_parsers = server.body_parsers, body_serializers = server.body_serializers }
    return redirected(route.template, app.run)
  end
  local where = ("r.delegate at %s"):format(route.place)
  return redirected(route.template, transforms.handler(where, target))
end

return delegate
