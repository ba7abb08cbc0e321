--- From the entries of a route table to a flat list of routes, checked.
---
--- An include brings the routes of another table with its prefix; each route keeps
--- the list of the blocks it stands in, outermost first, and a block says what
--- middleware, parsers and serializers its routes have. Where in a block these were
--- written makes no difference to which routes they are for.
local errors = require "cro.errors"
local methods = require "cro.http.methods"
local opts = require "cro.options"
local template = require "cro.http.router.template"

---@class cro.http.Block what a route table says about all its routes
---@field matched cro.http.Stage[] before_matched and after_matched
---@field arounds function[]
---@field parsers table[]
---@field serializers table[]

---@class cro.http.Route
---@field method string|nil nil: every method
---@field template cro.http.Template
---@field spec cro.http.RouteSpec
---@field handler function|nil
---@field delegate any|nil a route table or a transform
---@field place string where it was written
---@field blocks cro.http.Block[]
---@field name string|nil

local flatten = {}

local function new_block()
  return { matched = {}, arounds = {}, parsers = {}, serializers = {} }
end

local function label(route) return ("%s %s"):format(route.method or "delegate", route.template.source) end

local function refuse_duplicate(other, route)
  errors.misuse(("r.route: %s at %s and %s at %s match the same requests; remove one or tell them apart by "
    .. "their segments or a query parameter"):format(label(other), other.place, label(route), route.place))
end

--- Two routes that no request can tell apart, and nothing but the path to choose by.
local function check_duplicate(self, route)
  if route.spec.conditional or route.template.has_custom then return end
  local shape = template.shape(route.template)
  for _, method in ipairs(route.method and { route.method } or methods.all) do
    local key = method .. " " .. shape
    if self.shapes[key] then refuse_duplicate(self.shapes[key], route) end
    self.shapes[key] = route
  end
end

local function check_name(self, route, name)
  local other = self.named[name]
  if other and other ~= route then
    errors.misuse(("r.route: the link name %q stands at %s and at %s; a name belongs to one route"):format(
      name, other.place, route.place))
  end
end

local function add_route(self, route)
  check_duplicate(self, route)
  self.flat[#self.flat + 1] = route
  if not route.name then return end
  check_name(self, route, route.name)
  self.named[route.name] = route
end

local function prefixed_name(outer, name)
  if not name or not outer then return name end
  return outer .. "." .. name
end

local function local_route(self, entry)
  local route = {}
  for key, value in pairs(entry) do
    route[key] = value
  end
  route.blocks = { self.block }
  route.name = prefixed_name(self.link_name, entry.spec.name)
  add_route(self, route)
end

local function blocks_below(self, blocks)
  local list = { self.block }
  for i = 1, #blocks do
    list[i + 1] = blocks[i]
  end
  return list
end

local function include(self, entry)
  for _, inner in ipairs(entry.routes.flat) do
    local route = {}
    for key, value in pairs(inner) do
      route[key] = value
    end
    route.template = template.join(entry.prefix, inner.template)
    route.blocks = blocks_below(self, inner.blocks)
    route.name = prefixed_name(self.link_name, prefixed_name(entry.name, inner.name))
    add_route(self, route)
  end
end

local function several(self, entry)
  for _, route in ipairs(entry.routes) do
    local_route(self, route)
  end
end

local function ignore() end

local ADD = {
  route = local_route,
  several = several,
  include = include,
  delegate = local_route,
  type = ignore,
  before = function(self, entry) self.stages[#self.stages + 1] = { phase = "before", run = entry.run } end,
  after = function(self, entry) self.stages[#self.stages + 1] = { phase = "after", run = entry.run } end,
  before_matched = function(self, entry)
    self.block.matched[#self.block.matched + 1] = { phase = "before", run = entry.run }
  end,
  after_matched = function(self, entry)
    self.block.matched[#self.block.matched + 1] = { phase = "after", run = entry.run }
  end,
  around = function(self, entry) self.block.arounds[#self.block.arounds + 1] = entry.run end,
  body_parser = function(self, entry) self.block.parsers[#self.block.parsers + 1] = entry.value end,
  body_serializer = function(self, entry) self.block.serializers[#self.block.serializers + 1] = entry.value end,
}

local function check_key(key, count)
  if key == "name" then return end
  if type(key) == "number" and key % 1 == 0 and key >= 1 then
    if key <= count then return end
    errors.misuse(("r.route: entry %d is nil; the table ends there for Lua"):format(count + 1))
  end
  errors.misuse(('r.route: unknown key %s; a route table is a list of r.get(...) and the like, and may have a "name"')
    :format(opts.show(key)))
end

local function count_entries(entries)
  local count = 0
  while entries[count + 1] ~= nil do
    count = count + 1
  end
  return count
end

local function check_entry(position, entry)
  if type(entry) == "table" and ADD[rawget(entry, "kind") or false] then return end
  if type(entry) == "table" and rawget(entry, "flat") then
    errors.misuse(("r.route: entry %d is a route table; write r.include(routes) or r.include(prefix, routes)")
      :format(position))
  end
  errors.misuse(("r.route: entry %d: expected r.get(...), r.include(...), r.before(...) or the like, got %s"):format(
    position, opts.show(entry)))
end

--- Fills `self` (flat, stages, block, named) from the entries of one route table.
---@param self table
---@param entries table
function flatten.fill(self, entries)
  self.link_name = entries.name
  self.flat, self.stages, self.named, self.shapes = {}, {}, {}, {}
  self.block = new_block()
  local count = count_entries(entries)
  for key in pairs(entries) do
    check_key(key, count)
  end
  opts.argument("r.route", '"name"', entries.name, "string|nil")
  for position = 1, count do
    local entry = entries[position]
    check_entry(position, entry)
    ADD[entry.kind](self, entry)
  end
end

return flatten
