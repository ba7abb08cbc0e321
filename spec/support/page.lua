--- What the plans of several pages need; see spec/docs_spec.lua.
local page = {}

--- Sends text to a service and returns all that comes back.
---@async
function page.say(service, text)
  local conn = require("cro").await(require("cro").tcp.connect(service:address()))
  conn:write(text)
  conn:shutdown()
  return table.concat(require("cro").await(conn:supply():list()))
end

--- Entries of a route table that stand by themselves are noted, to be served.
function page.noting_router(run)
  local router = require "cro.http.router"
  run.entries = {}
  return setmetatable({}, {
    __index = function(_, name)
      return function(...)
        local entry = router[name](...)
        run.entries[#run.entries + 1] = entry
        return entry
      end
    end,
  })
end

--- Serves routes until the example is over.
---@async
function page.serve(run, routes)
  run.service = require("cro.http").server { host = "127.0.0.1", port = 0, application = routes }
  return run.service:start()
end

--- Serves the entries that were noted, and these.
---@async
function page.serve_entries(run, ...)
  local entries = { unpack(run.entries) }
  for _, entry in ipairs { ... } do
    entries[#entries + 1] = entry
  end
  return page.serve(run, require("cro.http.router").route(entries))
end

--- A rewrite that returns locals of the block, for what it defines and does not use.
---@param names string
function page.returning(names)
  return function(code) return code .. "\nreturn " .. names end
end

function page.line_type()
  return require("cro").message { name = "Line" }
end

return page
