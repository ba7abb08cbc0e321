local media_type = require "cro.media_type"

describe("cro.media_type", function()
  for text, want in pairs {
    ["text/html"] = { "text", "html", nil, "html", nil },
    ["Application/VND.API+JSON"] = { "application", "vnd.api+json", "vnd", "api", "json" },
    ["image/svg+xml"] = { "image", "svg+xml", nil, "svg", "xml" },
    ["application/prs.a.b"] = { "application", "prs.a.b", "prs", "a.b", nil },
    ["application/x.y"] = { "application", "x.y", "x", "y", nil },
    ["application/vnd.ms-excel"] = { "application", "vnd.ms-excel", "vnd", "ms-excel", nil },
    ["application/a.b"] = { "application", "a.b", nil, "a.b", nil },
    ["*/*"] = { "*", "*", nil, "*", nil },
  } do
    it("takes " .. text .. " apart", function()
      local m = assert(media_type.parse(text))
      assert.same(want, { m.type, m.subtype, m.tree, m.name, m.suffix })
      assert.equal(text:lower(), m:type_and_subtype())
    end)
  end

  for text, want in pairs {
    ["text/html; charset=UTF-8"] = "text/html; charset=UTF-8",
    ["text/html;charset=utf-8;"] = "text/html; charset=utf-8",
    ["text/html;; ;a=b"] = "text/html; a=b",
    ['text/html; a="b"'] = "text/html; a=b",
    ['text/html; a="b c"'] = 'text/html; a="b c"',
    ['text/html; a="b\\"c\\\\"'] = 'text/html; a="b\\"c\\\\"',
    ['text/html; a=""'] = 'text/html; a=""',
    ['a/b; z=1; A="x;y,z"'] = 'a/b; a="x;y,z"; z=1',
  } do
    it("writes " .. text .. " with quotes only where they are needed", function()
      local m = assert(media_type.parse(text))
      assert.equal(want, tostring(m))
      assert.is_true(media_type.of(want) == m)
    end)
  end

  local bad = { "", "text", "text/", "/html", "te xt/html", "a/b; c", 'a/b; c="d', "a/b; c=d e", "a/b; =d" }
  for _, text in ipairs(bad) do
    it(("refuses %q and says so"):format(text), function()
      local m, err = media_type.parse(text)
      assert.is_nil(m)
      assert.equal("media_type", err.kind)
      assert.matches("Unable to parse media type '" .. text .. "': ", tostring(err), 1, true)
    end)
  end

  it("knows the charset", function()
    assert.equal("utf-8", media_type.of('text/plain; Charset="UTF-8"'):charset())
    assert.is_nil(media_type.of("text/plain"):charset())
  end)

  it("matches ranges", function()
    assert.is_true(media_type.of("*/*"):matches "text/html")
    assert.is_true(media_type.of("text/*"):matches "text/html; charset=utf-8")
    assert.is_false(media_type.of("text/*"):matches "image/png")
    assert.is_false(media_type.of("application/json"):matches "application/vnd.x+json")
    assert.is_true(media_type.of("text/html; level=1"):matches "text/html; level=1")
    assert.is_false(media_type.of("text/html; level=1"):matches "text/html")
  end)

  it("sorts qualities, keeps the order of equals, and takes a bad one as 1", function()
    assert.same({
      { value = "b", quality = 1 },
      { value = "d", quality = 1 },
      { value = "e", quality = 1 },
      { value = "c", quality = 0.5 },
      { value = "a", quality = 0.1 },
      { value = "f", quality = 0 },
    }, media_type.qualities "a;q=0.1, b, c; Q=0.5 ,d;q=high,, e;q=1.0, f;q=0")
    assert.same({ { value = 'x;p="a,b"', quality = 0.2 } }, media_type.qualities 'x;p="a,b";q=0.2')
    assert.same({ { value = 'x;p=";q=0"', quality = 1 } }, media_type.qualities 'x;p=";q=0"')
    assert.same({}, media_type.qualities(nil))
    assert.same({}, media_type.qualities " , ")
  end)

  it("chooses the offer with the highest quality", function()
    local offers = { "application/json", "text/html" }
    assert.equal("text/html", media_type.negotiate("text/html, application/json;q=0.9", offers))
    assert.equal("application/json", media_type.negotiate("*/*", offers))
    assert.equal("application/json", media_type.negotiate(nil, offers))
    assert.equal("application/json", media_type.negotiate("text/*;q=0.5, */*;q=0.6", offers))
    assert.is_nil(media_type.negotiate("image/png", offers))
    assert.is_nil(media_type.negotiate("text/html;q=0", { "text/html" }))
  end)

  it("judges each offer by the most specific range", function()
    local offers = { "text/html", "text/plain" }
    assert.equal("text/plain", media_type.negotiate("text/html;q=0.1, text/*;q=0.5", offers))
    assert.equal("text/plain", media_type.negotiate("*/*, text/html;q=0", offers))
  end)

  it("raises at the caller's line for a wrong constant", function()
    local ok, err = pcall(function() media_type.of "html" end)
    assert.is_false(ok)
    assert.matches("media_type_spec.lua:%d+: Unable to parse media type 'html'", err)
  end)
end)
