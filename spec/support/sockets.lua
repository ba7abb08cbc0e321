--- Both ends of connections, for specs that run in a loop.
local assert = require "luassert"
local cro = require "cro"
local await, pawait, Promise = cro.await, cro.pawait, cro.Promise

local sockets = {}

--- A listener on a port of the system's choice; the port, the tap and the host.
function sockets.listen(handler, more)
  local given = { host = "127.0.0.1", port = 0 }
  for key, value in pairs(more or {}) do
    given[key] = value
  end
  local listener = cro.tcp.listen(given)
  local tap = listener:tap { value = handler, quit = function() end }
  local at = await(listener:address())
  return at.port, tap, at.host
end

--- Both ends of one connection, and what closes the listener.
function sockets.pair(more, connect)
  local accepted = Promise.new()
  local port, tap, host = sockets.listen(function(connection) accepted:keep(connection) end, more)
  local client = await(cro.tcp.connect(host, port, connect))
  return client, await(accepted), tap
end

--- The same of the unix family.
function sockets.unix_pair(path, more)
  local accepted, given = Promise.new(), { path = path }
  for key, value in pairs(more or {}) do
    given[key] = value
  end
  local listener = cro.unix.listen(given)
  local tap = listener:tap(function(connection) accepted:keep(connection) end)
  await(listener:address())
  local client = await(cro.unix.connect(path))
  return client, await(accepted), tap
end

--- Everything that comes until the end.
function sockets.read_all(connection)
  local got, ended = {}, Promise.new()
  connection:supply():tap {
    value = function(bytes) got[#got + 1] = bytes end,
    done = function() ended:keep(true) end,
    quit = function(err) ended:fail(err) end,
  }
  await(ended)
  return table.concat(got)
end

--- What broke the promise is of that kind, and says that.
function sockets.broken(promise, kind, text)
  local _, err = pawait(promise)
  assert.is_table(err)
  assert.equal(kind, err.kind)
  if text then assert.equal(text, tostring(err)) end
  return err
end

--- The call is an error that says that.
function sockets.refused(text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

return sockets
