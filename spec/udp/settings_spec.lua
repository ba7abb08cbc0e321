local cro = require "cro"
local await, pawait = cro.await, cro.pawait

describe("settings of a UDP socket #loop", function()
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

  local function heard_by(socket)
    local list = {}
    socket:data():tap(function(text) list[#list + 1] = text end)
    return list
  end

  it("allow a broadcast only when told so", function()
    local receiver = keep(await(cro.udp.bind("0.0.0.0", 0)))
    local heard = heard_by(receiver)
    local sender = keep(cro.udp.socket())
    local _, err = pawait(sender:send("127.255.255.255", receiver.socket_port, "no"))
    assert.equal("access", err.kind)
    assert.matches("needs the option broadcast = true", err.message)
    sender:set_broadcast(true)
    await(sender:send("127.255.255.255", receiver.socket_port, "yes"))
    sender:set_broadcast(false)
    _, err = pawait(sender:send("127.255.255.255", receiver.socket_port, "no"))
    assert.equal("access", err.kind)
    await(keep(cro.udp.socket { broadcast = true }):send("127.255.255.255", receiver.socket_port, "too"))
    clock:settle()
    assert.same({ "yes", "too" }, heard)
  end)

  --- A sender to groups by the loopback; why this machine has no multicast there, if so.
  local function multicast(group, host, port)
    local sender = keep(cro.udp.socket())
    sender:multicast_interface "lo"
    sender:multicast_loop(true)
    sender:multicast_ttl(1)
    local _, err = pawait(sender:send(group, port, "to " .. host))
    return sender, err
  end

  it("join and leave multicast groups", function()
    local receiver = keep(await(cro.udp.bind {
      host = "0.0.0.0", port = 0, reuse_address = true, multicast = { "239.1.2.3", interface = "lo" },
    }))
    local heard = heard_by(receiver)
    local sender, err = multicast("239.1.2.3", "v4", receiver.socket_port)
    if err then pending("no multicast over the loopback here: " .. err.message) end
    clock:settle()
    receiver:leave("239.1.2.3", "lo")
    await(sender:send("239.1.2.3", receiver.socket_port, "unheard"))
    clock:settle()
    receiver:join("239.1.2.3", "127.0.0.1")
    await(sender:send("239.1.2.3", receiver.socket_port, "again"))
    clock:settle()
    assert.same({ "to v4", "again" }, heard)
  end)

  it("join groups of IPv6", function()
    local receiver, why = pawait(cro.udp.bind { host = "::", port = 0, multicast = { "ff02::1234", interface = "lo" } })
    if not receiver then pending("no multicast of IPv6 here: " .. why.message) end
    keep(receiver)
    local heard = heard_by(receiver)
    local _, err = multicast("ff02::1234", "v6", receiver.socket_port)
    if err then pending("no multicast of IPv6 over the loopback here: " .. err.message) end
    clock:settle()
    assert.same({ "to v6" }, heard)
  end)

  it("take several groups in every way of writing them", function()
    local groups = require "cro.udp.groups"
    local one, lo = { group = "239.1.1.1" }, { group = "239.1.1.2", interface = "lo" }
    assert.same({}, groups.list("f", nil))
    assert.same({ one }, groups.list("f", "239.1.1.1"))
    assert.same({ lo }, groups.list("f", { "239.1.1.2", interface = "lo" }))
    assert.same({ one, lo }, groups.list("f", { "239.1.1.1", { "239.1.1.2", interface = "lo" } }))
    assert.same({ lo, lo }, groups.list("f", { "239.1.1.2", { "239.1.1.2" }, interface = "lo" }))
  end)

  it("refuse groups and interfaces that are none, and leave no socket open", function()
    local cases = {
      { "10.0.0.1", "invalid", '"10.0.0.1" is no multicast group' },
      { "example.org", "invalid", '"example.org" is no multicast group' },
      { { "239.1.1.1", interface = "nope0" }, "address_not_available", 'there is no interface "nope0"' },
      { { "239.1.1.1", interface = "192.0.2.77" }, "address_not_available", 'there is no interface "192.0.2.77"' },
    }
    for _, case in ipairs(cases) do
      local _, err = pawait(cro.udp.bind { host = "0.0.0.0", port = 0, multicast = case[1] })
      assert.equal(case[2], err.kind)
      assert.matches(case[3], err.message, 1, true)
    end
    assert.equal(0, cro.stats().udp)
    local socket = keep(cro.udp.socket())
    local ok, err = pcall(socket.leave, socket, "239.1.1.1", "lo")
    assert.is_false(ok)
    assert.matches('leave: 239.1.1.1 was not joined on the interface "lo"', err.message)
    ok, err = pcall(socket.multicast_interface, socket, "nope0")
    assert.is_false(ok)
    assert.matches('multicast_interface: there is no interface "nope0"', err.message)
  end)

  it("bound how far datagrams go", function()
    local socket = keep(await(cro.udp.bind { host = "127.0.0.1", port = 0, ttl = 3 }))
    socket:set_ttl(255)
    assert.equal(1, await(socket:send("127.0.0.1", socket.socket_port, "x")))
    local both = keep(cro.udp.socket { ttl = 1, send_buffer = 65536, recv_buffer = 65536 })
    both:set_ttl(2)
    both:multicast_ttl(0)
  end)

  describe("say what is wrong with", function()
    local cases = {
      { "no port", 'cro.udp.bind: option "port" is required', function() cro.udp.bind() end },
      { "a port that is none", 'option "port": expected a whole number from 0 to 65535, got the number 70000',
        function() cro.udp.bind("127.0.0.1", 70000) end },
      { "a peer without a port", 'cro.udp.connect: option "port": expected a whole number from 1 to 65535',
        function() cro.udp.connect("127.0.0.1", 0) end },
      { "no peer", 'cro.udp.connect: option "host" is required', function() cro.udp.connect { port = 5 } end },
      { "an unknown option", 'cro.udp.bind: unknown option "polcy"; did you mean "policy"',
        function() cro.udp.bind { port = 0, polcy = "error" } end },
      { "an unknown policy", 'option "policy": expected one of "drop_newest", "drop_oldest", "error"',
        function() cro.udp.bind { port = 0, policy = "wait" } end },
      { "an option of bind given to socket", 'cro.udp.socket: unknown option "port"',
        function() cro.udp.socket { port = 5 } end },
      { "no hops at all", "expected a whole number from 1 to 255", function() cro.udp.socket { ttl = 0 } end },
      { "data without a target", "call socket:send(host, port, data), or connect the socket",
        function() keep(cro.udp.socket()):send "x" end },
      { "data that is none", "a string expected as data, got the number 5",
        function() keep(cro.udp.socket()):send("127.0.0.1", 9, 5) end },
      { "a target without a port", "port must be a whole number from 1 to 65535, got the number 0",
        function() keep(cro.udp.socket()):send("127.0.0.1", 0, "x") end },
      { "a target of a connected socket", "this socket is connected to 127.0.0.1:9; call socket:send(data)",
        function() keep(await(cro.udp.connect("127.0.0.1", 9))):send("127.0.0.1", 9, "x") end },
      { "a setting", "socket:set_ttl: a whole number from 1 to 255 expected, got the number 256",
        function() keep(cro.udp.socket()):set_ttl(256) end },
      { "a switch", "socket:set_broadcast: argument 1: expected boolean, got the number 1",
        function() keep(cro.udp.socket()):set_broadcast(1) end },
      { "a group", 'option "multicast": expected a group such as "239.1.2.3", got the number 5',
        function() cro.udp.socket { multicast = { 5 } } end },
      { "a key of a group", 'option "multicast": unknown key the string "iface"; it knows interface',
        function() cro.udp.socket { multicast = { "239.1.1.1", iface = "lo" } } end },
    }
    for _, case in ipairs(cases) do
      it(case[1], function()
        local ok, message = pcall(case[3])
        assert.is_false(ok)
        assert.matches(case[2], message, 1, true)
      end)
    end
  end)
end)
