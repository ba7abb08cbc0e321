--- Says so when a method was called with a dot or a function with a colon, which Lua takes
--- for a call with other arguments.
local errors = require "cro.errors"
local options = require "cro.options"

local called = {}

local function method(class, key, what)
  local fn = class[key]
  class[key] = function(self, ...)
    if type(self) == "table" and self[key] then return fn(self, ...) end
    errors.misuse(("%s:%s is called on %s; write %s:%s(...), with a colon"):format(
      what, key, options.show(self), what, key))
  end
end

--- Checks what each method is called on; tables that have a method of that name will do.
--- Names with "__" and those in `but` are left as they are.
---@param class table with all of its methods
---@param what string an object of it, as scripts may call it: "connection"
---@param but table<string, boolean>|nil names
function called.methods(class, what, but)
  local keys = {}
  for key, value in pairs(class) do
    if type(value) == "function" and not key:find "^__" and not (but and but[key]) then keys[#keys + 1] = key end
  end
  for _, key in ipairs(keys) do
    method(class, key, what)
  end
end

local function plain(module, key, what)
  local fn = module[key]
  module[key] = function(...)
    if ... ~= module then return fn(...) end
    errors.misuse(("%s.%s takes no %s itself; write %s.%s(...), with a dot"):format(what, key, what, what, key))
  end
end

--- Checks that the functions of a module are not called on the module.
---@param module table with all of its functions
---@param what string as scripts call it: "cro.tcp"
---@return table module itself
function called.functions(module, what)
  local keys = {}
  for key, value in pairs(module) do
    if type(value) == "function" then keys[#keys + 1] = key end
  end
  for _, key in ipairs(keys) do
    plain(module, key, what)
  end
  return module
end

return called
