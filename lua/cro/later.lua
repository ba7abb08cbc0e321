--- Functions whose module is loaded when one of them is first called.
local later = {}

--- A function in the place of a module's function.
---@param module string
---@param name string of the function in it
---@return function
function later.fn(module, name)
  local fn
  return function(...)
    fn = fn or require(module)[name]
    return fn(...)
  end
end

--- Puts functions into a class that a module will add to it, which replaces them all.
---@param class table
---@param module string
---@param names string[] of the functions the module adds
function later.add(class, module, names)
  for _, name in ipairs(names) do
    class[name] = class[name] or function(...)
      require(module)
      return class[name](...)
    end
  end
end

return later
