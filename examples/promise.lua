--- A promise is a value that comes later. `await` waits for it, in straight lines.
local cro = require "cro"
local await, pawait, Promise = cro.await, cro.pawait, cro.Promise

-- One side keeps or breaks it, the other looks or waits.
local p, q = Promise.new(), Promise.new()
print(p:status())
p:keep(42)
print(p:status(), p:result())

q:fail "I just couldn't do it man!"
local value, err = pawait(q) -- `await(q)` would raise
print(value, err)

-- Work on a fiber of its own is a promise, too.
local function slow_square(n)
  cro.sleep(n / 100)
  return n * n
end

local jobs = {}
for n = 3, 1, -1 do
  jobs[#jobs + 1] = cro.start(function() return slow_square(n) end)
end
print(unpack(await(jobs))) -- all of them, in the order of the list

-- Chains: what comes out of one function goes into the next.
local greeting = cro.start(function() return "hello" end):and_then(string.upper)
print(await(greeting))

-- Whichever is first: an answer, or the end of patience.
local answer = cro.start(function() cro.sleep(5) end)
await(Promise.any_of { answer, Promise.after(0.05) })
print(answer:status())
