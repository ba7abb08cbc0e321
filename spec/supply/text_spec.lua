local cro = require "cro.reactive"
local pieces = require "spec.support.pieces"
local world = require "spec.support.world"

--- Rows of text, what an operator makes of it however it is cut, or an error.
local function rows(method, list)
  for i, row in ipairs(list) do
    it(("%s (%d)"):format(row[1], i), function()
      local function op(s) return s[method](s, unpack(row.with or {}, 1, 3)) end
      if row.err then return pieces.fail(row[2], op, row.err, row.offset) end
      return pieces.give(row[2], op, row[3])
    end)
  end
end

describe("lines, wherever the text is cut", function()
  rows("lines", {
    { "end with LF or CRLF", "a\nbc\r\n\nd", { "a", "bc", "", "d" } },
    { "keep their ends", "a\nb\r\nc", { "a\n", "b\r\n", "c" }, with = { { chomp = false } } },
    { "are not ended by a CR alone", "a\rb\r\nc\r", { "a\rb", "c\r" } },
    { "may be ended by a CR", "a\rb\r\nc\n\r\rd", { "a", "b", "c", "", "", "d" }, with = { { cr = true } } },
    { "may be ended by a CR at the end of the text", "a\r", { "a" }, with = { { cr = true } } },
    { "keep a CR that ends them", "a\rb\r\nc\n\r\rd\r", { "a\r", "b\r\n", "c\n", "\r", "\r", "d\r" },
      with = { { cr = true, chomp = false } } },
    { "of nothing are none", "", {} },
    { "may be as long as they may", "1234\r\n1234\n1234", { "1234", "1234", "1234" }, with = { { max = 4 } } },
    { "may be no longer", "12345\n", err = "too_long", with = { { max = 4 } } },
    { "may be no longer at the end", "1\n12345", err = "too_long", with = { { max = 4 } } },
    { "may be no longer without an end", ("x"):rep(20), err = "too_long", with = { { max = 4 } } },
    { "may be no longer when a CR ends them", "12345\r1", err = "too_long", with = { { max = 4, cr = true } } },
  })
end)

describe("words, wherever the text is cut", function()
  rows("words", {
    { "are between blanks", "  one two\n\tthree ", { "one", "two", "three" } },
    { "may be the last", "one  two", { "one", "two" } },
    { "of blanks are none", " \n ", {} },
    { "may be no longer than they may", "abc abcd", err = "too_long", with = { { max = 3 } } },
    { "may be as long", "abc abc", { "abc", "abc" }, with = { { max = 3 } } },
  })
end)

describe("split, wherever the text is cut", function()
  rows("split", {
    { "gives what is between", "a,b,,c", { "a", "b", "", "c" }, with = { "," } },
    { "gives what is behind the last, even nothing", "a,", { "a", "" }, with = { "," } },
    { "gives the empty text as one piece", "", { "" }, with = { "," } },
    { "takes longer separators", "a--b---c-d--", { "a", "b", "-c-d", "" }, with = { "--" } },
    { "takes separators that begin like themselves", "xaabaaby", { "xa", "y" }, with = { "abaab" } },
    { "leaves out empty pieces", ",a,,b,", { "a", "b" }, with = { ",", { skip_empty = true } } },
    { "takes no pattern", "a.b", { "a", "b" }, with = { "." } },
    { "stops at a limit", "a,b,c,d", { "a", "b,c,d" }, with = { ",", 2 } },
    { "of one is the text", "a,b", { "a,b" }, with = { ",", 1 } },
    { "of none is nothing", "a,b", {}, with = { ",", 0 } },
    { "refuses a piece that is too long", "abc,abcd", err = "too_long", with = { ",", nil, { max = 3 } } },
    { "refuses a rest that is too long", "a,bc,d", err = "too_long", with = { ",", 2, { max = 3 } } },
  })
end)

describe("comb, wherever the text is cut", function()
  rows("comb", {
    { "gives the characters", "aä€😀", { "a", "ä", "€", "😀" } },
    { "gives several at a time", "aä€😀z", { "aä", "€😀", "z" }, with = { 2 } },
    { "refuses what is no text", "a\255", err = "decode", offset = 1 },
    { "gives the matches of a pattern", "a12b3cd", { "12", "3" }, with = { "%d+" } },
    { "gives the first capture", "k=v; key=value", { "k", "key" }, with = { "(%w+)=(%w+)" } },
    { "gives places", "ab ab", { 1, 4 }, with = { "()ab" } },
    { "gives the longest", "a--b--b c", { "a--b--b" }, with = { "a.*b" } },
    { "gives the shortest", "a--b--b a b", { "a--b", "a b" }, with = { "a.-b" } },
    { "finds what is balanced", "f(a(b)c)(d", { "(a(b)c)" }, with = { "%b()" } },
    { "finds a frontier", "THE (quick) fox", { "THE", "quick", "fox" }, with = { "%f[%a]%a+%f[%A]" } },
    { "finds the end", "a1 a2", { "a2" }, with = { "a%d$" } },
    { "gives empty matches as gmatch does", "a1", { "", "1", "" }, with = { "%d*" } },
    { "refuses what it would have to keep", "a" .. ("-"):rep(30), err = "too_long", with = { "a.*b", { max = 20 } } },
  })

  it("gives a match as soon as nothing can change it", world.inside(function()
    local supplier, seen = cro.Supplier.new(), {}
    local tap = supplier:supply():comb("%d+"):tap(function(v) seen[#seen + 1] = v end)
    supplier:emit "a12"
    assert.same({}, seen)
    supplier:emit "3b"
    assert.same({ "123" }, seen)
    tap:close()
  end))

  it("looks at a long beginning now and then only", world.inside(function()
    local list = { "(" }
    for i = 2, 60000 do
      list[i] = "x"
    end
    list[60001] = ")"
    local began = os.clock()
    local found = cro.await(cro.Supply.from_list(list):comb("%b()"):list())
    assert.equal(60001, #found[1])
    assert.is_true(os.clock() - began < 5)
  end))
end)

describe("decode, wherever the bytes are cut", function()
  local mark = "\239\191\189" -- U+FFFD
  local wrong = {
    { "a lone continuation byte", "ab\128c", 2, "ab?c" },
    { "an overlong form", "\192\175", 0, "??" },
    { "an overlong form of three bytes", "a\224\128\128", 1, "a???" },
    { "a surrogate", "\237\160\128", 0, "???" },
    { "more than U+10FFFF", "\244\144\128\128", 0, "????" },
    { "a byte that starts nothing", "aä\255b", 3, "aä?b" },
    { "a character that is cut off by another", "a\226\130b", 1, "a?b" },
    { "a character that is cut off at the end", "a\226\130", 1, "a?" },
    { "two of them", "\240\159\152ä\240\159z", 0, "?ä?z" },
  }
  for _, row in ipairs(wrong) do
    it("refuses " .. row[1] .. ", naming the byte", function()
      pieces.fail(row[2], function(s) return s:decode() end, "decode", row[3])
    end)

    it("or has something stand for " .. row[1], function()
      for _, replacement in ipairs { "?", mark, "" } do
        pieces.every(row[2], function(s) return s:decode { replacement = replacement } end, function(values, err)
          assert.is_nil(err)
          assert.equal((row[4]:gsub("%?", replacement)), table.concat(values))
        end)
      end
    end)
  end

  it("passes text on in whole characters", function()
    local text = "aä€😀z"
    pieces.every(text, function(s) return s:decode() end, function(values, err)
      assert.is_nil(err)
      assert.equal(text, table.concat(values))
      for _, value in ipairs(values) do
        assert.is_true(value ~= "" and not value:find "^[\128-\191]")
      end
    end)
  end)

  it("makes UTF-8 of every byte of latin1, and back", function()
    local all = {}
    for code = 0, 255 do
      all[code + 1] = string.char(code)
    end
    local bytes = table.concat(all)
    pieces.every(bytes:sub(100, 200), function(s) return s:decode "latin1":encode "latin1" end, function(values)
      assert.equal(bytes:sub(100, 200), table.concat(values))
    end)
    world.run(function()
      assert.equal("\0", cro.await(pieces.of(bytes, {}):decode "latin1":comb():first():promise()))
      assert.equal("ÿ", cro.await(pieces.of(bytes, {}):decode "latin1":comb():tail():promise()))
    end)
  end)

  it("checks ascii", function()
    pieces.fail("ab\228", function(s) return s:decode "ascii" end, "decode", 2)
    pieces.give("\228", function(s) return s:decode { encoding = "ascii", replacement = "%1" } end, { "%1" })
  end)

  it("refuses values that are no strings", world.inside(function()
    for _, name in ipairs { "decode", "encode", "lines", "words", "comb" } do
      local _, err = cro.pawait(cro.Supply[name](cro.Supply.from_list { 5 }))
      assert.equal(name .. " works on strings, got the number 5", err.message)
    end
    local _, err = cro.pawait(cro.Supply.from_list({ {} }):split ",")
    assert.equal("split works on strings, got a table", err.message)
  end))
end)

describe("encode, wherever the text is cut", function()
  rows("encode", {
    { "refuses a character that latin1 does not have", "aä€", err = "encode", offset = 3, with = { "latin1" } },
    { "refuses wrong UTF-8", "a\255", err = "encode", offset = 1, with = { "latin1" } },
    { "refuses wrong UTF-8 for UTF-8 too", "a\255", err = "encode", offset = 1 },
    { "refuses what is not ascii", "aä", err = "encode", offset = 1, with = { "ascii" } },
  })

  it("has something stand for what an encoding does not have", function()
    local function joined(text, opts, expected)
      pieces.every(text, function(s) return s:encode(opts) end, function(values, err)
        assert.is_nil(err)
        assert.equal(expected, table.concat(values))
      end)
    end
    joined("aä€\255z", { encoding = "latin1", replacement = "?" }, "a\228??z")
    joined("aä€z", { encoding = "ascii", replacement = "." }, "a..z")
    joined("aä€z", "utf-8", "aä€z")
  end)

  it("refuses an encoding it does not know", function()
    local ok, err = pcall(function() pieces.of("", {}):encode { encoding = "ebcdic" } end)
    assert.is_false(ok)
    assert.matches('encode: unknown encoding "ebcdic"; it knows utf8, latin1 and ascii', err, 1, true)
  end)
end)
