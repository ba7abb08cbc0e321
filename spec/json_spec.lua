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
      refused("too many nested", json.decode, nested(129))
      refused("nested too deep", json.encode, value)
    end)

    it("may be limited to less, or more", function()
      assert.same({ { {} } }, json.decode(nested(3), 3))
      refused("too many nested", json.decode, nested(3), 2)
      assert.is_table(json.decode(nested(200), 200))
      refused("json.decode: depth: a whole number from 1", json.decode, "[]", 0)
      refused("json.decode: depth: a whole number from 1", json.decode, "[]", "deep")
    end)
  end)

  describe("malformed text", function()
    for _, text in ipairs {
      "", " ", "{", "[1,]", "[1 2]", '{"a" 1}', '{"a":1,}', "{a:1}", "nul", "NaN", "-Infinity", "nan", "[1] x",
      "01", ".5", "+1", "0x10", "-", "'a'", '"a', '"\\x"', '"\\ud800"', "\239\187\191[]", "// x\n1",
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

  it("takes the last of a repeated key and escapes of all kinds", function()
    assert.equal(2, json.decode('{"a":1,"a":2}').a)
    assert.equal("é\240\159\152\128/", json.decode [["\u00e9\ud83d\ude00\/"]])
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
