--- Search as you type: one search when typing pauses, and only the newest one counts.
local cro = require "cro"
local Supplier = cro.Supplier

local tick = tonumber(arg[1]) or 0.1

-- What the keyboard would send: bursts of keys, with pauses between.
local typed = Supplier.new()
local keys = { "l", "lu", "lua", "", "", "", "", "luaj", "luajit", "", "", "luajit ffi" }

local function search(words)
  cro.sleep(tick * 8) -- a slow server
  return ("results for %q"):format(words)
end

local results = typed:supply()
  :stable(tick * 1.5) -- a pause in the typing
  :squish() -- the same text again is no new search
  :peek(function(words) print("searching " .. words) end)
  :start(search) -- a supply for each search, which runs it when tapped
  :migrate() -- follows the newest, and cancels the search before

cro.react(function()
  cro.whenever(results, function(text) print(text) end)
  cro.start(function()
    for _, text in ipairs(keys) do
      if text ~= "" then typed:emit(text) end
      cro.sleep(tick)
    end
    typed:done()
  end)
end)
