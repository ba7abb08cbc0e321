--- Path templates: "/products/{id:int}", "/tag/{tag?}", "/page/{n:int=1}", "/css/{path*}".
---
--- Parsing turns a template into the segments the core's router takes, plus what
--- only Lua knows: names, defaults, custom types. A slash at the end counts. A
--- parameter is a whole segment; a literal is written plainly or percent-encoded,
--- which is also how a slash inside of one segment is written ("%2F").
local errors = require "cro.errors"
local types = require "cro.http.router.types"

---@class cro.http.Segment
---@field kind "literal"|"typed"|"custom"|"any"|"slurpy"
---@field text string the literal, decoded, or the parameter's name
---@field type string|nil name of the type
---@field optional boolean|nil
---@field default any
---@field convert nil|fun(text: string): any of a custom type

---@class cro.http.Template
---@field source string as written
---@field segments cro.http.Segment[]
---@field names string[] of the parameters, in order
---@field has_custom boolean
---@field has_default boolean

local template = {}

--- As many captures as the core keeps of one request.
local MAX_PARAMETERS = 16

local function refuse(source, what)
  errors.misuse(("route template %q: %s"):format(source, what))
end

local function decode_literal(source, text)
  if text:find "%%%X" or text:find "%%%x%X" or text:find "%%%x?$" then
    refuse(source, ("%q has a %% that two hexadecimal digits must follow; write %%25 for itself"):format(text))
  end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function literal(source, text)
  if text:find "[{}]" then
    refuse(source, ("%q mixes text and a parameter; a parameter is a whole segment, like {name}"):format(text))
  end
  return { kind = "literal", text = decode_literal(source, text) }
end

local function set_type(source, segment, name)
  if not name or name == "string" then return end
  segment.type = name
  segment.kind = types.is_builtin(name) and "typed" or "custom"
  segment.convert = types.find(name)
  if not segment.convert then
    refuse(source, ("unknown type %q; %s"):format(name, types.cure(name)))
  end
end

local function set_default(source, segment, text)
  if not text then return end
  segment.optional = true
  segment.default = text
  if not segment.convert then return end
  segment.default = segment.convert(text)
  if segment.default == nil then
    refuse(source, ("the default %q of {%s} is no %s"):format(text, segment.text, segment.type))
  end
end

--- Takes apart "name", "name?", "name*", "name:type", "name:type?", "name:type=default".
local function parameter(source, inner)
  local head, default = inner:match "^([^=]*)=(.*)$"
  head = head or inner
  local name, type_name, mark = head:match "^([%a_][%w_]*):?([%w_]*)([%?%*]?)$"
  if not name or head:find(":", 1, true) and type_name == "" then
    refuse(source, ("cannot read {%s}; write {name}, {name:type}, {name?}, {name:type=default} or {name*}")
      :format(inner))
  end
  if default and mark ~= "" then
    refuse(source, ("{%s} has both %q and a default; the default alone makes it optional"):format(inner, mark))
  end
  if mark == "*" then
    if type_name ~= "" then refuse(source, ("{%s}: the rest of a path has no type"):format(inner)) end
    return { kind = "slurpy", text = name }
  end
  local segment = { kind = "any", text = name, optional = mark == "?" or nil }
  set_type(source, segment, type_name ~= "" and type_name or nil)
  set_default(source, segment, default)
  return segment
end

local function check_order(source, segments)
  for i = 1, #segments - 1 do
    local this, after = segments[i], segments[i + 1]
    if this.kind == "slurpy" then
      refuse(source, ("{%s*} takes the rest of the path; nothing can follow it"):format(this.text))
    end
    if this.optional and not after.optional and after.kind ~= "slurpy" then
      refuse(source, ("{%s} is optional, so all that follows it must be"):format(this.text))
    end
  end
end

local function add(parsed, segment)
  parsed.segments[#parsed.segments + 1] = segment
  if segment.kind == "literal" then return end
  for _, name in ipairs(parsed.names) do
    if name == segment.text then refuse(parsed.source, ("{%s} stands there twice"):format(name)) end
  end
  parsed.names[#parsed.names + 1] = segment.text
  parsed.has_custom = parsed.has_custom or segment.kind == "custom"
  parsed.has_default = parsed.has_default or segment.default ~= nil
end

--- Parses one template, or raises at the line of the script that wrote it.
---@param source string
---@return cro.http.Template
function template.parse(source)
  local parsed = { source = source, segments = {}, names = {}, has_custom = false, has_default = false }
  if source:sub(1, 1) ~= "/" then
    refuse(source, ("it must begin with a slash; write %q"):format("/" .. source))
  end
  if source:gsub("{[^}]*}", ""):find "[?#]" then
    refuse(source, "a template is a path only; describe the query by { query = { ... } }")
  end
  if source == "/" then return parsed end
  for text in (source:sub(2) .. "/"):gmatch "([^/]*)/" do
    local inner = text:match "^{([^{}]*)}$"
    add(parsed, inner and parameter(source, inner) or literal(source, text))
  end
  check_order(source, parsed.segments)
  if #parsed.names > MAX_PARAMETERS then
    refuse(source, ("it has %d parameters; at most %d are possible"):format(#parsed.names, MAX_PARAMETERS))
  end
  return parsed
end

--- Puts the segments of a prefix before those of a template: what include does.
---@param prefix cro.http.Template|nil
---@param inner cro.http.Template
---@return cro.http.Template
function template.join(prefix, inner)
  if not prefix or #prefix.segments == 0 then return inner end
  local source = prefix.source .. (inner.source == "/" and "" or inner.source)
  local joined = { source = source, segments = {}, names = {}, has_custom = false, has_default = false }
  for _, part in ipairs { prefix, inner } do
    for _, segment in ipairs(part.segments) do
      add(joined, segment)
    end
  end
  check_order(source, joined.segments)
  return joined
end

--- One string per shape: equal for templates that no request can tell apart.
---@param parsed cro.http.Template
---@return string
function template.shape(parsed)
  local parts = {}
  for i, segment in ipairs(parsed.segments) do
    local text = segment.kind == "literal" and segment.text or segment.type or ""
    parts[i] = ("%s:%d:%s%s"):format(segment.kind, #text, text, segment.optional and "?" or "")
  end
  return table.concat(parts, "/")
end

return template
