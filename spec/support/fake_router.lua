--- The router of the stand-in core: tries every route, sorts what fits by specificity.
local fake_router = {}

local TYPE_ORDER = {
  "bool", "date", "uuid1", "uuid2", "uuid3", "uuid4", "uuid5", "uuid6", "uuid7", "uuid8", "uuid",
  "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "uint", "int64", "int",
  "number", "hex", "alpha", "alnum",
}
local TYPE_RANK = {}
for i, name in ipairs(TYPE_ORDER) do
  TYPE_RANK[name] = i
end

local ENDS, SLURPS = -1, 5000

local function rank_of(segment)
  local rank = segment.kind == "any" and 1000 or segment.kind == "typed" and 1 + TYPE_RANK[segment.type] or 0.5
  return segment.optional and rank + 2000 or rank
end

function fake_router.new_factory(types, exchange_of, decode, is_encoded)
  local Router = {}
  Router.__index = Router

  local function same_shape(a, b)
    if #a ~= #b then return false end
    for i = 1, #a do
      local literal = a[i].kind == "literal"
      if a[i].kind ~= b[i].kind or a[i].type ~= b[i].type or a[i].optional ~= b[i].optional then return false end
      if literal and a[i].text ~= b[i].text then return false end
    end
    return true
  end

  function Router:add(method, segments, number, conditional)
    for _, route in ipairs(self) do
      local clash = route.method == method and not (conditional or route.conditional)
      if clash and same_shape(route.segments, segments) then return nil, route.number end
    end
    self[#self + 1] = { method = method, segments = segments, number = number, conditional = conditional or false }
    return true
  end

  local function captured(segment, text)
    local decoded = decode(text)
    if segment.kind ~= "typed" then return decoded end
    return types.find(segment.type)(decoded)
  end

  local function rest_of(parts, from)
    local rest = {}
    for i = from, #parts do
      rest[#rest + 1] = decode(parts[i])
    end
    return rest
  end

  --- The row of a route for the segments of a path, with its ranks; nil when it does not fit.
  local function fit(route, parts)
    local row, ranks = { route.number, n = 0, conditional = route.conditional }, {}
    local function add(value)
      row.n = row.n + 1
      row[1 + row.n] = value
    end
    for i, segment in ipairs(route.segments) do
      local text = parts[i]
      if segment.kind == "slurpy" then
        add(rest_of(parts, i))
        ranks[i] = SLURPS
        return row, ranks
      elseif text == nil then
        if not segment.optional then return nil end
        add(nil)
        ranks[i] = rank_of(segment)
      elseif segment.kind == "literal" then
        if decode(text) ~= segment.text then return nil end
        ranks[i] = 0
      else
        local value = text ~= "" and captured(segment, text)
        if value == nil or text == "" then return nil end
        add(value)
        ranks[i] = rank_of(segment)
      end
    end
    if #parts > #route.segments then return nil end
    ranks[#ranks + 1] = ENDS
    return row, ranks
  end

  local function before(a, b)
    for i = 1, math.max(#a.ranks, #b.ranks) do
      local x, y = a.ranks[i] or ENDS, b.ranks[i] or ENDS
      if x ~= y then return x < y end
    end
    if a.conditional ~= b.conditional then return a.conditional end
    return a.order < b.order
  end

  local function split(path)
    local parts = {}
    if path == "/" then return parts end
    for part in (path:sub(2) .. "/"):gmatch "([^/]*)/" do
      parts[#parts + 1] = part
    end
    return parts
  end

  local function fitting(self, path)
    local list = {}
    if path:sub(1, 1) ~= "/" then return list end
    for order, route in ipairs(self) do
      local row, ranks = fit(route, split(path))
      if row then
        row.ranks, row.order, row.method = ranks, order, route.method
        list[#list + 1] = row
      end
    end
    table.sort(list, before)
    return list
  end

  local function of_method(list, method)
    local rows = {}
    for _, row in ipairs(list) do
      if row.method == method or (method == "HEAD" and row.method == "GET") then rows[#rows + 1] = row end
    end
    return rows
  end

  local function allowed(list)
    if #list == 0 then return nil end
    local set = {}
    for _, row in ipairs(list) do
      set[row.method] = true
    end
    return require("cro.http.methods").allow(set)
  end

  local function look(self, exchange)
    local path = exchange.target:match "^[^?]*"
    if not is_encoded(path) then return nil end
    return fitting(self, path)
  end

  function Router:candidates(c, all)
    local exchange = exchange_of[c].exchange
    local list = look(self, exchange)
    if not list then return nil, nil, 400 end
    return all and list or of_method(list, exchange.method), allowed(list)
  end

  function Router:first(exchange)
    local list = look(self, exchange)
    if not list then return nil, nil, 400 end
    return of_method(list, exchange.method)[1], allowed(list)
  end

  return function() return setmetatable({}, Router) end
end

return fake_router
