local options = require "cro.options"
local property = require "spec.support.property"

local SPEC = {
  port = { "integer", required = true, check = function(n) return n >= 0 and n <= 65535, "0 to 65535" end },
  host = { "string", default = "localhost" },
  mode = { "string", one_of = { "fast", "safe" } },
  timeout = "number|string",
  handler = "callable",
  anything = "any",
}

local function message_of(given)
  local ok, err = pcall(options.check, "http.server", given, SPEC)
  assert.is_false(ok)
  return err
end

describe("cro.options", function()
  it("fills in defaults in a table of its own", function()
    local given = { port = 80 }
    assert.same({ port = 80, host = "localhost" }, options.check("f", given, SPEC))
    assert.same({ port = 80 }, given)
    assert.same({}, options.check("f", nil, {}))
  end)

  it("keeps false", function()
    assert.is_false(options.check("f", { on = false }, { on = { "boolean", default = true } }).on)
  end)

  local rows = {
    { "names an unknown key, the function and the nearest key", { prot = 80 },
      'http.server: unknown option "prot"; did you mean "port"?' },
    { "lists the keys when none is near", { zzzzzzzzz = 1 },
      'http.server: unknown option "zzzzzzzzz"; it knows anything, handler, host, mode, port, timeout' },
    { "names a key that is no string", { 80 }, "http.server: unknown option [1]; it knows" },
    { "says what was expected and what came", { port = "80" },
      'http.server: option "port": expected integer, got the string "80"' },
    { "tells integers from numbers", { port = 1.5 }, 'option "port": expected integer, got the number 1.5' },
    { "lists alternatives", { port = 1, timeout = {} }, 'option "timeout": expected number or string, got a table' },
    { "applies checks", { port = 70000 }, 'option "port": expected 0 to 65535, got the number 70000' },
    { "lists allowed values", { port = 1, mode = "slow" },
      'option "mode": expected one of "fast", "safe", got the string "slow"' },
    { "demands what is required", {}, 'http.server: option "port" is required (integer)' },
    { "refuses what is no table", 5, "http.server: expected a table of options, got the number 5" },
    { "takes no call for a number", { port = 1, handler = 5 }, 'option "handler": expected callable' },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local message = message_of(row[2])
      assert.matches(row[3], message, 1, true)
      assert.matches("options_spec.lua:%d+: ", message)
    end)
  end

  it("takes anything, functions and callable tables where they are wanted", function()
    local callable = setmetatable({}, { __call = function() end })
    local result = options.check("f", { port = 0, handler = callable, anything = 5 }, SPEC)
    assert.equal(callable, result.handler)
    assert.equal(5, result.anything)
  end)

  it("checks positional arguments", function()
    options.argument("f", 1, "x", "number|string")
    local ok, err = pcall(options.argument, "f", 2, nil, "number")
    assert.is_false(ok)
    assert.matches("options_spec.lua:%d+: f: argument 2: expected number, got nothing", err)
  end)

  it("finds the nearest word, or none", function()
    assert.equal("buffer", options.nearest("bufer", { "policy", "buffer" }))
    assert.is_nil(options.nearest("xyzxyzxyz", { "policy", "buffer" }))
  end)

  it("finds a word again after any one letter of it was changed", function()
    local words = { "certificate_file", "private_key_file", "max_body", "timeouts" }
    property.check(property.record {
      word = property.one_of(words), at = property.integer(1, 8), letter = property.integer(97, 122),
    }, function(p)
      local changed = p.word:sub(1, p.at - 1) .. string.char(p.letter) .. p.word:sub(p.at + 1)
      assert(options.nearest(changed, words) == p.word)
    end)
  end)
end)
