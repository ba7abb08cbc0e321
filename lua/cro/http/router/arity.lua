--- Functions of a fixed number of path parameters, made when routes are built.
---
--- Wrapping a handler must cost a request nothing but calls. A wrapper of exactly n
--- parameters keeps them in registers; only `around` makes one closure per request,
--- the `handler` it passes on. The text that is compiled here holds counts alone,
--- nothing a script wrote.
local errors = require "cro.errors"

local arity = {}

local function parameters(n)
  local list = {}
  for i = 1, n do
    list[i] = "a" .. i
  end
  return list
end

local function compile(name, source)
  return assert(loadstring(source, "=" .. name))()
end

--- A handler that fills missing parameters.
---@param handler function
---@param count integer of path parameters
---@param defaults table<integer, any> by position
---@return function
function arity.with_defaults(handler, count, defaults)
  local names = parameters(count)
  local lines = {}
  for i = 1, count do
    if defaults[i] ~= nil then
      lines[#lines + 1] = ("if a%d == nil then a%d = defaults[%d] end"):format(i, i, i)
    end
  end
  local list = table.concat(names, ", ")
  return compile("route defaults", ([[
    return function(handler, defaults)
      return function(c, %s)
        %s
        return handler(c, %s)
      end
    end]]):format(list, table.concat(lines, "\n"), list))(handler, defaults)
end

--- A handler wrapped by `around(c, handler)`.
---@param around fun(c: cro.http.Context, handler: fun())
---@param handler function
---@param count integer of path parameters
---@return function
function arity.around(around, handler, count)
  local list = table.concat(parameters(count), ", ")
  local comma = count > 0 and ", " or ""
  return compile("route around", ([[
    return function(around, handler)
      return function(c%s%s)
        return around(c, function() return handler(c%s%s) end)
      end
    end]]):format(comma, list, comma, list))(around, handler)
end

local function what_it_takes(handler)
  if type(handler) == "function" then return debug.getinfo(handler, "u"), 0 end
  return debug.getinfo(getmetatable(handler).__call, "u"), 1
end

--- Raises at the line of the script when a handler cannot take what a template gives.
---@param function_name string
---@param handler function a function, or something callable
---@param template cro.http.Template
function arity.check(function_name, handler, template)
  local info, own = what_it_takes(handler)
  local count = #template.names
  if info.isvararg then return end -- C functions too
  local takes = math.max(0, info.nparams - own - 1)
  if takes == count then return end
  errors.misuse(("%s: the handler takes %d path parameter%s, the template %q has %d; write function(%s)"):format(
    function_name, takes, takes == 1 and "" or "s", template.source, count,
    table.concat({ "c", unpack(template.names) }, ", ")))
end

return arity
