local cro = require "cro"
local ffi = require "ffi"
local sockets = require "spec.support.sockets"
local tcp = cro.tcp
local await, pawait = cro.await, cro.pawait
local listen, pair, read_all, broken, refused =
  sockets.listen, sockets.pair, sockets.read_all, sockets.broken, sockets.refused

ffi.cdef "int getsockopt(int fd, int level, int name, void *value, unsigned *size);"

--- Linux: level and name.
local KEEPALIVE, NODELAY = { 1, 9 }, { 6, 1 }
local IDLE, INTERVAL, COUNT, V6ONLY = { 6, 4 }, { 6, 5 }, { 6, 6 }, { 41, 26 }

local function option(fd, which)
  local value, size = ffi.new "int[1]", ffi.new("unsigned[1]", 4)
  assert.equal(0, ffi.C.getsockopt(fd, which[1], which[2], value, size))
  return value[0]
end

describe("TCP #loop", function()
  describe("options", function()
    local cases = {
      { "a port is needed", 'cro.tcp.connect: option "port" is required (number)', tcp.connect, "127.0.0.1" },
      { "a port is at most 65535", "expected a whole number from 1 to 65535, got the number 65536",
        tcp.connect, "::1", 65536 },
      { "a port is whole", 'cro.tcp.listen: option "port": expected a whole number from 0 to 65535, got the number 1.5',
        tcp.listen, "::1", 1.5 },
      { "a name is nearly right", 'cro.tcp.connect: unknown option "nodely"; did you mean "nodelay"?',
        tcp.connect, "::1", 1, { nodely = true } },
      { "a name is nearly right for listen", 'cro.tcp.listen: unknown option "bakclog"; did you mean "backlog"?',
        tcp.listen, { port = 1, bakclog = 5 } },
      { "a type is wrong", 'cro.tcp.listen: option "backlog": expected number, got the string "x"',
        tcp.listen, { port = 1, backlog = "x" } },
      { "bound is a function", 'option "bound": expected function', tcp.listen, "::1", 0, { bound = 3 } },
      { "options are a table", "a table of options expected after the port, got the number 3", tcp.listen, "::1", 0, 3 },
      { "a timeout is above 0", 'option "timeout": expected a number of seconds above 0, got the number -1',
        tcp.connect, "::1", 1, { timeout = -1 } },
      { "a keep-alive is in seconds or false",
        'option "keep_alive": expected whole seconds from 1 to 32767, or false, got the boolean true',
        tcp.connect, "::1", 1, { keep_alive = true } },
      { "a keep-alive is not too long", "expected whole seconds from 1 to 32767, or false, got the number 40000",
        tcp.listen, "::1", 1, { keep_alive = 40000 } },
      { "a port of this side is one", 'option "local_port": expected a whole number from 0 to 65535, got the number -1',
        tcp.connect, "::1", 1, { local_port = -1 } },
      { "a backlog is a number of connections", 'option "backlog": expected a whole number from 1 to 65535, got the number 0',
        tcp.listen, "::1", 1, { backlog = 0 } },
    }
    for _, case in ipairs(cases) do
      it("are refused unless " .. case[1], function() refused(case[2], case[3], case[4], case[5], case[6]) end)
    end

    it("may be one table", function()
      local port, tap = listen(function(connection) connection:close() end)
      local client = await(tcp.connect { host = "127.0.0.1", port = port, timeout = 5 })
      assert.equal("", read_all(client))
      tap:close()
    end)
  end)


  describe("the descriptor of a connection", function()
    it("is there while it is open", function()
      local client, server, tap = pair()
      assert.is_true(client:fd() > 2)
      assert.not_equal(client:fd(), server:fd())
      client:abort()
      assert.is_nil(client:fd())
      server:abort()
      tap:close()
    end)
  end)

  describe("nodelay", function()
    it("is off unless asked for, on either side", function()
      local client, server, tap = pair()
      assert.equal(0, option(client:fd(), NODELAY))
      assert.equal(0, option(server:fd(), NODELAY))
      client:nodelay(true)
      assert.not_equal(0, option(client:fd(), NODELAY))
      client:nodelay(false)
      assert.equal(0, option(client:fd(), NODELAY))
      refused("connection:nodelay", client.nodelay, client, 1)
      client:abort()
      server:abort()
      tap:close()
    end)

    it("is an option of both sides", function()
      local client, server, tap = pair({ nodelay = true }, { nodelay = true })
      assert.not_equal(0, option(client:fd(), NODELAY))
      assert.not_equal(0, option(server:fd(), NODELAY))
      client:abort()
      server:abort()
      tap:close()
    end)
  end)

  describe("keep_alive", function()
    local function alive(connection)
      local fd = connection:fd()
      return option(fd, KEEPALIVE) ~= 0 and { option(fd, IDLE), option(fd, INTERVAL), option(fd, COUNT) }
    end

    it("is off unless asked for", function()
      local client, server, tap = pair({ keep_alive = false })
      assert.is_false(alive(client))
      assert.is_false(alive(server))
      client:abort()
      server:abort()
      tap:close()
    end)

    it("asks four times within the time of the silence before", function()
      local client, server, tap = pair({ keep_alive = 10 }, { keep_alive = 60 })
      assert.same({ 60, 15, 4 }, alive(client))
      assert.same({ 10, 3, 4 }, alive(server))
      client:keep_alive(1)
      assert.same({ 1, 1, 4 }, alive(client))
      client:keep_alive(false)
      assert.is_false(alive(client))
      client:abort()
      client:keep_alive(5) -- nothing, when it has closed
      server:abort()
      tap:close()
    end)

    it("takes seconds or false", function()
      local client, server, tap = pair()
      for _, wrong in ipairs { 0, -1, 1.5, 32768, true, "10" } do
        refused("connection:keep_alive: whole seconds from 1 to 32767 expected, or false, got",
          client.keep_alive, client, wrong)
      end
      client:abort()
      server:abort()
      tap:close()
    end)
  end)

  describe("a connection from a local address", function()
    it("comes from there, and from that port", function()
      local spare, other, gone = pair()
      local port = spare.socket_port
      spare:abort()
      other:abort()
      gone:close()
      local client, server, tap = pair(nil, { local_host = "127.0.0.2", local_port = port })
      assert.equal("127.0.0.2", client.socket_host)
      assert.equal(port, client.socket_port)
      assert.equal("127.0.0.2", server.peer_host)
      assert.equal(port, server.peer_port)
      client:abort()
      server:abort()
      tap:close()
    end)

    it("may be of a port alone, and 0 is any", function()
      local client, server, tap = pair(nil, { local_port = 0 })
      assert.equal("127.0.0.1", client.socket_host)
      client:abort()
      server:abort()
      tap:close()
    end)

    it("says what is wrong with the address", function()
      local port, tap = listen(function() end)
      broken(tcp.connect("127.0.0.1", port, { local_host = "localhost" }), "invalid",
        'connect: local_host must be a numeric address of this machine, got "localhost"')
      broken(tcp.connect("127.0.0.1", port, { local_host = "192.0.2.1" }), "address_not_available")
      broken(tcp.connect("127.0.0.1", port, { local_host = "::1" }), "address_not_available")
      tap:close()
    end)
  end)

  describe("a listener at every address of IPv6", function()
    local function reached(host, port)
      local connection = pawait(tcp.connect(host, port))
      if connection then connection:abort() end
      return connection ~= nil
    end

    it("is reached over IPv4 too, unless it is for IPv6 only", function()
      for _, only in ipairs { false, true } do
        local port, tap, host = listen(function(connection)
          assert.equal(only and 1 or 0, option(connection:fd(), V6ONLY))
          connection:close()
        end, { host = "::", ipv6_only = only })
        assert.equal("::", host)
        assert.is_true(reached("::1", port))
        assert.equal(not only, reached("127.0.0.1", port))
        tap:close()
      end
    end)

    it("for IPv6 only has an address of that family", function()
      local _, err = pawait(tcp.listen("127.0.0.1", 0, { ipv6_only = true }):promise())
      assert.equal("address_not_available", err.kind)
    end)
  end)

  describe("a name that is too long to be one", function()
    it("is refused before anybody is asked", function()
      local name = ("a."):rep(127)
      local text = ": a host name has at most 253 bytes, this one has 254"
      broken(tcp.connect(name, 1), "too_long", "connect" .. text)
      local listener = tcp.listen(name, 1)
      local _, err = pawait(listener:promise())
      assert.equal("listen" .. text, tostring(err))
      broken(listener:address(), "too_long", "listen" .. text)
      local _, other = pawait(tcp.connect(("a"):rep(251) .. ".b", 1))
      assert.not_equal("connect" .. text, tostring(other))
    end)
  end)

  describe("a name whose addresses all fail", function()
    it("tells of each of them", function()
      local port, tap = listen(function() end)
      tap:close()
      local err = broken(tcp.connect("localhost", port), "refused")
      assert.matches("^connect localhost:%d+: connection refused %(.*127%.0%.0%.1: connection refused", tostring(err))
      local seen = {}
      for _, one in ipairs(err.tried) do
        seen[one.host] = one.kind
      end
      assert.equal("refused", seen["127.0.0.1"])
    end)

    it("is not repeated when it was an address itself", function()
      local port, tap = listen(function() end)
      tap:close()
      broken(tcp.connect("127.0.0.1", port), "refused", ("connect 127.0.0.1:%d: connection refused"):format(port))
    end)
  end)
end)
