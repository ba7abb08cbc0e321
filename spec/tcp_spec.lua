local cro = require "cro"
local program = require "spec.support.program"
local sockets = require "spec.support.sockets"
local tcp = cro.tcp
local await, pawait, Promise = cro.await, cro.pawait, cro.Promise
local listen, pair, read_all, broken, refused =
  sockets.listen, sockets.pair, sockets.read_all, sockets.broken, sockets.refused

describe("TCP #loop", function()
  it("echoes, both ends reading and writing at once", function()
    local port, tap = listen(function(connection)
      connection:supply():tap {
        value = function(bytes) connection:write(bytes) end,
        done = function() connection:close() end,
      }
    end)
    local client = await(tcp.connect("127.0.0.1", port))
    assert.equal(6, await(client:write "hel\0lo"))
    client:write " again"
    client:shutdown()
    assert.equal("hel\0lo again", read_all(client))
    assert.is_true(await(client:closed()))
    tap:close()
  end)

  it("knows the addresses of both ends", function()
    local client, server, tap = pair()
    assert.equal("127.0.0.1", client.peer_host)
    assert.equal(client.socket_port, server.peer_port)
    assert.equal(client.peer_port, server.socket_port)
    assert.equal("TCP connection 127.0.0.1:" .. server.peer_port, tostring(server))
    client:close()
    tap:close()
  end)

  describe("a connection whose peer has sent its last", function()
    it("can still be written to", function()
      local client, server, tap = pair()
      client:write "question"
      client:shutdown()
      assert.equal("question", read_all(server))
      server:write "late answer"
      server:close()
      assert.equal("late answer", read_all(client))
      tap:close()
    end)

    it("takes no more writes on the side that has ended", function()
      local client, _, tap = pair()
      client:shutdown()
      broken(client:write "more", "closed")
      client:abort()
      tap:close()
    end)
  end)

  it("says who refused a connection", function()
    local port, tap = listen(function() end)
    tap:close()
    broken(tcp.connect("127.0.0.1", port), "refused", ("connect 127.0.0.1:%d: connection refused"):format(port))
  end)

  it("says which name does not resolve", function()
    local _, err = pawait(tcp.connect("no-such-host.invalid", 80))
    -- Without a name server at hand nobody can know that there is no such host.
    assert.is_true(err.kind == "dns_not_found" or err.kind == "dns_temporary")
    assert.matches("connect no-such-host.invalid:80: ", tostring(err), 1, true)
  end)

  it("gives a connection up when its promise is cancelled", function()
    local port, tap = listen(function() end)
    local promise = tcp.connect("127.0.0.1", port)
    promise:cancel()
    broken(promise, "cancelled")
    tap:close()
  end)

  describe("a listener", function()
    it("tells the port that the system chose for 0", function()
      local port, tap, host = listen(function() end)
      assert.is_true(port > 0 and port < 65536)
      assert.equal("127.0.0.1", host)
      tap:close()
    end)

    it("quits when its port is in use, and says which", function()
      local port, tap = listen(function() end)
      local quit = Promise.new()
      tcp.listen("127.0.0.1", port):tap { value = function() end, quit = function(err) quit:keep(err) end }
      local err = await(quit)
      assert.equal("address_in_use", err.kind)
      assert.equal(("listen 127.0.0.1:%d: address already in use"):format(port), tostring(err))
      tap:close()
    end)

    it("listens again on the port that it left", function()
      local port, tap = listen(function() end)
      tap:close()
      local bound = Promise.new()
      local again = tcp.listen { host = "127.0.0.1", port = port, bound = function(_, at) bound:keep(at) end }
        :tap(function() end)
      assert.equal(port, await(bound))
      again:close()
    end)

    it("leaves its connections open when its tap is closed", function()
      local client, server, tap = pair()
      tap:close()
      client:write "still"
      client:shutdown()
      assert.equal("still", read_all(server))
      server:close()
    end)

    it("brings one connection at a time to a handler that waits", function()
      local inside, most, seen = 0, 0, Promise.new()
      local count = 0
      local bound = Promise.new()
      local block = cro.start(function()
        cro.react(function()
          local listener = tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end })
          cro.whenever(listener, function(connection)
            inside = inside + 1
            most = math.max(most, inside)
            cro.sleep(0.005)
            inside = inside - 1
            connection:close()
            count = count + 1
            if count == 4 then
              seen:keep(true)
              cro.done()
            end
          end)
        end)
      end)
      local port = await(bound)
      for _ = 1, 4 do
        await(tcp.connect("127.0.0.1", port))
      end
      await(seen)
      await(block)
      assert.equal(1, most)
    end)
  end)

  describe("writing", function()
    it("waits while more than 64 KiB are queued, and loses nothing", function()
      local client, server, tap = pair()
      local piece = ("0123456789abcdef"):rep(65536)
      local count, room = 1, client:write(piece)
      while room:status() == "kept" and count < 100 do
        count, room = count + 1, client:write(piece)
      end
      assert.is_true(count < 100)
      assert.is_true(client:queued() > 65536)
      local more = client:write "more"
      client:write "most"
      local flushed = client:flush()
      assert.equal("planned", flushed:status())
      local all = cro.start(function() return read_all(server) end)
      assert.equal(#piece, await(room))
      assert.equal(4, await(more))
      await(flushed)
      assert.equal(0, client:queued())
      client:close()
      assert.is_true(await(all) == piece:rep(count) .. "moremost")
      server:close()
      tap:close()
    end)

    it("breaks what waits when the peer goes", function()
      local client, server, tap = pair()
      local room = client:write(("x"):rep(1024 * 1024))
      while room:status() == "kept" do
        room = client:write(("x"):rep(1024 * 1024))
      end
      local closed = client:closed()
      server:abort()
      local _, err = pawait(room)
      assert.is_true(err.kind == "reset" or err.kind == "broken_pipe")
      broken(closed, err.kind)
      tap:close()
    end)

    it("sends what is queued before it closes", function()
      local client, server, tap = pair()
      local text = ("y"):rep(16 * 1024 * 1024)
      local sent = client:write(text)
      assert.equal("planned", sent:status())
      client:close()
      client:close()
      assert.is_true(read_all(server) == text)
      assert.is_true(await(client:closed()))
      assert.equal(#text, await(sent))
      server:close()
      tap:close()
    end)

    it("after the end is a broken promise, not an error", function()
      local client, _, tap = pair()
      client:close()
      await(client:closed())
      broken(client:write "x", "closed",
        ("write: this side has ended %s with connection:close(); write before"):format(tostring(client)))
      broken(client:flush(), "closed")
      tap:close()
    end)

    it("takes strings, and numbers as their text", function()
      local client, server, tap = pair()
      refused("connection:write: a string or a number expected, got nothing", client.write, client)
      refused("connection:write: a string or a number expected, got a table", client.write, client, {})
      assert.equal(2, await(client:write(42)))
      assert.equal(5, await(client:print " dogs"))
      client:close()
      assert.equal("42 dogs", read_all(server))
      server:close()
      tap:close()
    end)
  end)

  describe("a connection aborted on this side", function()
    it("breaks what waits for it with an error of its own", function()
      local client, server, tap = pair()
      local room = client:write(("x"):rep(32 * 1024 * 1024))
      local flushed, closed = client:flush(), client:closed()
      client:abort()
      broken(closed, "aborted", tostring(client) .. ": aborted on this side")
      broken(room, "aborted")
      broken(flushed, "aborted")
      broken(client:write "x", "aborted", ("write %s: aborted on this side"):format(tostring(client)))
      server:abort()
      tap:close()
    end)

    it("is no cancellation for those who await it: they hear of it as of any error", function()
      local client, server, tap = pair()
      local waiter = cro.start(function() return await(client:closed()) end)
      cro.sleep(0.005)
      client:abort()
      broken(waiter, "aborted")
      local ok, err = cro.pcall(function()
        cro.react(function() cro.whenever(client:closed(), function() end) end)
      end)
      assert.is_false(ok)
      assert.equal("aborted", err.kind)
      server:abort()
      tap:close()
    end)
  end)

  describe("a peer that resets", function()
    it("breaks the block that reads it, closed() and later writes", function()
      local client, server, tap = pair()
      cro.start(function()
        cro.sleep(0.01)
        server:abort()
      end)
      local ok, err = pcall(function()
        cro.react(function() cro.whenever(client, function() end) end)
      end)
      assert.is_false(ok)
      assert.equal("reset", err.kind)
      broken(client:closed(), "reset")
      broken(client:write "x", "reset", ("write %s: connection reset by the peer"):format(tostring(client)))
      tap:close()
    end)
  end)

  describe("reading", function()
    it("closes the connection with its tap", function()
      local client, server, tap = pair()
      local reading = client:supply():tap(function() end)
      reading:close()
      assert.is_true(await(client:closed()))
      assert.equal("", read_all(server))
      server:close()
      tap:close()
    end)

    it("is refused to a second reader", function()
      local client, _, tap = pair()
      local reading = client:supply():tap(function() end)
      refused("is read already: a connection has one reader", function() client:supply():tap(function() end) end)
      reading:close()
      tap:close()
    end)

    it("stops while the handler waits, and nothing is lost", function()
      local client, server, tap = pair()
      local text = ("z"):rep(8 * 1024 * 1024)
      local got, pieces = 0, 0
      client:write(text)
      client:close()
      cro.react(function()
        cro.whenever(server, function(bytes)
          got, pieces = got + #bytes, pieces + 1
          if pieces == 1 then
            cro.sleep(0.05)
            assert.is_true(client:queued() > 0)
          end
        end)
      end)
      assert.equal(#text, got)
      tap:close()
    end)
  end)

  it("ends a program whose connections and listeners still have something to say", function()
    local folder = program.folder()
    program.write(folder .. "/end.lua", [[
      local cro = require "cro"
      local bound, read, two = cro.Promise.new(), cro.Promise.new(), cro.Promise.new()
      local listener = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end })
      cro.start(function()
        cro.react(function()
          cro.whenever(listener, function(connection)
            connection:supply():tap { buffer = 4, value = function() read:keep(true) cro.sleep(60) end }
            cro.sleep(60)
          end)
        end)
      end)
      local port = cro.await(bound)
      local one = cro.await(cro.tcp.connect("127.0.0.1", port))
      one:write "x"
      cro.await(read)
      for _ = 1, 3 do cro.await(cro.tcp.connect("127.0.0.1", port)):write "y" end
      one:write(("x"):rep(1000))
      cro.sleep(0.05)
      one:write "z"
      print "end"
    ]])
    local result = program.shell(folder, program.quote(program.crolua()) .. " end.lua")
    program.remove(folder)
    assert.same({ out = "end\n", err = "", status = 0 }, result)
  end)
end)
