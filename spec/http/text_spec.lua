require("spec.support.fake_http").install()
local text = require "cro.http.text"

describe("cro.http.text", function()
  describe("is_utf8", function()
    for bytes, expected in pairs {
      [""] = true,
      ["plain"] = true,
      ["caf\195\169"] = true,
      ["\226\130\172 euro"] = true,
      ["\240\159\152\128"] = true,
      ["\195"] = false,
      ["\195x"] = false,
      ["\128"] = false,
      ["\192\128"] = false,
      ["\224\128\128"] = false,
      ["\237\160\128"] = false,
      ["\244\144\128\128"] = false,
      ["\245\128\128\128"] = false,
      ["\240\159\152"] = false,
      ["\226\130"] = false,
    } do
      it(("of %q is %s"):format(bytes, tostring(expected)), function()
        assert.equal(expected, text.is_utf8(bytes))
      end)
    end
  end)

  local rows = {
    { "caf\195\169", nil, "caf\195\169" },
    { "caf\233", nil, "caf\195\169" },
    { "\239\187\191x", nil, "x" },
    { "\255\254x\0\61\216\0\222", nil, "x\240\159\152\128" },
    { "\254\255\0x", nil, "x" },
    { "\0x", "UTF-16BE", "x" },
    { "x\0", "utf-16le", "x" },
    { "\0x", "utf-16", "x" },
    { "\172\32", "utf-16le", "\226\130\172" },
    { "\233", "ISO-8859-1", "\195\169" },
    { "abc", "us-ascii", "abc" },
  }
  for _, row in ipairs(rows) do
    it(("decodes %q by %s"):format(row[1], tostring(row[2])), function()
      assert.equal(row[3], text.decode(row[1], row[2]))
    end)
  end

  local refused = {
    { "\233", "utf-8", 400 },
    { "\233", "us-ascii", 400 },
    { "\0", "utf-16", 400 },
    { "\0\216\0x", "utf-16le", 400 },
    { "\0\220", "utf-16le", 400 },
    { "\0\216", "utf-16le", 400 },
    { "x", "ebcdic", 415 },
  }
  for _, row in ipairs(refused) do
    it(("refuses %q as %s with %d"):format(row[1], row[2], row[3]), function()
      local ok, err = pcall(text.decode, row[1], row[2])
      assert.is_false(ok)
      assert.equal(row[3], err.status)
    end)
  end
end)
