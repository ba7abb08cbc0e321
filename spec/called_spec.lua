local called = require "cro.called"

local function refused(text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

describe("a method called with a dot", function()
  local Door, door = {}, nil
  Door.__index = Door
  function Door:open(...) return self, select("#", ...), ... end
  function Door.make() return setmetatable({}, Door) end
  function Door:__tostring() return "door" .. #self end
  called.methods(Door, "door", { make = true })

  before_each(function() door = Door.make() end)

  it("is refused, and the message says how to write it", function()
    refused("door:open is called on nothing; write door:open(...), with a colon", function() door.open() end)
    refused('door:open is called on the string "x"; write door:open(...), with a colon',
      function() door.open "x" end)
    refused("door:open is called on a table", function() door.open {} end)
  end)

  it("is what it was when it is called with a colon, with every argument", function()
    local self, count, one, two = door:open(nil, 2)
    assert.equal(door, self)
    assert.same({ 2, nil, 2 }, { count, one, two })
    assert.equal(0, select(2, door:open()))
    assert.equal("door0", tostring(door))
  end)

  it("may be borrowed by what inherits it", function()
    local gate = setmetatable({}, { __index = Door })
    assert.equal(gate, (gate:open()))
  end)
end)

describe("a function called with a colon", function()
  local shop = called.functions({ buy = function(...) return select("#", ...), ... end, open = true }, "cro.shop")

  it("is refused, and the message says how to write it", function()
    refused("cro.shop.buy takes no cro.shop itself; write cro.shop.buy(...), with a dot", function() shop:buy(5) end)
  end)

  it("is what it was when it is called with a dot, with every argument", function()
    assert.equal(0, (shop.buy()))
    assert.same({ 2, nil, nil }, { shop.buy(nil, nil) })
    assert.is_true(shop.open)
  end)
end)
