local cro = require "cro.reactive"
local world = require "spec.support.world"
local property = require "spec.support.property"

local Supply = cro.Supply

local function all(source)
  local list = cro.await(source:list())
  list.n = nil
  return list
end

--- The text in pieces of the given sizes, then the rest.
local function pieces(text, sizes)
  local list, at = {}, 1
  for _, size in ipairs(sizes) do
    list[#list + 1] = text:sub(at, at + size - 1)
    at = at + size
  end
  list[#list + 1] = text:sub(at)
  return Supply.from_list(list)
end

describe("lines", function()
  local rows = {
    { "splits at LF and CRLF", "a\nb\r\nc\n", nil, { "a", "b", "c" } },
    { "emits an unterminated last line at the end", "a\nb", nil, { "a", "b" } },
    { "keeps empty lines", "\n\na\r\n\r\n", nil, { "", "", "a", "" } },
    { "leaves a CR alone that ends no line", "a\rb\n", nil, { "a\rb" } },
    { "keeps the ends when asked to", "a\nb\r\nc", { chomp = false }, { "a\n", "b\r\n", "c" } },
    { "emits nothing for nothing", "", nil, {} },
  }
  for _, row in ipairs(rows) do
    it(row[1], world.inside(function() assert.same(row[4], all(pieces(row[2], {}):lines(row[3]))) end))
  end

  it("gives the same however the text is cut", function()
    local text = "first\r\nsecond\n\r\nthird \195\164\nlast"
    local expected = { "first", "second", "", "third \195\164", "last" }
    property.check(property.list(property.integer(0, 7), 12), function(sizes)
      world.run(function() assert.same(expected, all(pieces(text, sizes):lines())) end)
    end)
  end)

  it("refuses a line that is too long, wherever it is cut", world.inside(function()
    for cut = 0, 6 do
      local _, err = cro.pawait(pieces("12345\n", { cut }):lines { max = 4 })
      assert.equal("too_long", err.kind)
      assert.same({ "1234" }, all(pieces("1234\r\n", { cut }):lines { max = 4 }))
    end
    local _, err = cro.pawait(pieces("12345", {}):lines { max = 4 })
    assert.equal("too_long", err.kind)
  end))
end)

describe("words", function()
  it("gives the same however the text is cut", function()
    property.check(property.list(property.integer(0, 5), 10), function(sizes)
      world.run(function()
        assert.same({ "one", "two", "three" }, all(pieces("  one two\n\tthree ", sizes):words()))
        assert.same({ "one", "two" }, all(pieces("one  two", sizes):words()))
      end)
    end)
  end)
end)

describe("decode", function()
  it("holds back a character that is cut", function()
    local text = "a\195\164\226\130\172\240\159\152\128z"
    property.check(property.list(property.integer(0, 4), 12), function(sizes)
      world.run(function()
        local list = all(pieces(text, sizes):decode "utf8")
        assert.equal(text, table.concat(list))
        for _, piece in ipairs(list) do
          assert.is_nil(piece:match "^[\128-\191]", "a piece begins inside a character")
        end
      end)
    end)
  end)

  local wrong = {
    ["a lone continuation byte"] = "a\128",
    ["an overlong form"] = "\192\175",
    ["an overlong form of three bytes"] = "\224\128\128",
    ["a surrogate"] = "\237\160\128",
    ["more than U+10FFFF"] = "\244\144\128\128",
    ["a byte that starts nothing"] = "\255",
    ["a character that is cut off at the end"] = "a\226\130",
  }
  for what, text in pairs(wrong) do
    it("refuses " .. what, world.inside(function()
      for cut = 0, #text do
        local _, err = cro.pawait(pieces(text, { cut }):decode())
        assert.equal("decode", err.kind)
        assert.matches("invalid UTF%-8 at byte %d of the stream", err.message)
      end
    end))
  end

  it("turns latin1 into UTF-8, and checks ascii", world.inside(function()
    assert.same({ "\195\164" }, all(pieces("\228", {}):decode "latin1"))
    assert.same({ "plain" }, all(pieces("plain", {}):decode "ascii"))
    local _, err = cro.pawait(pieces("\228", {}):decode "ascii")
    assert.equal("decode", err.kind)
  end))

  it("refuses an encoding it does not know", function()
    local ok, err = pcall(function() pieces("", {}):decode "ebcdic" end)
    assert.is_false(ok)
    assert.matches('decode: unknown encoding "ebcdic"', err, 1, true)
  end)
end)
