--- Methods called with a dot instead of a colon: what is said then.
local errors = require "cro.errors"
local options = require "cro.options"

local receiver = {}

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

return receiver
