require("spec.support.fake_http").install()
local template = require "cro.http.router.template"
local types = require "cro.http.router.types"

describe("cro.http.router.template", function()
  local function kinds(source)
    local list = {}
    for i, segment in ipairs(template.parse(source).segments) do
      list[i] = segment.kind .. ":" .. segment.text .. (segment.optional and "?" or "")
    end
    return list
  end

  for source, expected in pairs {
    ["/"] = {},
    ["/catalogue"] = { "literal:catalogue" },
    ["/catalogue/"] = { "literal:catalogue", "literal:" },
    ["//catalogue"] = { "literal:", "literal:catalogue" },
    ["/a/{x}"] = { "literal:a", "any:x" },
    ["/a/{id:int}"] = { "literal:a", "typed:id" },
    ["/a/{id:string}"] = { "literal:a", "any:id" },
    ["/by-tag/{tag?}"] = { "literal:by-tag", "any:tag?" },
    ["/page/{n:int=1}"] = { "literal:page", "typed:n?" },
    ["/page/{n=one}"] = { "literal:page", "any:n?" },
    ["/css/{path*}"] = { "literal:css", "slurpy:path" },
    ["/{a?}/{b:uuid?}/{c*}"] = { "any:a?", "typed:b?", "slurpy:c" },
    ["/encoded%2Fslash/a+plus"] = { "literal:encoded/slash", "literal:a+plus" },
  } do
    it("reads " .. source, function() assert.same(expected, kinds(source)) end)
  end

  it("names the parameters in their order", function()
    assert.same({ "a", "b", "rest" }, template.parse("/{a}/x/{b:int}/{rest*}").names)
  end)

  it("converts a default by the type", function()
    local parsed = template.parse "/page/{n:int=12}"
    assert.equal(12, parsed.segments[2].default)
    assert.is_true(parsed.has_default)
  end)

  it("takes the type a name means when the route is written", function()
    types.define("shade", function(text) return text == "red" and "first" or nil end)
    local first = template.parse "/{c:shade}"
    types.define("shade", function(text) return text == "red" and "second" or nil end)
    local second = template.parse "/{c:shade}"
    assert.equal("first", first.segments[1].convert "red")
    assert.equal("second", second.segments[1].convert "red")
    assert.equal("custom", first.segments[1].kind)
  end)

  for source, complaint in pairs {
    ["a"] = 'must begin with a slash; write "/a"',
    [""] = "must begin with a slash",
    ["/x{y}"] = "mixes text and a parameter",
    ["/{a*}/b"] = "nothing can follow it",
    ["/{a?}/b"] = "all that follows it must be",
    ["/{a?}/{b}"] = "all that follows it must be",
    ["/a?b=1"] = "describe the query by { query",
    ["/{n:int=x}"] = 'the default "x" of {n} is no int',
    ["/{n:itn}"] = 'unknown type "itn"; did you mean "int"?',
    ["/{id:}"] = "cannot read {id:}",
    ["/{}"] = "cannot read {}",
    ["/{1}"] = "cannot read {1}",
    ["/%zz"] = "two hexadecimal digits",
    ["/%4"] = "two hexadecimal digits",
    ["/{a}/{a}"] = "{a} stands there twice",
    ["/{a:int*}"] = "the rest of a path has no type",
    ["/{a?=1}"] = "the default alone makes it optional",
  } do
    it("refuses " .. source, function()
      local ok, err = pcall(template.parse, source)
      assert.is_false(ok)
      assert.truthy(err:find(complaint, 1, true), err)
      assert.truthy(err:find("template_spec.lua", 1, true), "it names the line of the script: " .. err)
    end)
  end

  it("refuses more parameters than a request can carry", function()
    local parts = {}
    for i = 1, 17 do
      parts[i] = "{p" .. i .. "}"
    end
    local source = "/" .. table.concat(parts, "/")
    assert.error_matches(function() template.parse(source) end, "it has 17 parameters; at most 16")
  end)

  it("puts a prefix before a template", function()
    local prefix = template.parse "/admin"
    assert.equal("/admin/users/{id}", template.join(prefix, template.parse "/users/{id}").source)
    assert.equal("/admin", template.join(prefix, template.parse "/").source)
    assert.equal(1, #template.join(prefix, template.parse "/").segments)
    assert.equal("/x", template.join(template.parse "/", template.parse "/x").source)
  end)

  it("gives equal shapes to templates that differ in names only", function()
    local function shape(source) return template.shape(template.parse(source)) end
    assert.equal(shape "/a/{x}", shape "/a/{y}")
    assert.not_equal(shape "/a/{x}", shape "/a/{x:int}")
    assert.not_equal(shape "/a/{x}", shape "/a/{x?}")
    assert.not_equal(shape "/a/b", shape "/a%2Fb")
  end)
end)
