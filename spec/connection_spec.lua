local cro = require "cro"
local program = require "spec.support.program"
local sockets = require "spec.support.sockets"
local await, pawait = cro.await, cro.pawait
local pair, broken, refused = sockets.pair, sockets.broken, sockets.refused

describe("a connection #loop", function()
  local client, server, tap

  before_each(function() client, server, tap = pair() end)
  after_each(function()
    client:abort()
    server:abort()
    tap:close()
  end)

  local function fill()
    local room
    repeat room = client:write(("x"):rep(65536)) until room:status() == "planned"
    room:observe()
  end

  it("lets a write that waits be cancelled without touching the others", function()
    fill()
    local one, two = client:write "same", client:write "same"
    one:cancel()
    assert.equal("cancelled", one:cause().kind)
    assert.equal("planned", two:status())
    sockets.read_all(server:supply():head(1))
    server:abort()
    local _, err = pawait(two) -- nil when what was read has made room for it
    assert.not_equal("cancelled", err and err.kind)
  end)

  it("makes no heap of promises that nobody looks at", function()
    fill()
    local seen, count = {}, 0
    for _ = 1, 10000 do
      local promise = client:write "x"
      if not seen[promise] then
        seen[promise], count = true, count + 1
      end
    end
    assert.is_true(count <= 100, count .. " promises")
    client:abort()
    for promise in pairs(seen) do
      promise:observe()
    end
  end)

  it("tells of its end whoever asks, also after a time limit or a cancelled promise", function()
    local _, err = pawait(client:closed():timeout(0.005))
    assert.equal("timeout", err.kind)
    client:closed():cancel()
    local closed = client:closed()
    assert.equal("planned", closed:status())
    server:close()
    client:close()
    assert.is_true(await(closed))
  end)

  it("names itself in what goes wrong", function()
    local name = tostring(client)
    assert.matches("^TCP connection 127.0.0.1:%d+$", name)
    local reading = client:supply():promise()
    local closed = client:closed()
    server:abort()
    local err = broken(reading, "reset", name .. ": connection reset by the peer")
    assert.equal(name, err.address)
    broken(closed, "reset", name .. ": connection reset by the peer")
    broken(client:write "x", "reset", ("write %s: connection reset by the peer"):format(name))
    broken(client:flush(), "reset", ("flush %s: connection reset by the peer"):format(name))
  end)

  it("says who closed it, and what to do", function()
    local name = tostring(client)
    client:close()
    broken(client:write "x", "closed",
      ("write: this side has ended %s with connection:close(); write before"):format(name))
    await(client:closed())
    broken(client:flush(), "closed",
      ("flush: this side has ended %s with connection:close(); flush before"):format(name))
  end)

  it("is text by decode, however the characters were cut", function()
    local text = client:supply():decode():list()
    for byte in ("na\195\175ve \226\130\172"):gmatch "." do
      await(server:write(byte))
      cro.sleep(0.001)
    end
    server:close()
    assert.equal("na\195\175ve \226\130\172", table.concat(await(text)))
  end)

  it("quits and closes when what should be text is none", function()
    local seen = {}
    local ok, err = cro.pcall(function()
      cro.react(function()
        cro.whenever(client:supply():decode(), function(text) seen[#seen + 1] = text end)
        server:write "good \255 bad"
      end)
    end)
    assert.is_false(ok)
    assert.equal("decode", err.kind)
    assert.is_true(await(client:closed()))
    assert.equal("", table.concat(seen):gsub("^good ", ""), "nothing behind the wrong byte")
  end)

  it("says so when a method is called with a dot", function()
    refused("write is called on nothing; write connection:write(...), with a colon",
      function() client.write() end)
    refused('close is called on the string "now"; write connection:close(...), with a colon',
      function() client.close "now" end)
    refused("cro.tcp.connect is called on cro.tcp itself; write cro.tcp.connect(...), with a dot",
      function() cro.tcp:connect("localhost", 80) end)
  end)
end)

describe("what is given to listen and connect #loop", function()
  local function quit(...)
    local ok, err = pcall(await, cro.tcp.listen(...))
    assert.is_false(ok)
    return err
  end

  it("is refused when it is no descriptor, or none that listens", function()
    for _, fd in ipairs { -1, 0.5, 0 / 0, 2 ^ 31, 1e18 } do
      refused('option "fd": expected a descriptor, a whole number of 0 or more, got the number',
        function() cro.tcp.listen { fd = fd } end)
    end
    local err = quit { fd = 9999 }
    assert.equal("invalid", err.kind)
    assert.equal("listen: descriptor 9999 is not open", tostring(err))
    local file = io.tmpfile()
    local fd = require("cro.core").process_fd(file)
    assert.equal(("listen: descriptor %d is no socket that listens"):format(fd), tostring(quit { fd = fd }))
    file:close()
  end)

  it("is refused when the host is no name", function()
    refused('option "host": expected a name or an address, got the string ""', function() cro.tcp.connect("", 80) end)
    refused('option "host": expected a name or an address', function() cro.tcp.connect("a\0b", 80) end)
    refused('option "host": expected a name or an address', function() cro.tcp.listen("a\0b", 0) end)
  end)

  it("is explained when something else was written in the place of a name", function()
    local function cure(host, text)
      local err = broken(cro.tcp.connect(host, 80), "dns_not_found")
      assert.matches(text, tostring(err), 1, true)
    end
    cure("[::1]", 'without brackets: "::1"')
    cure("http://localhost", "a host is expected, not a URL")
    cure("localhost:80", "the port is an argument of its own")
  end)

  it("may stop listening by another who holds the descriptor, and takes no time then", function()
    local folder = program.folder()
    program.write(folder .. "/script.lua", [[
      local ffi = require "ffi"
      local cro = require "cro"
      ffi.cdef "int socket(int, int, int); int listen(int, int); int shutdown(int, int);"
      local fd = ffi.C.socket(2, 1, 0)
      assert(ffi.C.listen(fd, 5) == 0)
      local listener = cro.tcp.listen { fd = fd }
      listener:tap(function() end)
      cro.await(listener:address())
      ffi.C.shutdown(fd, 2)
      local began = os.clock()
      cro.sleep(0.4)
      print(os.clock() - began < 0.1)
    ]])
    local result = program.shell(folder, program.quote(program.crolua()) .. " script.lua")
    program.remove(folder)
    assert.equal("true\n", result.out)
    assert.matches("accepting at 0.0.0.0:%d+ pauses: invalid argument\n$", result.err)
  end)
end)
