--- Both ends of connections under TLS, for specs that run in a loop.
local cro = require "cro"
local certificates = require "spec.support.certificates"
local await, Promise = cro.await, cro.Promise

local secured = {}

--- A listener on a port of the system's choice with a good certificate; the port, the tap
--- and the listener.
function secured.listen(handler, more)
  local given = certificates.options { host = "127.0.0.1", port = 0 }
  for key, value in pairs(more or {}) do
    given[key] = value
  end
  local listener = cro.tls.listen(given)
  local tap = listener:tap { value = handler, quit = function() end }
  local at = await(listener:address())
  return at.port, tap, listener
end

--- What a client needs to trust the listener.
function secured.trusting(more)
  local given = { ca_file = certificates.ca() }
  for key, value in pairs(more or {}) do
    given[key] = value
  end
  return given
end

--- Both ends of one connection, and what closes the listener.
function secured.pair(more, connect)
  local accepted = Promise.new()
  local port, tap = secured.listen(function(connection) accepted:keep(connection) end, more)
  local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting(connect)))
  return client, await(accepted), tap
end

local function count()
  local stats = cro.stats()
  return stats.tcp + stats.unix_sockets + stats.connecting + stats.listeners + stats.lingers
end

--- Has each case of the running `describe` leave no connection and no listener open.
function secured.each(before_each, after_each)
  local before
  before_each(function() before = count() end)
  after_each(function()
    local latest = cro.now() + 10
    while count() > before do
      if cro.now() > latest then error(("%d connections or listeners are left open"):format(count() - before), 2) end
      collectgarbage()
      cro.sleep(0.005)
    end
  end)
end

return secured
