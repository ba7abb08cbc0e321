--- Loops over tables, which LuaJIT of Debian 12 cuts short when it gives up compiling them.
local program = require "spec.support.program"

describe("pairs #loop", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  local function run(text)
    program.write(folder .. "/app.lua", text)
    return program.shell(folder, program.quote(program.crolua()) .. " app.lua")
  end

  it("sees every entry of nested loops, however often they run", function()
    local result = run([[
      local inner = { 1, 2, 3, 4, 5 }
      local outer = { a = inner, b = inner, c = inner, d = inner, e = inner }
      local function interpreted(...) for _ = 1, 100 do end end
      local short = { pairs = 0, next = 0 }
      for _ = 1, 30000 do
        interpreted()
        local seen, by_next = 0, 0
        for _, list in pairs(outer) do
          for _ in pairs(list) do end
          seen = seen + 1
        end
        for _, list in next, outer do
          for _ in next, list do end
          by_next = by_next + 1
        end
        if seen ~= 5 then short.pairs = short.pairs + 1 end
        if by_next ~= 5 then short.next = short.next + 1 end
      end
      print(short.pairs, short.next)
    ]])
    assert.equal("0\t0\n", result.out, result.err)
  end)

  it("goes through arrays, records and empty tables as it always did", function()
    local seen = {}
    for key, value in pairs { 10, 20, x = 30 } do
      seen[key] = value
    end
    assert.same({ 10, 20, x = 30 }, seen)
    for _ in pairs {} do
      error "an entry of nothing"
    end
    local t = { 1, 2, 3, a = 4 }
    for key in pairs(t) do
      t[key] = nil -- allowed while looping
    end
    assert.same({}, t)
  end)

  it("next gives the entry behind a key, and nil behind the last", function()
    assert.is_nil(next {})
    local key, value = next { only = 1 }
    assert.same({ "only", 1 }, { key, value })
    assert.is_nil(next({ only = 1 }, "only"))
    assert.matches("invalid key to 'next'", select(2, pcall(next, {}, "absent")), 1, true)
  end)

  it("is refused for what is no table at the line that asked", function()
    local result = run "local t\nfor _ in pairs(t) do end"
    assert.matches("app.lua:2: bad argument #1 to 'pairs' (table expected, got nil)", result.err, 1, true)
    result = run "local f = io.stdout\nprint(1)\nprint(next(f))"
    assert.matches("app.lua:3: bad argument #1 to 'next' (table expected, got userdata)", result.err, 1, true)
  end)
end)
