local cro = require "cro"
local json = require "cro.json"

local function nested(n) return ("["):rep(n) .. ("]"):rep(n) end

local function refused(pattern, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(pattern, tostring(err), 1, true)
end

describe("JSON #loop", function()
  it("is the json of cro", function() assert.equal(json, cro.json) end)

  it("comes back as it went", function()
    local value = {
      name = "Cro é \240\159\152\128", list = { 1, "two", false, { deep = true } }, none = json.null,
      escapes = 'a"\\/\b\f\n\r\t\0\31\127', [""] = "empty key",
    }
    assert.same(value, json.decode(json.encode(value)))
  end)

  it("escapes what must be escaped and leaves the rest", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0000\u001f\u007fé"]], json.encode '"\\/\b\f\n\r\t\0\31\127é')
  end)

  describe("numbers", function()
    for text, number in pairs {
      ["0"] = 0, ["-1"] = -1, ["0.1"] = 0.1, ["123456789.125"] = 123456789.125,
      ["9007199254740991"] = 2 ^ 53 - 1, ["9007199254740992"] = 2 ^ 53, ["-9007199254740992"] = -2 ^ 53,
      ["1000000000000000"] = 1e15, ["1e+21"] = 1e21,
    } do
      it("write " .. text .. " as just that", function()
        assert.equal(text, json.encode(number))
        assert.equal(number, json.decode(text))
      end)
    end

    it("keep every bit", function()
      for _, number in ipairs { 1 / 3, math.pi, 5e-324, 1.7976931348623157e308, -2 ^ 63, 0.1 + 0.2 } do
        assert.equal(number, json.decode(json.encode(number)))
      end
    end)

    it("that JSON has not are refused", function()
      for _, number in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
        refused("JSON has no NaN and no infinity", json.encode, number)
        refused("JSON has no NaN and no infinity", json.encode, { deep = { number } })
      end
    end)
  end)

  describe("tables", function()
    it("with keys 1..n are arrays, any others objects", function()
      assert.equal("[1,2,3]", json.encode { 1, 2, 3 })
      assert.equal('{"a":[]}', json.encode { a = json.array() })
      assert.equal('{"2":true}', json.encode { [2] = true })
      assert.same({ ["1"] = 1, x = 2 }, json.decode(json.encode { 1, x = 2 }))
    end)

    it("that are empty are {} unless they are marked", function()
      assert.equal("{}", json.encode {})
      assert.equal("[]", json.encode(json.array()))
      local own = {}
      assert.equal(own, json.array(own))
      assert.equal("[]", json.encode(own))
      own[1] = "x"
      assert.equal('["x"]', json.encode(own))
    end)

    it("that contain themselves are refused", function()
      local cycle = {}
      cycle[1] = { back = cycle }
      refused("nested too deep, or a table contains itself", json.encode, cycle)
      assert.equal("[[],[]]", json.encode { json.array(), json.array() })
    end)

    it("may be named twice", function()
      local shared = { 1 }
      assert.equal("[[1],[1]]", json.encode { shared, shared })
    end)

    it("with keys that are no strings are refused", function()
      refused("an object's keys must be strings", json.encode, { [true] = 1 })
    end)
  end)

  it("has null both ways", function()
    assert.equal("null", json.encode(nil))
    assert.equal('[null,1]', json.encode { json.null, 1 })
    assert.equal(json.null, json.decode "null")
    assert.equal(json.null, json.decode('{"a":null}').a)
  end)

  it("tells a value that is false from a failure", function()
    local value, err = json.try_decode "false"
    assert.is_false(value)
    assert.is_nil(err)
  end)

  it("refuses to encode bytes that are no UTF-8, as value and as key", function()
    for _, bytes in ipairs { "\255", "\192\128", "\237\160\128", "\244\144\128\128", "caf\233" } do
      refused("a string is not UTF-8", json.encode, bytes)
      refused("a string is not UTF-8", json.encode, { [bytes] = 1 })
    end
  end)

  it("refuses functions, threads and userdata", function()
    for _, value in ipairs { print, coroutine.create(print), io.stdout } do
      refused("JSON has no functions, threads and userdata", json.encode, { value })
    end
  end)

  it("encodes after a refusal as if nothing had been", function()
    pcall(json.encode, { "begun", print })
    assert.equal('["x"]', json.encode { "x" })
  end)

  describe("nesting", function()
    it("goes to 128 both ways and no deeper", function()
      local value = json.decode(nested(128))
      value = json.array { { value } }
      local inner = json.array()
      for _ = 2, 128 do
        inner = { inner }
      end
      assert.equal(nested(128), json.encode(inner))
      refused("nested too deep", json.encode, { inner })
      refused("expected at most 128 levels of nesting, found '[' at byte 129", json.decode, nested(129))
      refused("nested too deep", json.encode, value)
    end)

    it("may be limited to less, or more", function()
      assert.same({ { {} } }, json.decode(nested(3), 3))
      refused("at most 2 levels of nesting", json.decode, nested(3), 2)
      assert.is_table(json.decode(nested(200), 200))
      for _, depth in ipairs { 0, 1001, 1.5, "deep", 0 / 0 } do
        refused("json.decode: depth: a whole number from 1 to 1000 expected", json.decode, "[]", depth)
      end
    end)

    it("of a thousand levels is built as it was said, objects and arrays in turn", function()
      local text = ('{"a":[1,'):rep(500) .. "2" .. ("]}"):rep(500)
      local value, levels = json.decode(text, 1000), 0
      while type(value) == "table" do
        assert.equal(1, value.a[1])
        value, levels = value.a[2], levels + 2
      end
      assert.same({ 2, 1000 }, { value, levels })
      refused("at most 999 levels", json.decode, text, 999)
    end)

    it("of wide levels within wide levels loses nothing", function()
      local function wide(depth)
        if depth == 0 then return { 7 } end
        local out = {}
        for i = 1, 300 do
          out[i] = i
        end
        for i = 1, 150 do
          out[300 + i] = ("k"):rep(i)
        end
        out[200] = wide(depth - 1)
        return { list = out, [("x"):rep(40)] = depth, again = wide(depth - 1) }
      end
      local value = wide(4)
      assert.same(value, json.decode(json.encode(value)))
    end)
  end)

  describe("malformed text", function()
    for _, text in ipairs {
      "", " ", "{", "[1,]", "[1 2]", '{"a" 1}', '{"a":1,}', "{a:1}", "nul", "NaN", "-Infinity", "nan", "[1] x",
      "01", ".5", "+1", "0x10", "-", "'a'", '"a', '"\\x"', '"\\ud800"', "\239\187\191[]", "// x\n1",
      "1.", "1e", "1e400", "-1e400", '"\t"', '"\255"', '"\237\160\128"', '"\192\128"', '"\\udc00"', "[1,]", "nulL", "[]]",
    } do
      it(("%q is refused with kind syntax"):format(text), function()
        local value, err = json.try_decode(text)
        assert.is_nil(value)
        assert.equal("syntax", err.kind)
        assert.equal(400, err.status)
        assert.matches("malformed JSON: ", tostring(err), 1, true)
        local _, raised = pcall(json.decode, text)
        assert.equal("syntax", raised.kind)
      end)
    end
  end)

  describe("what malformed text is told", function()
    for text, reason in pairs {
      [""] = "expected a value, found the end at byte 1",
      ["[1,2"] = "expected ',' or ']', found the end at byte 5",
      ["[1 2]"] = "expected ',' or ']', found '2' at byte 4",
      ["[1,]"] = "expected a value after ',', found ']' at byte 4",
      ['{"a":1,}'] = "expected a key in double quotes after ',', found '}' at byte 8",
      ["{a:1}"] = "expected a key in double quotes or '}', found 'a' at byte 2",
      ['{"a" 1}'] = "expected ':' after a key, found '1' at byte 6",
      ["NaN"] = "expected a value, found 'NaN' at byte 1",
      ["1 x"] = "expected the end of the text, found 'x' at byte 3",
      ["-x"] = "expected a digit, found 'x' at byte 2",
      ["01"] = "expected no digit after a leading zero, found '1' at byte 2",
      ["1.e5"] = "expected a digit after the decimal point, found 'e' at byte 3",
      ["1e+"] = "expected a digit of the exponent, found the end at byte 4",
      [" 1e400"] = "expected a number that a double can hold, found '1e400' at byte 2",
      ['"a\nb"'] = "expected control characters in strings as escapes, found byte 0x0A at byte 3",
      ['"caf\233"'] = "expected UTF-8 in strings, found byte 0xE9 at byte 5",
      ['"ab'] = "expected a closing quote, found the end at byte 4",
      ['"\\x"'] = 'expected one of " \\ / b f n r t u after a backslash, found \'x\' at byte 3',
      ['"\\u12g4"'] = "expected four hexadecimal digits after \\u, found 'g' at byte 6",
      ['"\\ud800x"'] = "expected a low surrogate (\\uDC00 to \\uDFFF) after a high one, found 'x' at byte 8",
      ['"\\udc00"'] = "expected a high surrogate before a low one, found '\\udc00' at byte 2",
    } do
      it(("of %q: where, what was expected and what was found"):format(text), function()
        local _, err = json.try_decode(text)
        assert.equal("malformed JSON: " .. reason, err.message)
      end)
    end
  end)

  it("takes escapes of all kinds", function()
    assert.equal("é\240\159\152\128/", json.decode [["\u00e9\ud83d\ude00\/"]])
    assert.equal('"\\/\b\f\n\r\t\0A', json.decode [["\"\\\/\b\f\n\r\t\u0000\u0041"]])
    local long = ("plain text "):rep(20)
    assert.equal(long .. "\n" .. long, json.decode('"' .. long .. "\\n" .. long .. '"'))
  end)

  it("takes the last of a repeated key, however the key is written", function()
    assert.equal(2, json.decode('{"a":1,"a":2}').a)
    assert.same({ a = 3, b = 4 }, json.decode [[{"a":1,"b":4,"\u0061":2,"a":3}]])
    assert.same({ a = 2 }, json.decode [[{"a":1,"\u0061":2}]])
    assert.same({ [""] = 2 }, json.decode '{"":1,"":2}')
    local long = ("k"):rep(100)
    assert.same({ [long] = 2 }, json.decode(('{"%s":1,"%s":2}'):format(long, long)))
    local parts = {}
    for round = 1, 3 do
      for i = 1, 100 do
        parts[#parts + 1] = ('"key%d":%d'):format(i, round * i)
      end
    end
    local value = json.decode("{" .. table.concat(parts, ",") .. "}")
    for i = 1, 100 do
      assert.equal(3 * i, value["key" .. i])
    end
  end)

  it("keeps alike keys apart", function()
    local value = {}
    for _, a in ipairs { "a", "b", "ab", "ba", "abc", "acb", "abcd", "acbd", "abcdefgh", "abcdegfh", "axxxxxxxxh" } do
      for _, b in ipairs { "", "0", "1", "00", "0123456789" } do
        value[a .. b] = a .. "=" .. b
        value[b .. a] = b .. "=" .. a
      end
    end
    local text = json.encode { value, value, { ab = 1 }, value }
    local back = json.decode(text)
    assert.same({ value, value, { ab = 1 }, value }, back)
  end)

  it("makes the values that lua-cjson makes of what both accept", function()
    local cjson = require("cjson").new()
    local texts = {
      [[{"a":[1,-2.5,1e3,0.1],"b":{"c":null,"d":"\u00e9\n"},"":true}]], '[[],{},[{}],""]', "1e-7", "-0",
      "0.30000000000000004", "12345678901234567890", '"\\ud83d\\ude00"', "[1e22,1e23,123456.789e-3,4.9e-324]",
    }
    for path in io.popen("ls spec/fuzz/json_corpus/*"):lines() do
      local file = assert(io.open(path, "rb"))
      texts[#texts + 1] = file:read "*a"
      file:close()
    end
    local same = 0
    for _, text in ipairs(texts) do
      local value, err = json.try_decode(text)
      if not err then
        assert.same(cjson.decode(text), value)
        same = same + 1
      end
    end
    assert.is_true(same > 80)
  end)

  it("marks arrays, so that they are arrays again when they are empty", function()
    assert.equal('{"a":[]}', json.encode(json.decode '{"a":[]}'))
    assert.equal("{}", json.encode(json.decode "{}"))
    local list = json.decode "[1]"
    list[1] = nil
    assert.equal("[]", json.encode(list))
  end)

  it("gives the memory of a large text back", function()
    local stats = require("cro.core").stats
    local text = json.encode(("\1\n"):rep(40000))
    assert.equal(40000 * 8 + 2, #text)
    assert.equal(("\1\n"):rep(40000), json.decode(text))
    local blocks = stats().c_blocks
    json.encode { 1 }
    assert.equal(blocks + 1, stats().c_blocks) -- a small buffer is kept again
  end)

  it("fails the same way as often as it is asked, and works in between", function()
    for _ = 1, 3 do
      refused("found 'x' at byte 2", json.decode, "[x")
      assert.same({ "\n" }, json.decode '["\\n"]')
    end
  end)

  it("names the mistake of its caller", function()
    refused("json.decode: a string expected, got nil", json.decode, nil)
    refused("json.array: a table expected, got number", json.array, 3)
  end)

  it("leaves the settings of a script's own cjson alone", function()
    require("cjson").decode_max_depth(3)
    local ok = pcall(json.decode, nested(10))
    require("cjson").decode_max_depth(1000)
    assert.is_true(ok)
  end)
end)
