--- Choosing among the routes that fit a path, where the core's choice is not enough.
---
--- The core finds the most specific route by path and method. Lua decides when that
--- route asks more of a request: parameters of the query, headers and cookies, who is
--- asking, types that a script made. No route with such segments is 404; none of them
--- with the method 405; else the most specific one says why it refuses.
local methods = require "cro.http.methods"
local spec = require "cro.http.router.spec"
local status = require "cro.http.status"

---@class cro.http.Application what a server needs of a route table
---@field router any the core's router
---@field handlers function[] by route number
---@field routes table[] by route number
---@field named table<string, table>
---@field conditional nil|fun(c: cro.http.Context)
---@field miss nil|fun(c: cro.http.Context, code: integer, allowed: string|nil)
---@field enter nil|fun(c: cro.http.Context)
---@field options "auto"|"miss"
---@field everywhere string what "OPTIONS *" is told
---@field has_custom boolean

local dispatch = {}

--- A row of candidates: its route's number, then `n` captures.
local FIRST = 2

--- Converts captures of custom types in place. False when one is no such value.
local function convert(route, row)
  local customs = route.customs
  if not customs then return true end
  for position, fn in pairs(customs) do
    local text = row[FIRST - 1 + position]
    if text ~= nil then
      local value = fn(text)
      if value == nil then return false end
      row[FIRST - 1 + position] = value
    end
  end
  return true
end

local function call(app, c, row)
  row.application = app
  c.matched = row
  return app.handlers[row[1]](c, unpack(row, FIRST, FIRST - 1 + row.n))
end

--- Answers what the path has when no route of the method fits; or a refusal.
local function miss(c, allowed, refused)
  if refused then return status.refuse(c, refused) end
  if not allowed then return status.refuse(c, 404) end
  if c.method == "OPTIONS" then
    c:status(204)
  else
    status.refuse(c, 405)
  end
  c:set_header("Allow", allowed)
end

--- The methods of the path once custom types have had their say.
local function allowed_by_types(app, c)
  local list, _, refused = app.router:candidates(c, true)
  if not list then return nil, refused end
  local set = {}
  for _, row in ipairs(list) do
    local route = app.routes[row[1]]
    if convert(route, row) then set[route.method or c.method] = true end
  end
  return next(set) and methods.allow(set) or nil, nil
end

local function choose(app, c, list)
  local why
  for i = 1, #list do
    local row = list[i]
    local route = app.routes[row[1]]
    if convert(route, row) then
      local refused = route.spec.conditional and spec.check(route.spec, c)
      if not refused then
        call(app, c, row)
        return true
      end
      why = why or refused
    end
  end
  if why then
    status.refuse(c, why)
    return true
  end
  return false
end

--- Finds and runs the route of a request, or refuses it.
---@param app cro.http.Application
---@param c cro.http.Context
function dispatch.run(app, c)
  local list, allowed, refused
  if c.path == "*" then
    allowed = c.method == "OPTIONS" and app.everywhere or nil
  else
    list, allowed, refused = app.router:candidates(c)
  end
  if list and choose(app, c, list) then return end
  if list and app.has_custom then allowed = allowed_by_types(app, c) end
  miss(c, allowed, refused)
end

--- What the core calls when it found no route of an application with custom types.
---@param app cro.http.Application
---@param c cro.http.Context
function dispatch.miss(app, c)
  miss(c, allowed_by_types(app, c))
end

return dispatch
