--- From flat routes to the application table a server runs.
---
--- Whatever can be done once is done here. A route that asks for nothing keeps the
--- script's own function as its handler, so that the core calls it directly.
local arity = require "cro.http.router.arity"
local body = require "cro.http.body"
local delegate = require "cro.http.router.delegate"
local dispatch = require "cro.http.router.dispatch"
local errors = require "cro.errors"
local methods = require "cro.http.methods"
local middleware = require "cro.http.router.middleware"

local build = {}

local function append(list, values)
  for _, value in ipairs(values) do
    list[#list + 1] = value
  end
end

--- What the route's blocks add, innermost first, then what the server says, or the
--- defaults. Nil when nobody says anything.
local function collect(blocks, key, of_server, defaults)
  local list = {}
  for i = #blocks, 1, -1 do
    append(list, blocks[i][key])
  end
  if #list == 0 and not of_server then return nil end
  append(list, of_server or defaults)
  return list
end

--- What the context has to know before the handler runs.
local function with_settings(route, server, handler)
  local parsers = collect(route.blocks, "parsers", server.body_parsers, body.parsers)
  local serializers = collect(route.blocks, "serializers", server.body_serializers, body.serializers)
  local max_body, timeout = route.spec.max_body, route.spec.timeout
  if not (parsers or serializers or max_body or timeout) then return handler end
  return function(c, ...)
    if parsers then c.body_parsers = parsers end
    if serializers then c.body_serializers = serializers end
    if max_body then c.max_body = max_body end
    if timeout then c:timeout(timeout) end
    return handler(c, ...)
  end
end

local function captures_of(route)
  local list = {}
  for _, segment in ipairs(route.template.segments) do
    if segment.kind ~= "literal" then list[#list + 1] = segment end
  end
  return list
end

local function with_defaults(route, handler)
  if not route.template.has_default then return handler end
  local defaults = {}
  for i, segment in ipairs(captures_of(route)) do
    defaults[i] = segment.default
  end
  return arity.with_defaults(handler, #route.template.names, defaults)
end

--- The handler with all that its blocks put round it: the outer block's middleware
--- outside of the inner's, and in a block the first `around` outermost.
local function wrapped(route, server)
  local handler = route.handler or delegate.handler(route, server)
  local count = #route.template.names
  handler = with_defaults(route, with_settings(route, server, handler))
  for i = #route.blocks, 1, -1 do
    local block = route.blocks[i]
    for j = #block.arounds, 1, -1 do
      handler = arity.around(block.arounds[j], handler, count)
    end
  end
  for i = #route.blocks, 1, -1 do
    handler = middleware.wrap(route.blocks[i].matched, handler)
  end
  return middleware.in_development() and middleware.talkative(handler) or handler
end

local function customs_of(route)
  if not route.template.has_custom then return nil end
  local customs = {}
  for position, segment in ipairs(captures_of(route)) do
    if segment.kind == "custom" then customs[position] = segment.convert end
  end
  return customs
end

local function add_to_core(app, route, number)
  local conditional = route.spec.conditional or route.template.has_custom
  for _, method in ipairs(route.method and { route.method } or methods.all) do
    local ok, clash = app.router:add(method, route.template.segments, number, conditional)
    if not ok then
      local other = app.routes[clash]
      errors.misuse(("r.route: %s at %s cannot be added%s"):format(route.template.source, route.place,
        other and (": it matches the same requests as the one at " .. other.place) or ": " .. tostring(clash)))
    end
  end
  app.has_conditional = app.has_conditional or conditional
  app.has_custom = app.has_custom or route.template.has_custom
end

local function add(app, route, server, number)
  app.routes[number] = {
    number = number,
    method = route.method,
    template = route.template,
    spec = route.spec,
    name = route.name,
    place = route.place,
    customs = customs_of(route),
    application = app,
  }
  add_to_core(app, route, number)
  app.handlers[number] = wrapped(route, server)
end

local function everywhere(flat)
  local set = {}
  for _, route in ipairs(flat) do
    for _, method in ipairs(route.method and { route.method } or methods.all) do
      set[method] = true
    end
  end
  return methods.allow(set)
end

local function install_choice(app)
  if app.has_conditional then
    app.conditional = function(c) return dispatch.run(app, c) end
  end
  if app.has_custom then
    app.miss = function(c) return dispatch.miss(app, c) end
    app.options = "miss"
  end
end

---@class cro.http.BuildOptions what a server adds to its routes
---@field stages cro.http.Stage[]|nil its before and after
---@field body_parsers table[]|nil
---@field body_serializers table[]|nil
---@field json_depth integer|nil

--- Makes the application table of a route table.
---@param routes table as filled by flatten
---@param router any an empty router of the core
---@param server cro.http.BuildOptions
---@return cro.http.Application
function build.application(routes, router, server)
  local app = {
    router = router,
    handlers = {},
    routes = {},
    named = routes.named,
    options = "auto",
    has_conditional = false,
    has_custom = false,
    json_depth = server.json_depth,
    everywhere = everywhere(routes.flat),
  }
  for number, route in ipairs(routes.flat) do
    add(app, route, server, number)
  end
  install_choice(app)
  local function run(c) return dispatch.run(app, c) end
  local inside = middleware.wrap(routes.stages, run)
  local outside = middleware.wrap(server.stages or {}, inside)
  app.run = outside
  if outside ~= run then app.enter = outside end
  return app
end

return build
