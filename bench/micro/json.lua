--- JSON, ours beside lua-cjson in one run: `luajit bench/micro/json.lua [filter]`.
---
--- CRO_BUILD names the build tree (build). Each case is timed in rounds that alternate
--- between the two, by the CPU clock with collection included; the figure is the median
--- of five rounds in microseconds per document. Output: `name ours lua-cjson`, one
--- document per line, and "-" without lua-cjson.
local root = arg[0]:match "^(.*)bench/micro/" or ""
local build = os.getenv "CRO_BUILD" or "build"
package.path = root .. "lua/?.lua;" .. package.path
package.cpath = root .. build .. "/?.so;" .. package.cpath

local json = require "cro.json"
local found, cjson = pcall(require, "cjson")

local ROUNDS = 5
local SECONDS = 0.05

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function list(n, fn)
  local items = {}
  for i = 1, n do
    items[i] = fn(i)
  end
  return "[" .. table.concat(items, ",") .. "]"
end

local echo = read(root .. "bench/load/echo.json")
local documents = {
  { "echo_1k", echo },
  { "message", '{"message":"Hello, World!"}' },
  { "integers_1k", list(200, function(i) return i * 37 % 10000 end) },
  { "decimals_1k", list(100, function(i) return ("%.4f"):format(i * 1.7) end) },
  { "doubles_1k", list(50, function(i) return ("%.17g"):format(i / 7) end) },
  { "text_64k", '["' .. ("The quick brown fox. "):rep(3120) .. '"]' },
  { "escapes_64k", '["' .. ([[line\n\"said\" \u00e9]]):rep(3120) .. '"]' },
  { "utf8_64k", '["' .. ("Grüße, 世界. "):rep(3640) .. '"]' },
  { "objects_64k", list(64, function() return echo end) },
}

--- Microseconds per call, collection of what it leaves included.
local function time(fn, value)
  collectgarbage()
  local count, start = 0, os.clock()
  while true do
    for _ = 1, 16 do
      fn(value)
    end
    count = count + 16
    local elapsed = os.clock() - start
    if elapsed >= SECONDS then return elapsed / count * 1e6 end
  end
end

local function median(values)
  table.sort(values)
  return values[math.ceil(#values / 2)]
end

local function compare(name, ours, theirs, our_value, their_value)
  if arg[1] and not name:find(arg[1], 1, true) then return end
  local a, b = {}, {}
  for round = 0, ROUNDS do
    local x = time(ours, our_value)
    local y = theirs and time(theirs, their_value) or 0
    if round > 0 then -- the first one warms up
      a[round], b[round] = x, y
    end
  end
  print(("%s %.2f %s"):format(name, median(a), theirs and ("%.2f"):format(median(b)) or "-"))
end

for _, document in ipairs(documents) do
  local name, text = document[1], document[2]
  compare("decode_" .. name, json.decode, found and cjson.decode, text, text)
  compare("encode_" .. name, json.encode, found and cjson.encode, json.decode(text), found and cjson.decode(text))
end
