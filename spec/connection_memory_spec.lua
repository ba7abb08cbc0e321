--- Connections that have come to an end leave nothing behind.
local cro = require "cro"
local garbage = require "spec.support.garbage"
local await, whenever = cro.await, cro.whenever

--- Blocks of the core, once what can be collected has been.
local function blocks()
  for _ = 1, 4 do
    garbage.collect()
    cro.sleep(0.01)
  end
  return cro.stats().c_blocks
end

local ENDS = {
  ["closes at its end"] = function(call) call:close() end,
  ["resets it"] = function(call) call:abort() end,
  ["half closes it, and reads to the end"] = function(call)
    call:shutdown()
    await(call:supply())
  end,
  ["reads some of it, and lets go"] = function(call)
    cro.react(function() whenever(call, cro.done) end)
  end,
}

describe("the memory of a connection #loop", function()
  for name, finish in pairs(ENDS) do
    it("comes back when its peer " .. name, function()
      local bound, base = cro.Promise.new(), nil
      local server = cro.start(function()
        local listener = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end })
        cro.react(function()
          whenever(listener, function(peer)
            whenever(peer, function(bytes) cro.pawait(peer:write(bytes)) end)
              :quit(function() end)
              :last(function() peer:close() end)
          end)
        end)
      end)
      local port = await(bound)
      for i = 1, 60 do
        if i == 11 then base = blocks() end -- by then pools are filled
        local call = await(cro.tcp.connect("127.0.0.1", port))
        await(call:write "some bytes")
        finish(call)
      end
      local limit = cro.now() + 10
      while cro.stats().tcp > 0 and cro.now() < limit do
        cro.sleep(0.01)
      end
      local left = blocks() - base
      server:cancel()
      assert(left <= 10, ("50 connections left %d blocks"):format(left))
    end)
  end
end)
