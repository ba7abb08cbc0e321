local cro = require "cro"
local http = require "cro.http"
local program = require "spec.support.program"
local r = require "cro.http.router"
local wire = require "spec.support.wire"
local await, pawait = cro.await, cro.pawait

--- Real seconds, whatever the clock of the program shows.
local function real()
  local file = assert(io.open "/proc/uptime")
  local seconds = file:read "*n"
  file:close()
  return seconds
end

describe("cro.test.clock of the loop #loop", function()
  local clock, began

  before_each(function()
    began = real()
    clock = cro.test.clock()
  end)

  after_each(function()
    clock:restore()
    assert.is_true(real() - began < 5)
  end)

  it("lets a minute pass in no time, and fires each timer when it is due", function()
    local seen = {}
    cro.start(function()
      for _ = 1, 3 do
        cro.sleep(15.5)
        seen[#seen + 1] = clock:now()
      end
    end)
    local late = cro.Promise.after(60)
    local ticks = 0
    local tap = cro.Supply.interval(0.01):tap(function() ticks = ticks + 1 end)
    clock:advance(59.999)
    assert.equal("planned", late:status())
    assert.same({ 15.5, 31, 46.5 }, seen)
    assert.equal(6000, ticks)
    clock:advance(0.001)
    assert.equal("kept", late:status())
    assert.equal(60, clock:now())
    tap:close()
  end)

  it("has the wall clock stand still and pass as well", function()
    local wall, now = cro.clock.wall(), cro.now()
    cro.Promise.after(0.001)
    assert.equal(wall, cro.clock.wall())
    clock:advance(86400)
    assert.equal(86400, cro.clock.wall() - wall)
    assert.is_true(math.abs(cro.now() - now - 86400) < 1e-6)
  end)

  it("never goes back when it is restored, and goes on", function()
    clock:advance(1000)
    local before = cro.now()
    clock:restore()
    local after = cro.now()
    assert.is_true(after >= before and after - before < 2)
    cro.sleep(0.005)
    assert.is_true(cro.now() - after >= 0.005)
  end)

  it("has everything that was sent arrive before time passes", function()
    local client, server = cro.test.tcp_pair()
    local order = {}
    server:supply():tap {
      value = function(bytes)
        order[#order + 1] = ("%s at %g"):format(bytes, clock:now())
        if bytes == "ping" then server:write "pong" end
      end,
      done = function() order[#order + 1] = "end at " .. clock:now() end,
    }
    client:supply():tap(function(bytes) order[#order + 1] = ("%s at %g"):format(bytes, clock:now()) end)
    for at = 1, 3 do
      cro.clock.timer(at, function() client:write "ping" end)
    end
    cro.clock.timer(4, function() client:shutdown() end)
    clock:advance(10)
    assert.same({
      "ping at 1", "pong at 1", "ping at 2", "pong at 2", "ping at 3", "pong at 3", "end at 4",
    }, order)
    client:close()
    server:close()
  end)

  it("settles when a conversation of any length is over", function()
    local client, server = cro.test.tcp_pair()
    local rounds = 0
    server:supply():tap(function(bytes) server:write(bytes) end)
    client:supply():tap(function(bytes)
      rounds = rounds + 1
      if rounds < 500 then client:write(bytes) end
    end)
    client:write "x"
    clock:settle()
    assert.equal(500, rounds)
    assert.equal(0, clock:now())
    client:abort()
    server:abort()
    clock:settle()
  end)

  it("looks names up before time passes", function()
    local connecting = cro.tcp.connect { host = "localhost", port = 1, timeout = 30 }
    clock:settle()
    assert.equal("refused", connecting:cause().kind)
    assert.equal(0, clock:now())
  end)

  it("does not wait for what never rests", function()
    local going = true
    cro.start(function()
      while going do
        cro.sleep(0)
      end
    end)
    local late = cro.Promise.after(2)
    clock:advance(5)
    assert.equal("kept", late:status())
    assert.equal(5, clock:now())
    going = false
  end)

  it("stands still for what waits no time at all, which goes on", function()
    cro.sleep(0)
    cro.sleep(-1)
    await(cro.Promise.after(0))
    assert.equal(0, clock:now())
  end)

  it("is exact, whatever the numbers are", function()
    local odd = {}
    for i = 1, 2000 do
      local before = clock:now()
      local job = cro.start(function()
        cro.sleep(0.05)
        return clock:now() - before
      end)
      clock:advance(0.05 + i % 7 / 1000)
      if math.abs(job:result() - 0.05) > 1e-9 then odd[#odd + 1] = job:result() end
    end
    assert.same({}, odd)
  end)

  it("rounds no timer down: one of a fraction of a millisecond fires in the next", function()
    local seen
    clock:advance(0.0004)
    cro.clock.timer(0.001, function() seen = clock:now() end)
    clock:advance(0.0012)
    assert.is_nil(seen)
    clock:advance(0.0004)
    assert.equal(0.002, seen)
  end)

  describe("moves the deadlines of", function()
    local service

    local function start(options)
      options.host, options.port = "127.0.0.1", 0
      options.application = r.route {
        r.get("/", function(c) c:text "here" end),
        r.get("/slow", function(c)
          cro.sleep(20)
          c:text "late"
        end),
      }
      service = http.server(options)
      service:start()
      local _, port = service:address()
      return port
    end

    after_each(function()
      clock:restore()
      if service then await(service:stop { now = true }) end
      service = nil
    end)

    local function reader(port, text)
      local client = await(cro.tcp.connect("127.0.0.1", port))
      local all = client:supply():list()
      if text then client:write(text) end
      return all, client
    end

    it("a keep-alive connection", function()
      local all = reader(start { timeouts = { keepalive = 60 } }, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      clock:advance(59.9)
      assert.equal("planned", all:status())
      clock:advance(0.2)
      assert.equal("kept", all:status())
      assert.matches("^HTTP/1.1 200", all:result()[1])
    end)

    it("a head that does not come to its end", function()
      local all = reader(start { timeouts = { header = 10 } }, "GET / HT")
      clock:advance(9.9)
      assert.equal("planned", all:status())
      clock:advance(0.2)
      assert.matches("^HTTP/1.1 408", table.concat(all:result()))
    end)

    it("a handler that takes too long, and shows the time to its answer", function()
      local all = reader(start { timeouts = { handler = 5 } }, wire.request("GET", "/slow"))
      local date
      clock:advance(4.9)
      assert.equal("planned", all:status())
      date = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(cro.clock.wall() + 0.1))
      clock:advance(0.1)
      local answer = table.concat(all:result())
      assert.matches("^HTTP/1.1 503", answer)
      assert.equal(date, answer:match "[Dd]ate: ([^\r]*)")
    end)

    it("a drain", function()
      local all = reader(start { timeouts = { drain = 8 } }, wire.request("GET", "/slow"))
      clock:settle()
      local stopped = service:stop()
      clock:advance(7.9)
      assert.equal("planned", stopped:status())
      clock:advance(0.2)
      assert.equal("kept", stopped:status())
      assert.equal("broken", all:status())
      pawait(all)
      service = nil
    end)

    it("a write to a peer that takes nothing", function()
      local client, server = cro.test.tcp_pair()
      server:write(("x"):rep(8e6)):observe()
      clock:advance(29.9)
      local closed = server:closed()
      assert.equal("planned", closed:status())
      for _ = 1, 5 do -- the kernel may move a little between its own buffers, in its own time
        if closed:status() == "planned" then clock:advance(30) end
      end
      assert.equal("timeout", closed:cause().kind)
      client:abort()
    end)

    it("a connection to a host that does not answer", function()
      -- Nobody accepts: when the backlog is full, the kernel drops what comes.
      local bound, busy = cro.Promise.new(), cro.Promise.new()
      local tap = cro.tcp.listen {
        host = "127.0.0.1", port = 0, backlog = 1, bound = function(_, port) bound:keep(port) end,
      }:tap(function() await(busy) end)
      local port, connecting = await(bound), {}
      for i = 1, 6 do
        connecting[i] = cro.tcp.connect { host = "127.0.0.1", port = port, timeout = 30 }
        connecting[i]:observe()
        clock:settle()
      end
      assert.equal("planned", connecting[6]:status())
      clock:advance(29.9)
      assert.equal("planned", connecting[6]:status())
      clock:advance(0.1)
      assert.equal("timeout", connecting[6]:cause().kind)
      busy:keep()
      tap:close()
    end)
  end)

  it("jumps from timer to timer while a function runs", function()
    clock:restore()
    local answer, took = cro.test.clock(function(time)
      local service = http.server {
        host = "127.0.0.1",
        port = 0,
        application = r.route { r.get("/", function(c)
          cro.sleep(12)
          c:text "late"
        end) },
      }
      service:start()
      local answer = wire.ask(service, "GET", "/")
      await(service:stop { now = true })
      return answer, time:now()
    end)
    assert.same({ 200, "late", 12 }, { answer.status, answer.body, took })
  end)

  it("is restored when the function raised", function()
    clock:restore()
    assert.has_error(function() cro.test.clock(function() error("on purpose", 0) end) end, "on purpose")
    cro.sleep(0.001)
  end)

  it("ends with the program, whose clean-up takes real time", function()
    local folder = program.folder()
    program.write(folder .. "/main.lua", [[
      local cro = require "cro"
      cro.test.clock()
      cro.defer(function() cro.sleep(0.01) print "cleaned up" end)
    ]])
    local run = program.shell(folder, program.crolua() .. " main.lua")
    assert.same({ "cleaned up\n", "", 0 }, { run.out, run.err, run.status })
    program.write(folder .. "/main.lua", 'local cro = require "cro"\ncro.test.clock()\ncro.sleep(1)\n')
    run = program.shell(folder, program.crolua() .. " main.lua")
    assert.equal(1, run.status)
    assert.matches("main.lua:3 waits for ever: .*the clock is stopped", run.err)
    program.remove(folder)
  end)
end)

describe("cro.test.tcp_pair #loop", function()
  it("makes two connections that talk to each other, and leaves no listener", function()
    local listeners = cro.stats().listeners
    local a, b = cro.test.tcp_pair()
    assert.equal(listeners, cro.stats().listeners)
    assert.equal(a.socket_port, b.peer_port)
    a:write "to b"
    b:write "to a"
    a:shutdown()
    b:shutdown()
    assert.same({ "to b" }, { await(b:supply()) })
    assert.same({ "to a" }, { await(a:supply()) })
  end)
end)
