local cro = require "cro"
local sockets = require "spec.support.sockets"
local await, pawait = cro.await, cro.pawait
local pair, broken, refused, read_all = sockets.pair, sockets.broken, sockets.refused, sockets.read_all

describe("reading on demand #loop", function()
  local client, server, tap

  before_each(function() client, server, tap = pair() end)
  after_each(function()
    client:abort()
    server:abort()
    tap:close()
  end)

  it("brings lines however they come, and nil at the end", function()
    local lines = {}
    local reader = cro.start(function()
      repeat
        local line = await(server:read_line())
        lines[#lines + 1] = line
      until not line
    end)
    for _, bytes in ipairs { "on", "e\r", "\ntwo\n", "\n\r\nfive\r\nlast" } do
      client:write(bytes)
      cro.sleep(0.01)
    end
    client:shutdown()
    await(reader)
    assert.same({ "one", "two", "", "", "five", "last" }, lines)
    assert.is_nil(await(server:read_line()))
    assert.is_nil(await(server:read()))
  end)

  it("brings so many bytes, or what there is", function()
    client:write "0123456789"
    assert.equal("012", await(server:read(3)))
    assert.equal("3456789", await(server:read()))
    client:write "ab"
    client:shutdown()
    assert.equal("ab", await(server:read(100)))
    assert.is_nil(await(server:read(1)))
  end)

  it("serves who asks in the order of asking", function()
    local one, two, three = server:read_line(), server:read(2), server:read_line()
    client:write "a\nbcd\n"
    assert.equal("a", await(one))
    assert.equal("bc", await(two))
    assert.equal("d", await(three))
  end)

  it("takes no more than what is asked for", function()
    client:write "line\n"
    assert.equal("line", await(server:read_line()))
    local held
    for _ = 1, 2000 do
      held = client:write(("x"):rep(65536))
      if held:status() == "planned" then break end
    end
    cro.sleep(0.05)
    assert.equal("planned", held:status())
    held:observe()
    assert.equal(10, #await(server:read(10)))
  end)

  it("refuses a line that is too long, and leaves what follows", function()
    client:write(("x"):rep(100) .. "\nshort\n")
    local err = broken(server:read_line(50), "too_long")
    assert.matches("^read_line TCP connection 127.0.0.1:%d+: the line is longer than 50 bytes$", err.message)
    assert.equal(("x"):rep(100), await(server:read_line(100)))
    assert.equal("short", await(server:read_line(5)))
  end)

  it("leaves what a cancelled read would have got", function()
    local given_up = server:read_line()
    given_up:cancel()
    client:write "a\nb\n"
    cro.sleep(0.01)
    assert.equal("a", await(server:read_line()))
    assert.equal("b", await(server:read_line()))
  end)

  it("breaks as a tap would quit", function()
    local waiting = server:read_line()
    client:abort()
    broken(waiting, "reset")
    broken(server:read_line(), "reset")
  end)

  it("tells that this side has closed", function()
    server:close()
    local _, err = pawait(server:read_line())
    assert.equal("closed", err.kind)
  end)

  it("goes on as a tap, which gets what was left", function()
    client:write "first\nsecond\nthi"
    assert.equal("first", await(server:read_line()))
    client:write "rd\n"
    client:shutdown()
    assert.equal("second\nthird\n", read_all(server))
  end)

  it("goes on after a tap that keeps the connection open", function()
    client:write "tapped"
    assert.equal("tapped", await(server:supply({ keep_open = true }):head(1)))
    client:write "line\nrest"
    assert.equal("line", await(server:read_line()))
    client:shutdown()
    assert.equal("rest", read_all(server))
    server:write "still there"
    server:shutdown()
    assert.equal("still there", read_all(client))
  end)

  it("closes the connection with a tap that does not keep it open", function()
    client:write "a\nb"
    await(server:read_line())
    local seen = server:supply():tap(function() end)
    seen:close()
    assert.equal("", read_all(client))
  end)

  it("is not for a connection that is tapped, nor the other way round", function()
    server:supply():tap { quit = function() end }
    refused("read_line: TCP connection 127.0.0.1:", function() server:read_line() end)
    refused("is read by a tap already: a connection has one reader", function() server:read(1) end)
    refused("is read by a tap already", function() server:supply { keep_open = true }:tap() end)
    client:supply({ keep_open = true }):tap { quit = function() end }
    refused("is read by a tap already", function() client:supply():tap() end)
  end)

  it("refuses what is no number of bytes", function()
    refused("connection:read: n: a whole number from 1 to 16777216 expected, got the number 0", server.read, server, 0)
    refused("connection:read_line: limit: a whole number", server.read_line, server, 1.5)
    refused('connection:supply: unknown option "keep_opn"; did you mean "keep_open"?', server.supply, server, { keep_opn = true })
  end)
end)
