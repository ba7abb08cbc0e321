--- What each operator costs per value: `luajit bench/micro/operators.lua [filter]`.
---
--- Numbers from a list go through one operator into a tap; fresh objects every round, the
--- median of the rounds after the first, less the same without an operator. Output: one
--- `name ns` per line, each case in a process of its own, as bench/micro/reactive.lua.
package.path = (arg[0]:match "^(.*)bench/micro/" or "") .. "lua/?.lua;" .. package.path

local fake = require "cro.fake"
local fiber = require "cro.fiber"
local cro = require "cro.reactive"

local Supply = cro.Supply

local ROUNDS, VALUES = 9, 100000

fake.install()

local list, texts = {}, {}
for i = 1, VALUES do
  list[i] = i % 1000
  texts[i] = "some words and\na line " .. i % 1000
end

local function add(a, b) return a + b end

local cases = {
  { "none", function(s) return s end },
  { "map", function(s) return s:map(function(v) return v + 1 end) end },
  { "head", function(s) return s:head(VALUES) end },
  { "head_but", function(s) return s:head { but = 3 } end },
  { "skip", function(s) return s:skip(10) end },
  { "tail", function(s) return s:tail(10) end },
  { "produce", function(s) return s:produce(add) end },
  { "reduce", function(s) return s:reduce(add) end },
  { "elems", function(s) return s:elems() end },
  { "max", function(s) return s:max() end },
  { "minmax", function(s) return s:minmax() end },
  { "unique", function(s) return s:unique() end },
  { "unique_expires", function(s) return s:unique { expires = 1 } end },
  { "squish", function(s) return s:squish() end },
  { "batch", function(s) return s:batch(10) end },
  { "batch_seconds", function(s) return s:batch { elems = 10, seconds = 1 } end },
  { "rotor", function(s) return s:rotor { 3, -1 } end },
  { "sort", function(s) return s:sort() end },
  { "flat", function(s) return s:map(function(v) return { v } end):flat() end },
  { "merge", function(s) return s:merge(Supply.from_list {}) end },
  { "zip", function(s) return s:zip(Supply.from_list(list)) end },
  { "stable", function(s) return s:stable(1) end },
  { "delayed", function(s) return s:delayed(1) end },
  { "throttle", function(s) return s:throttle(VALUES, 1) end },
  { "text", function(s) return s end, texts },
  { "lines", function(s) return s:lines() end, texts },
  { "words", function(s) return s:words() end, texts },
  { "split", function(s) return s:split " " end, texts },
  { "decode", function(s) return s:decode() end, texts },
  { "comb", function(s) return s:comb "%d+" end, texts },
}

local function median(times)
  table.sort(times)
  return times[math.ceil(#times / 2)]
end

local function measure(case)
  local times, count = {}, 0
  local function note() count = count + 1 end
  for round = 0, ROUNDS do
    collectgarbage()
    fiber.start(function()
      local start = os.clock()
      case[2](Supply.from_list(case[3] or list)):tap { value = note, done = function()
        if round > 0 then times[#times + 1] = (os.clock() - start) / VALUES * 1e9 end
      end }
    end)
    fake.run()
  end
  assert(count > 0 and #times == ROUNDS, case[1] .. " did not end")
  return median(times)
end

local filter = arg[1] or ""
for _, case in ipairs(cases) do
  if filter == "=" .. case[1] then
    print(("%s %.1f"):format(case[1], measure(case)))
  elseif case[1]:find(filter, 1, true) then
    local command = ("luajit %q =%s"):format(arg[0], case[1])
    local pipe = assert(io.popen(command))
    io.write(pipe:read "*a")
    assert(pipe:close(), command .. " failed")
  end
end
