local SIZES = 400

local function text_of(i, size) return (string.char(97 + i % 26)):rep(size) .. i end

--- Tables of text, of so many entries each: blocks that grow step by step.
local function filled(i, size)
  local list = {}
  for at = 1, size do
    list[at] = text_of(i + at, at % 40)
  end
  return list
end

local function is_whole(list, i, size)
  for at = 1, size do
    if list[at] ~= text_of(i + at, at % 40) then return false end
  end
  return #list == size
end

describe("the Lua heap #loop", function()
  it("keeps what is in it while blocks of all sizes come and go", function()
    local held, random = {}, 1
    for i = 1, 6000 do
      random = (random * 1103515245 + 12345) % 2147483648
      local slot, size = random % 200, i % SIZES
      local old = held[slot]
      local whole = not old or old.text == text_of(old.i, old.size) and is_whole(old.list, old.i, old.size % 70)
      assert.is_true(whole)
      held[slot] = { i = i, size = size, text = text_of(i, size), list = filled(i, size % 70) }
    end
    collectgarbage()
    for _, each in pairs(held) do
      assert.equal(text_of(each.i, each.size), each.text)
      assert.is_true(is_whole(each.list, each.i, each.size % 70))
    end
  end)

  it("is no larger after a hundred thousand small things than before", function()
    local function make()
      local things = {}
      for i = 1, 100000 do
        things[i] = { i }
      end
      return #things
    end
    make()
    collectgarbage()
    local before = collectgarbage "count"
    make()
    collectgarbage()
    assert.is_true(collectgarbage "count" < before + 64)
  end)

  it("hands out again what was freed, whatever its size", function()
    local tables = {}
    for round = 1, 20 do
      for i = 1, 2000 do
        tables[i] = filled(i, round)
      end
      for i = 2, 2000, 2 do
        tables[i] = nil
      end
      collectgarbage()
      for i = 1, 2000, 2 do
        assert.is_true(is_whole(tables[i], i, round))
      end
    end
  end)
end)
