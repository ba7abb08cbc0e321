--- Routes as data: `r.route { r.get("/", handler), ... }`.
---
--- Each function here returns an entry, a plain table that remembers where it was
--- written; `r.route` checks the entries against each other and makes an application
--- of them, which is a part of a pipeline like any other. Nothing listens, nothing is
--- registered anywhere, and mistakes are errors at the line that made them.
local arity = require "cro.http.router.arity"
local build = require "cro.http.router.build"
local component = require "cro.pipeline.component"
local core = require "cro.core"
local errors = require "cro.errors"
local flatten = require "cro.http.router.flatten"
local links = require "cro.http.router.links"
local message = require "cro.http.message"
local methods = require "cro.http.methods"
local opts = require "cro.options"
local spec = require "cro.http.router.spec"
local stage = require "cro.http.router.stage"
local template = require "cro.http.router.template"
local transforms = require "cro.http.transforms"
local types = require "cro.http.router.types"

--- A route of one method: `(template, spec, handler)`; the spec may be left out.
---@alias cro.http.Verb fun(path: string, given: table|function, handler: function|nil): table

--- A function of the context that may wait, or a transform of requests or responses.
---@alias cro.http.Middleware fun(value: fun(c: cro.http.Context)|cro.Component): table

---@class cro.http.Router
---@field get cro.http.Verb answers HEAD too, unless a route of its own does
---@field post cro.http.Verb
---@field put cro.http.Verb
---@field delete cro.http.Verb
---@field patch cro.http.Verb
---@field head cro.http.Verb
---@field options cro.http.Verb
---@field before cro.http.Middleware for every request of these routes, matched or not
---@field after cro.http.Middleware the same, on the way back
---@field before_matched cro.http.Middleware for requests that matched a route of this table or one it includes
---@field after_matched cro.http.Middleware the same, on the way back
local router = {}

---@class cro.http.Routes: cro.Component an application made of routes
---@field package flat cro.http.Route[]
---@field package stages cro.http.Stage[] of `before` and `after`
---@field package named table<string, cro.http.Route>
local Routes = {
  kind = "transform",
  consumes = message.Request,
  produces = message.Response,
}

local routes_metatable = component.metatable(Routes)

--- What the core's server runs. For modules that serve routes.
---@param server cro.http.BuildOptions|nil
---@return cro.http.Application
function Routes:application(server) return build.application(self, core.router(), server or {}) end

--- The descriptor of the native part: one server of the core, which never listens, for
--- all connections.
---@return table
function Routes:native()
  self.shared = self.shared or core.server { application = self:application() }
  return { kind = "router", options = { server = self.shared } }
end

--- The path of a named route, as `c:link` gives it inside of a handler.
---@param name string
---@param values table|nil
---@return string
function Routes:link(name, values) return links.make(self.named, name, values) end

--- One row per route, in the order written: for tools that show or describe them.
---@return { method: string|nil, template: string, name: string|nil, summary: string|nil, place: string }[]
function Routes:list()
  local list = {}
  for i, route in ipairs(self.flat) do
    list[i] = {
      method = route.method,
      template = route.template.source,
      name = route.name,
      summary = route.spec.summary,
      place = route.place,
    }
  end
  return list
end

--- Makes an application of entries. Routes are chosen by how specific they are, never
--- by their order. A `name` in the table is put before the names of its routes.
---@param entries table a list of entries, and perhaps `name`
---@return cro.http.Routes
function router.route(entries)
  opts.argument("r.route", 1, entries, "table")
  local self = setmetatable({ name = "routes at " .. errors.place() }, routes_metatable)
  flatten.fill(self, entries)
  return self
end

local function check_handler(function_name, position, handler)
  if handler == nil then
    errors.misuse(("%s: no handler; give a function as the last argument"):format(function_name))
  end
  opts.argument(function_name, position, handler, "callable")
end

--- Callable tables become functions: the core calls functions only.
local function as_function(handler)
  if type(handler) == "function" then return handler end
  return function(...) return handler(...) end
end

local function new_route(function_name, method, path, given, handler)
  opts.argument(function_name, 1, path, "string")
  if handler == nil and (type(given) == "function" or (getmetatable(given) or {}).__call) then
    given, handler = nil, given
  end
  check_handler(function_name, given == nil and 2 or 3, handler)
  local parsed = template.parse(path)
  arity.check(function_name, handler, parsed)
  return {
    kind = "route",
    method = method,
    template = parsed,
    spec = spec.parse(function_name, given),
    handler = as_function(handler),
    place = errors.place(),
  }
end

--- Defines `r.get` and its like: `(template, spec, handler)`, the spec may be left out.
for _, method in ipairs { "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS" } do
  local function_name = "r." .. method:lower()
  router[method:lower()] = function(path, given, handler)
    return new_route(function_name, method, path, given, handler)
  end
end

local function new_routes(names, path, given, handler)
  if #names == 0 then errors.misuse "r.http: the list of methods is empty; give one name or more" end
  local list = {}
  for i, method in ipairs(names) do
    methods.check("r.http", method)
    list[i] = new_route("r.http", method, path, given, handler)
    list[i].spec.name = i == 1 and list[i].spec.name or nil -- a link needs one of them
  end
  return { kind = "several", routes = list }
end

--- A route of any other method, by its name: `r.http("PROPFIND", "/x", handler)`, or one
--- of several: `r.http({ "GET", "POST" }, "/x", handler)`.
---@param method string|string[]
---@param path string a template
---@param given table|function the spec, or the handler
---@param handler function|nil
---@return table entry
function router.http(method, path, given, handler)
  if type(method) == "table" then return new_routes(method, path, given, handler) end
  methods.check("r.http", method)
  return new_route("r.http", method, path, given, handler)
end

local function is_routes(value) return getmetatable(value) == routes_metatable end

local function check_routes(function_name, routes)
  if is_routes(routes) then return end
  errors.misuse(("%s: expected what r.route { ... } returns, got %s"):format(function_name, opts.show(routes)))
end

local function include_prefix(path)
  local prefix = template.parse(path)
  local last = prefix.segments[#prefix.segments]
  if #prefix.names > 0 then
    errors.misuse(("r.include: the prefix %q has a parameter; a prefix is literal"):format(path))
  end
  if last and last.text == "" then
    errors.misuse(("r.include: the prefix %q ends in a slash; write %q"):format(path, path:sub(1, -2)))
  end
  return prefix
end

--- Brings the routes of another table in, beneath a prefix when one is given. They
--- compete with the others as if they had been written here.
---@param prefix string|cro.http.Routes a literal path, or the routes
---@param routes cro.http.Routes|nil
---@param given { name: string|nil }|nil `name` is put before the names of the routes
---@return table entry
function router.include(prefix, routes, given)
  if type(prefix) ~= "string" then
    prefix, routes, given = "/", prefix, routes
  end
  check_routes("r.include", routes)
  local options = opts.check("r.include", given, { name = "string" })
  if #routes.stages > 0 then
    errors.misuse("r.include: these routes have r.before or r.after, which are for requests no route "
      .. "matched too; try r.delegate, or before_matched and after_matched")
  end
  return { kind = "include", prefix = include_prefix(prefix), routes = routes, name = options.name }
end

local function check_delegate(path, parsed)
  for i, segment in ipairs(parsed.segments) do
    local is_rest = segment.kind == "slurpy" and i == #parsed.segments
    if segment.kind ~= "literal" and not is_rest then
      errors.misuse(("r.delegate: %q has the parameter {%s}; it may only end in {rest*}"):format(path, segment.text))
    end
  end
end

--- Hands requests of every method to another application: those of exactly this path,
--- or with `{rest*}` at the end of all paths beneath, which it sees without the prefix.
---@param path string
---@param application cro.http.Routes|cro.Component routes, or a transform of requests to responses
---@return table entry
function router.delegate(path, application)
  opts.argument("r.delegate", 1, path, "string")
  local parsed = template.parse(path)
  check_delegate(path, parsed)
  local target = transforms.instance(application)
  if not target then
    errors.misuse(("r.delegate: expected routes or a transform, got %s"):format(opts.show(application)))
  end
  transforms.check_types("r.delegate", target, message.Request, message.Response)
  return {
    kind = "delegate",
    template = parsed,
    delegate = target,
    spec = spec.parse "r.delegate",
    place = errors.place(),
  }
end

--- Defines the four kinds of middleware: a function of the context that may wait, or a
--- transform. `before` and `after` run for every request of these routes, matched or
--- not; the others only round the routes of this table and those it includes.
for _, kind in ipairs { "before", "after", "before_matched", "after_matched" } do
  local phase = kind:match "^%a+"
  local function_name = "r." .. kind
  router[kind] = function(value) return { kind = kind, run = stage.of(function_name, phase, value) } end
end

--- Wraps the handlers of this table: `f(c, handler)` calls `handler()` or does not. The
--- first one written is the outermost, and an outer table's are outside of an inner's.
---@param f fun(c: cro.http.Context, handler: fun())
---@return table entry
function router.around(f)
  opts.argument("r.around", 1, f, "function")
  return { kind = "around", run = f }
end

--- A reader of request bodies for `c:body()` in these routes; tried before others.
---@param parser { is_applicable: fun(request: any): boolean, parse: fun(text: string, request: any): any }
---@return table entry
function router.body_parser(parser)
  opts.check("r.body_parser", parser, {
    is_applicable = { "callable", required = true },
    parse = { "callable", required = true },
    name = "string",
  })
  return { kind = "body_parser", value = parser }
end

--- A writer of bodies that are no strings, in these routes; tried before others.
--- `is_applicable(value, media_type)` tells, `serialize(value, media_type)` returns bytes
--- and perhaps their media type.
---@param serializer { is_applicable: function, serialize: function }
---@return table entry
function router.body_serializer(serializer)
  opts.check("r.body_serializer", serializer, {
    is_applicable = { "callable", required = true },
    serialize = { "callable", required = true },
    name = "string",
  })
  return { kind = "body_serializer", value = serializer }
end

--- Defines a type for templates and specs: `convert(text)` returns the value, nil for
--- text that is none. It is known to routes written after this.
---@param name string
---@param convert fun(text: string): any
---@return table entry
function router.type(name, convert) return types.define(name, convert) end

--- True for what `route` returns.
---@param value any
---@return boolean
function router.is_routes(value) return is_routes(value) end

return router
