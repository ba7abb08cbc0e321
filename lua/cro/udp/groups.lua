--- Multicast groups as options name them, and what is wrong with them.
local errors = require "cro.errors"
local options = require "cro.options"

local groups = {}

local function add(list, name, group, interface)
  if type(group) ~= "string" then
    errors.misuse(('%s: option "multicast": expected a group such as "239.1.2.3", got %s'):format(
      name, options.show(group)))
  end
  if interface ~= nil and type(interface) ~= "string" then
    errors.misuse(('%s: option "multicast": interface must be a name or an address, got %s'):format(
      name, options.show(interface)))
  end
  list[#list + 1] = { group = group, interface = interface }
end

local function add_table(list, name, given, interface)
  for key in pairs(given) do
    if type(key) ~= "number" and key ~= "interface" then
      errors.misuse(('%s: option "multicast": unknown key %s; it knows interface'):format(name, options.show(key)))
    end
  end
  interface = given.interface or interface
  for _, entry in ipairs(given) do
    if type(entry) == "table" then
      add_table(list, name, entry, interface)
    else
      add(list, name, entry, interface)
    end
  end
end

--- The groups of an option: one by its address, or a list of such and of lists, each with
--- the field `interface` or that of the list it is in.
---@param name string of the function, for messages
---@param given nil|string|table
---@return { group: string, interface: string|nil }[]
function groups.list(name, given)
  local list = {}
  if type(given) == "string" then
    add(list, name, given)
  elseif given then
    add_table(list, name, given)
  end
  return list
end

--- Completes an error of joining, leaving or choosing an interface.
---@param err cro.Error
---@param group string
---@param interface string|nil
---@return cro.Error
function groups.explain(err, group, interface)
  if err.kind == "invalid" and err.op ~= "multicast_interface" then
    err.message = ("%s: %q is no multicast group; give a numeric address from 224.0.0.0 to "
      .. "239.255.255.255, or of ff00::/8"):format(err.op, group)
  elseif err.kind == "address_not_available" then
    local at = interface and (" on the interface %q"):format(interface) or ""
    err.message = err.op == "leave" and ("leave: %s was not joined%s, or there is no such interface"):format(group, at)
      or interface and ("%s: there is no interface %q; give a name as `ip link` shows them, or its IPv4 address")
        :format(err.op, interface)
      or ("%s: no interface has a route to %s; name one"):format(err.op, group)
  end
  return err
end

return groups
