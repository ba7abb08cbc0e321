--- Methods called with a dot and functions called with a colon: what is said then.
local errors = require "cro.errors"
local options = require "cro.options"

local receiver = {}

--- A copy, since what is looked through is changed.
local function functions_of(from)
  local found = {}
  for name, value in pairs(from) do
    if type(value) == "function" then found[name] = value end
  end
  return found
end

--- Raises: the method was called on something else than an object of its class.
---@param noun string what the object is called in the message, "promise"
---@param name string of the method
---@param self any what it was called on
function receiver.refuse(noun, name, self)
  errors.misuse(("%s is called on %s; write %s:%s(...), with a colon"):format(name, options.show(self), noun, name))
end
local refuse = receiver.refuse

--- Has methods check what they are called on. For those that are not called in loops; the
--- others do it themselves.
---@param class table
---@param noun string
---@param names string[] of the methods
function receiver.guard(class, noun, names)
  for _, name in ipairs(names) do
    local method = class[name]
    class[name] = function(self, ...)
      if getmetatable(self) ~= class then refuse(noun, name, self) end
      return method(self, ...)
    end
  end
end

--- The same for all methods of a class, once it has them. A table that has a method of that
--- name will do, so that classes may inherit. Names with "__" are left as they are, and those
--- in `but`.
---@param class table
---@param noun string
---@param but table<string, boolean>|nil names
function receiver.guard_all(class, noun, but)
  for name, method in pairs(functions_of(class)) do
    if not name:find "^__" and not (but and but[name]) then
      class[name] = function(self, ...)
        if type(self) ~= "table" or not self[name] then refuse(noun, name, self) end
        return method(self, ...)
      end
    end
  end
end

--- The other way round: the functions of a module say so when they were called on it, with
--- a colon.
---@param module table with all of its functions
---@param what string as scripts call it: "cro.tcp"
---@return table module itself
function receiver.plain(module, what)
  for name, fn in pairs(functions_of(module)) do
    module[name] = function(...)
      if ... ~= module then return fn(...) end
      errors.misuse(("%s.%s is called on %s itself; write %s.%s(...), with a dot"):format(what, name, what, what, name))
    end
  end
  return module
end

return receiver
