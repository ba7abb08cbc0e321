local cro = require "cro"
local property = require "spec.support.property"
local garbage = require "spec.support.garbage"
local await = cro.await

--- What one script does with sockets of the others' kinds, at random.
local STEPS = { "bind", "connect", "socket", "tap", "untap", "send", "flood", "close", "lose", "settle", "block", "job" }

describe("UDP sockets #loop", function()
  local clock, sockets, taps

  local function any(list, pick) return list[pick % math.max(1, #list) + 1] end

  local function port_of(pick)
    local socket = any(sockets, pick)
    return socket and socket.open and socket.socket_port ~= 0 and socket.socket_port or 9
  end

  local function send(socket, pick, size)
    if not socket then return end
    local data = ("x"):rep(size)
    local promise
    if socket.peer_host then
      promise = socket:send(data)
    else
      promise = socket:send(pick % 5 == 0 and "localhost" or "127.0.0.1", port_of(pick), data)
    end
    promise:observe()
  end

  local function tap(socket, pick)
    if not socket or not socket.open then return end
    taps[#taps + 1] = socket:supply():tap {
      value = function()
        if pick % 3 == 0 then socket:close() end
      end,
      quit = function() end,
    }
  end

  local does = {
    bind = function() sockets[#sockets + 1] = await(cro.udp.bind { host = "127.0.0.1", port = 0, buffer = 4 }) end,
    connect = function(pick)
      sockets[#sockets + 1] = await(cro.udp.connect("127.0.0.1", port_of(pick)))
    end,
    socket = function() sockets[#sockets + 1] = cro.udp.socket() end,
    tap = function(pick) tap(any(sockets, pick), pick) end,
    untap = function(pick)
      local one = any(taps, pick)
      if one then one:close() end
    end,
    send = function(pick) send(any(sockets, pick), pick, pick) end,
    flood = function(pick)
      for i = 1, 40 do
        send(any(sockets, pick), pick + i, 100)
      end
    end,
    close = function(pick)
      local one = any(sockets, pick)
      if one then one:close() end
    end,
    lose = function(pick)
      if #sockets > 0 then table.remove(sockets, pick % #sockets + 1) end
      garbage.collect()
    end,
    settle = function() clock:settle() end,
    block = function()
      cro.react(function(block)
        local socket = await(cro.udp.bind("127.0.0.1", 0))
        block.whenever(socket, function() end)
        send(socket, 1, 5)
        block.whenever(cro.Promise.after(0), block.done)
      end)
    end,
    job = function(pick)
      local job = cro.start(function()
        local socket = await(cro.udp.bind("localhost", 0))
        cro.react(function(block) block.whenever(socket, function() end) end)
      end)
      if pick % 2 == 0 then clock:settle() end
      job:cancel()
      cro.pawait(job)
    end,
  }

  it("that do anything in any order leave nothing behind", function()
    local timers = cro.stats().timers
    clock = cro.test.clock()
    finally(function() clock:restore() end)
    local step = property.record { what = property.one_of(STEPS), pick = property.integer(0, 1000) }
    property.check(property.list(step, 30), function(plan)
      sockets, taps = {}, {}
      for _, entry in ipairs(plan) do
        does[entry.what](entry.pick)
      end
      for _, socket in ipairs(sockets) do
        socket:close()
      end
      for _, one in ipairs(taps) do
        one:close()
      end
      sockets, taps = {}, {}
      clock:settle() -- what still looks a name up holds its socket
      garbage.collect()
      clock:settle()
      local stats = cro.stats()
      assert.same({ 0, 0 }, { stats.udp, stats.resolves })
      assert.is_true(stats.timers <= timers, stats.timers)
    end, 40)
  end)
end)
