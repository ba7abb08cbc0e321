--- The request methods a server may route, in the order an Allow header lists them.
local errors = require "cro.errors"
local opts = require "cro.options"

local methods = {}

--- Their names.
methods.all = {
  "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND",
  "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "BIND", "REBIND", "UNBIND",
  "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE",
  "PURGE", "MKCALENDAR", "LINK", "UNLINK",
}

local known = {}
for _, name in ipairs(methods.all) do
  known[name] = true
end

--- Raises at the line of the script when a name is no method this server can read.
---@param function_name string
---@param name any
function methods.check(function_name, name)
  if known[name] then return end
  if type(name) ~= "string" then
    errors.misuse(("%s: expected the name of a method, got %s"):format(function_name, opts.show(name)))
  end
  local near = known[name:upper()] and name:upper() or opts.nearest(name:upper(), methods.all)
  errors.misuse(("%s: no such method %q; %s"):format(function_name, name,
    near and ("did you mean %q?"):format(near) or "methods are " .. table.concat(methods.all, ", ")))
end

--- The value of an Allow header: HEAD comes with GET, OPTIONS always.
---@param set table<string, boolean>
---@return string
function methods.allow(set)
  local list = {}
  for _, name in ipairs(methods.all) do
    local implied = name == "OPTIONS" or (name == "HEAD" and set.GET)
    if set[name] or implied then list[#list + 1] = name end
  end
  return table.concat(list, ", ")
end

return methods
