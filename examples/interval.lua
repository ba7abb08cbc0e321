--- Time as a stream of values: a tick every half second, until somebody has had enough.
local cro = require "cro"
local await, Promise, Supply = cro.await, cro.Promise, cro.Supply

local every = tonumber(arg[1]) or 0.5
local began = cro.now()

local function seconds() return ("%.1f s"):format(cro.now() - began) end

local ticks = Supply.interval(every):tap(function(n) print("tick " .. n, seconds()) end)
await(Promise.after(every * 5.5))
ticks:close()
print("closed", seconds())

-- In a react block the ticks are one source of several, handled one at a time.
cro.react(function()
  cro.whenever(Supply.interval(every), function(n)
    print("tock " .. n)
    if n == 2 then cro.done() end
  end)
  cro.whenever(Promise.after(every * 1.5), function() print "half way" end)
end)
