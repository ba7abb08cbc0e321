local cro = require "cro"
local await, pawait, react, whenever = cro.await, cro.pawait, cro.react, cro.whenever

describe("cro.udp #loop", function()
  local open, clock

  before_each(function()
    open = {}
    clock = cro.test.clock()
  end)

  after_each(function()
    clock:restore()
    for _, socket in ipairs(open) do
      socket:close()
    end
    assert.equal(0, cro.stats().udp)
  end)

  local function keep(socket)
    open[#open + 1] = socket
    return socket
  end

  local function bind(options)
    options = options or {}
    options.host, options.port = options.host or "127.0.0.1", options.port or 0
    return keep(await(cro.udp.bind(options)))
  end

  --- What comes to a socket, in a list.
  local function collect(socket)
    local list = {}
    local tap = socket:supply():tap {
      value = function(datagram) list[#list + 1] = datagram end,
      done = function() list.done = true end,
      quit = function(err) list.quit = err end,
    }
    return list, tap
  end

  local function texts(list)
    local out = {}
    for i, datagram in ipairs(list) do
      out[i] = tostring(datagram)
    end
    return out
  end

  it("brings each datagram with who sent it", function()
    local server, client = bind(), bind()
    local got = collect(server)
    assert.equal(5, await(client:send("127.0.0.1", server.socket_port, "hello")))
    assert.equal(0, await(client:send("127.0.0.1", server.socket_port, "")))
    clock:settle()
    assert.same({ "hello", "" }, texts(got))
    assert.same({ data = "hello", host = "127.0.0.1", port = client.socket_port }, {
      data = got[1].data, host = got[1].host, port = got[1].port,
    })
    assert.is_nil(got[1].truncated)
    assert.is_true(cro.udp.is_datagram(got[2]))
  end)

  it("answers whoever asks, in a block", function()
    local server = bind()
    local heard
    react(function()
      whenever(server, function(d) await(server:send(d.host, d.port, d.data:upper())) end)
      local client = keep(await(cro.udp.connect("127.0.0.1", server.socket_port)))
      whenever(client:data(), function(text)
        heard = text
        cro.done()
      end)
      await(client:send "hello")
    end)
    assert.equal("HELLO", heard)
  end)

  it("carries 65507 bytes, and says how many are too many", function()
    local server, client = bind(), bind()
    local got = collect(server)
    local most = ("0123456"):rep(9358) .. "x"
    assert.equal(65507, await(client:send("127.0.0.1", server.socket_port, most)))
    local _, err = pawait(client:send("127.0.0.1", server.socket_port, most .. "y"))
    assert.equal("message_too_big", err.kind)
    assert.matches("65508 bytes were given; over IPv4 there are 65507 at most", err.message)
    _, err = pawait(client:send("127.0.0.1", server.socket_port, most .. most))
    assert.equal("message_too_big", err.kind)
    clock:settle()
    assert.equal(1, #got)
    assert.is_true(got[1].data == most)
  end)

  it("keeps max_size bytes of a datagram, and says that it was longer", function()
    local server, client = bind { max_size = 10 }, bind()
    local got = collect(server)
    for length = 9, 11 do
      await(client:send("127.0.0.1", server.socket_port, ("0123456789a"):sub(1, length)))
    end
    clock:settle()
    assert.same({ "012345678", "0123456789", "0123456789" }, texts(got))
    assert.same({ nil, nil, true }, { got[1].truncated, got[2].truncated, got[3].truncated })
  end)

  it("speaks IPv6, and of a sender over IPv4 as such", function()
    local server, err = pawait(cro.udp.bind("::", 0))
    if not server then pending("no IPv6 here: " .. err.message) end
    keep(server)
    local got = collect(server)
    local sender = keep(cro.udp.socket())
    await(sender:send("127.0.0.1", server.socket_port, "four"))
    local ok, failure = pawait(sender:send("::1", server.socket_port, "six"))
    if not ok then pending("no IPv6 here: " .. failure.message) end
    clock:settle()
    assert.same({ "four", "six" }, texts(got))
    assert.same({ "127.0.0.1", "::1" }, { got[1].host, got[2].host })
    local only = bind { host = "::1", ipv6_only = true }
    assert.equal("::1", only:address())
  end)

  it("looks names up, for a socket and for each datagram", function()
    local server = bind { host = "localhost" }
    assert.equal("127.0.0.1", server.socket_host)
    local got = collect(server)
    local sender = keep(cro.udp.socket())
    local first = sender:send("localhost", server.socket_port, "by name")
    assert.equal(7, await(first))
    local client = keep(await(cro.udp.connect("localhost", server.socket_port)))
    await(client:send "connected")
    clock:settle()
    assert.same({ "by name", "connected" }, texts(got))
  end)

  it("gives every tap every datagram, and goes on without the one that closes", function()
    local server, client = bind(), bind()
    local first, tap = collect(server)
    local second = collect(server)
    await(client:send("127.0.0.1", server.socket_port, "both"))
    clock:settle()
    tap:close()
    await(client:send("127.0.0.1", server.socket_port, "second"))
    clock:settle()
    assert.same({ "both" }, texts(first))
    assert.same({ "both", "second" }, texts(second))
  end)

  it("keeps what comes while nobody taps with the kernel", function()
    local server, client = bind(), bind()
    await(client:send("127.0.0.1", server.socket_port, "early"))
    clock:settle()
    local got, tap = collect(server)
    clock:settle()
    tap:close()
    await(client:send("127.0.0.1", server.socket_port, "later"))
    clock:settle()
    local again = collect(server)
    clock:settle()
    assert.same({ "early" }, texts(got))
    assert.same({ "later" }, texts(again))
  end)

  it("is done for all who tap it when it is closed, inside a handler too", function()
    local server, client = bind(), bind()
    local seen = {}
    server:supply():tap {
      value = function(d)
        seen[#seen + 1] = d.data
        server:close()
      end,
      done = function() seen[#seen + 1] = "done" end,
    }
    local other = collect(server)
    for _ = 1, 3 do
      await(client:send("127.0.0.1", server.socket_port, "x"))
    end
    clock:settle()
    assert.same({ "x", "done" }, seen)
    assert.is_true(other.done)
    server:close()
  end)

  it("says that it is closed, whatever is asked of it", function()
    local socket = bind()
    local port = socket.socket_port
    socket:close()
    local _, err = pawait(socket:send("127.0.0.1", 9, "x"))
    assert.same({ "closed", ("send: UDP socket 127.0.0.1:%d is closed; open another one"):format(port) },
      { err.kind, err.message })
    local calls = {
      function() socket:supply():tap(print) end,
      function() socket:set_broadcast(true) end,
      function() socket:set_ttl(3) end,
      function() socket:join "239.1.2.3" end,
      function() socket:multicast_interface "lo" end,
    }
    for _, call in ipairs(calls) do
      local ok, failure = pcall(call)
      assert.is_false(ok)
      assert.equal("closed", failure.kind)
    end
    assert.is_nil(socket:address())
    assert.equal(0, socket:dropped())
  end)

  describe("that is connected", function()
    local function unused_port()
      local socket = bind()
      local port = socket.socket_port
      socket:close()
      return port
    end

    it("hears from its peer alone", function()
      local server, other = bind(), bind()
      local client = keep(await(cro.udp.connect("127.0.0.1", server.socket_port)))
      local got = collect(client)
      await(other:send("127.0.0.1", client.socket_port, "not me"))
      await(server:send("127.0.0.1", client.socket_port, "me"))
      clock:settle()
      assert.same({ "me" }, texts(got))
      assert.same({ "127.0.0.1", server.socket_port }, { client.peer_host, client.peer_port })
    end)

    it("breaks the next send when nobody has the port", function()
      local client = keep(await(cro.udp.connect("127.0.0.1", unused_port())))
      assert.equal(3, await(client:send "one"))
      clock:settle()
      local _, err = pawait(client:send "two")
      assert.equal("refused", err.kind)
      assert.equal(5, await(client:send "three"))
    end)

    it("quits its supply when nobody has the port, and may be tapped again", function()
      local port = unused_port()
      local client = keep(await(cro.udp.connect("127.0.0.1", port)))
      local got = collect(client)
      await(client:send "one")
      clock:settle()
      assert.equal("refused", got.quit.kind)
      local server = bind { port = port }
      local asked, again = collect(server), collect(client)
      await(client:send "two")
      clock:settle()
      assert.same({ "two" }, texts(asked))
      await(server:send(asked[1].host, asked[1].port, "yes"))
      clock:settle()
      assert.same({ "yes" }, texts(again))
    end)
  end)

  describe("breaks its promise", function()
    it("when the port is taken, unless both may have it", function()
      local socket = bind { reuse_port = true }
      local _, err = pawait(cro.udp.bind("127.0.0.1", socket.socket_port))
      assert.equal("address_in_use", err.kind)
      assert.equal(("bind 127.0.0.1:%d: address already in use"):format(socket.socket_port), err.message)
      bind { port = socket.socket_port, reuse_port = true }
    end)

    it("when the address is not of this machine, or the name of none", function()
      local _, err = pawait(cro.udp.bind("192.0.2.1", 0))
      assert.equal("address_not_available", err.kind)
      _, err = pawait(cro.udp.bind("no.such.name.invalid", 0))
      assert.matches("^dns", err.kind)
      _, err = pawait(keep(cro.udp.socket()):send("no.such.name.invalid", 9, "x"))
      assert.matches("^dns", err.kind)
      assert.matches("^send no.such.name.invalid:9: ", err.message)
    end)

    it("when a socket of IPv4 is to send to IPv6", function()
      local _, err = pawait(bind():send("::1", 9, "x"))
      assert.equal("not_supported", err.kind)
      assert.matches("this socket is of IPv4", err.message)
    end)

    it("when it is cancelled while a name is looked up, and leaves nothing", function()
      local opening = cro.udp.bind("localhost", 0)
      opening:cancel()
      local _, err = pawait(opening)
      assert.equal("cancelled", err.kind)
    end)

    it("when the socket closes before a name is known", function()
      local socket = bind()
      local sending = socket:send("localhost", 9, "x")
      socket:close()
      local _, err = pawait(sending)
      assert.equal("closed", err.kind)
    end)

    it("when too much waits to be sent", function()
      local socket = bind()
      local sending = {}
      for i = 1, 1025 do
        sending[i] = socket:send("localhost", 9, "x")
      end
      local _, err = pawait(sending[1025])
      assert.equal("limit", err.kind)
      assert.matches("await socket:send", err.message)
      for i = 1, 1024 do
        assert.equal(1, await(sending[i]))
      end
    end)
  end)

  describe("has a slow consumer", function()
    local function flood(socket, count)
      local client = keep(await(cro.udp.connect("127.0.0.1", socket.socket_port)))
      for i = 1, count do
        await(client:send(tostring(i)))
      end
      clock:settle()
    end

    --- What a block hears that waits for ever at the first.
    local function hear(socket)
      local heard, failure = {}, nil
      local job = cro.start(function()
        react(function()
          whenever(socket, function(d)
            heard[#heard + 1] = d.data
            cro.sleep(1)
          end)
        end)
      end)
      job:or_else(function(err) failure = err end)
      return heard, function() return failure end
    end

    it("lose the newest when the queue is full, and counts them", function()
      local socket = bind { buffer = 3 }
      local before = cro.stats().udp_dropped
      local heard = hear(socket)
      clock:settle()
      flood(socket, 10)
      clock:advance(10)
      assert.same({ "1", "2", "3", "4" }, heard)
      assert.equal(6, socket:dropped())
      assert.equal(6, cro.stats().udp_dropped - before)
      socket:close()
      assert.equal(6, socket:dropped())
    end)

    it("lose the oldest if told so", function()
      local socket = bind { buffer = 3, policy = "drop_oldest" }
      local heard = hear(socket)
      clock:settle()
      flood(socket, 10)
      clock:advance(10)
      assert.same({ "1", "8", "9", "10" }, heard)
      assert.equal(6, socket:dropped())
    end)

    it("quit if told so", function()
      local socket = bind { buffer = 3, policy = "error" }
      local heard, failure = hear(socket)
      clock:settle()
      flood(socket, 10)
      clock:advance(10)
      assert.same({ "1", "2", "3", "4" }, heard)
      assert.equal("slow_consumer", failure().kind)
    end)

    it("counts what the kernel dropped, which it says with the next", function()
      local socket = bind { recv_buffer = 4096 }
      local client = bind()
      for _ = 1, 200 do
        await(client:send("127.0.0.1", socket.socket_port, ("x"):rep(500)))
      end
      local got = collect(socket)
      clock:settle()
      await(client:send("127.0.0.1", socket.socket_port, "one more"))
      clock:settle()
      assert.is_true(#got < 100)
      assert.equal(201 - #got, socket:dropped())
    end)

    it("in a pull loop, which has the loop's own queue", function()
      local socket, seen = bind(), {}
      cro.start(function()
        for datagram in socket:supply():each { buffer = 2 } do
          seen[#seen + 1] = datagram.data
          cro.sleep(1)
        end
        seen[#seen + 1] = "end"
      end)
      clock:settle()
      flood(socket, 6)
      clock:advance(5)
      socket:close()
      clock:settle()
      assert.equal("1", seen[1])
      assert.equal("end", seen[#seen])
      assert.equal(6, #seen - 1 + socket:dropped())
    end)
  end)
end)
