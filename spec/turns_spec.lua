local cro = require "cro"

describe("turns of the real loop #loop", function()
  --- Fibers that are always runnable: each turn makes the next one's work.
  local function busy()
    local going = true
    cro.start(function()
      while going do
        cro.await(cro.start(function() end))
      end
    end)
    return function() going = false end
  end

  it("look at timers between them, however much is runnable", function()
    local stop = busy()
    local began = cro.now()
    cro.sleep(0.02)
    stop()
    assert.is_true(cro.now() - began < 5)
  end)

  it("look at sockets between them, however much is runnable", function()
    local stop = busy()
    local bound = cro.Promise.new()
    local listener = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end })
    local heard
    cro.react(function()
      cro.whenever(listener, function(peer)
        cro.whenever(peer, function(bytes) cro.await(peer:write(bytes:upper())) end)
      end)
      local connection = cro.await(cro.tcp.connect("127.0.0.1", cro.await(bound)))
      connection:write "heard"
      cro.whenever(connection, function(bytes)
        heard = bytes
        cro.done()
      end)
      cro.whenever(cro.Promise.after(10), cro.done)
    end)
    stop()
    assert.equal("HEARD", heard)
  end)

  it("go to all who are runnable, none of whom waits for another", function()
    local stop, other, count = busy(), busy(), 0
    cro.start(function()
      while count < 100 do
        cro.await(cro.start(function() count = count + 1 end))
      end
    end)
    local latest = cro.now() + 5
    repeat
      cro.sleep(0.01)
    until count == 100 or cro.now() > latest
    stop()
    other()
    assert.equal(100, count)
  end)
end)
