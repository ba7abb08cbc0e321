local uri = require "cro.uri"

describe("cro.uri", function()
  it("takes a URI apart", function()
    local u = assert(uri.parse "https://user:pw@example.com:8443/a%20b/c?x=1#top")
    assert.equal("https", u.scheme)
    assert.equal("user:pw@example.com:8443", u.authority)
    assert.equal("user:pw", u.userinfo)
    assert.equal("example.com", u.host)
    assert.equal("name", u.host_kind)
    assert.equal(8443, u.port)
    assert.equal("/a%20b/c", u.path)
    assert.equal("x=1", u.query)
    assert.equal("top", u.fragment)
    assert.equal("https://user:pw@example.com:8443/a%20b/c?x=1#top", tostring(u))
    assert.is_true(uri.is(u))
    assert.is_false(uri.is "http://h/")
  end)

  it("leaves out what is not there, and keeps what is empty", function()
    local u = assert(uri.parse "a/b?")
    assert.is_nil(u.scheme)
    assert.is_nil(u.authority)
    assert.is_nil(u.host)
    assert.is_nil(u.host_kind)
    assert.is_nil(u.port)
    assert.equal("", u.query)
    assert.is_nil(u.fragment)
  end)

  for text, kind in pairs {
    ["http://192.0.2.1/"] = "ipv4",
    ["http://[2001:db8::1]/"] = "ipv6",
    ["http://[v1.x:y]/"] = "future",
    ["http://h/"] = "name",
    ["file:///x"] = "none",
  } do
    it("knows the host of " .. text .. " as " .. kind, function()
      assert.equal(kind, uri.parse(text).host_kind)
    end)
  end

  it("tolerates characters that a URI may not hold", function()
    assert.equal("/a[1]{b}|", uri.parse("/a[1]{b}|").path)
  end)

  for text, row in pairs {
    ["1x:y"] = { "Malformed scheme", 1 },
    ["http://h:port/"] = { "Malformed port", 10 },
    ["http://h:65536/"] = { "Port above 65535", 10 },
    ["http://[::1::]/"] = { "Malformed IP address", 9 },
    ["/a%4"] = { "Malformed percent-encoding", 3 },
    ["/a b"] = { "Malformed path", 3 },
  } do
    it("says what is wrong with " .. text .. ", and where", function()
      local u, err = uri.parse(text)
      assert.is_nil(u)
      assert.equal("uri", err.kind)
      assert.equal(row[1], err.reason)
      assert.equal(row[2], err.position)
      assert.equal(("Unable to parse URI '%s': %s"):format(text, row[1]), tostring(err))
    end)
  end

  for reference, want in pairs {
    ["g"] = "http://a/b/c/g",
    ["../../../g"] = "http://a/g",
    ["?y"] = "http://a/b/c/d;p?y",
    ["#s"] = "http://a/b/c/d;p?q#s",
    ["//g"] = "http://g",
    [""] = "http://a/b/c/d;p?q",
    ["g:h"] = "g:h",
  } do
    it(("resolves %q"):format(reference), function()
      local base = uri.of "http://a/b/c/d;p?q"
      assert.equal(want, tostring(base:resolve(reference)))
      assert.equal(want, tostring(base:resolve(uri.of(reference))))
    end)
  end

  it("does not resolve what does not parse", function()
    local u, err = uri.of("http://a/"):resolve "/%"
    assert.is_nil(u)
    assert.equal("Malformed percent-encoding", err.reason)
  end)

  it("compares by the normal form", function()
    local a, b = uri.of "HTTP://Example.COM:80/%7Ea/./b", uri.of "http://example.com/~a/b"
    assert.is_true(a == b)
    assert.equal("http://example.com/~a/b", tostring(a:normalise()))
    assert.is_false(a == uri.of "http://example.com/~a/c")
  end)

  it("decodes the segments of a path one by one", function()
    assert.same({ "a/b", "", "c", "" }, uri.of("/a%2Fb//c/"):segments())
    assert.same({}, uri.of("http://h/"):segments())
    assert.same({ "\195\169" }, uri.of("/%C3%A9"):segments())
  end)

  it("knows the port to connect to", function()
    assert.equal(443, uri.of("HTTPS://h"):default_port())
    assert.equal(80, uri.of("ws://h"):default_port())
    assert.equal(8080, uri.of("http://h:8080"):default_port())
    assert.is_nil(uri.of("ftp://h"):default_port())
  end)

  it("makes a URI of an IRI", function()
    assert.equal("/caf%C3%A9?q=%E2%82%AC", tostring(uri.from_iri "/caf\195\169?q=\226\130\172"))
    local u, err = uri.from_iri "/\255"
    assert.is_nil(u)
    assert.equal("uri", err.kind)
    assert.equal("Unable to parse IRI '/\255': Not UTF-8", err.message)
    assert.equal(2, err.position)
  end)

  for _, read in ipairs { "parse", "from_iri" } do
    it(read .. " refuses a host beyond ASCII and names the cure", function()
      local u, err = uri[read] "http://b\195\188cher.example/"
      assert.is_nil(u)
      assert.matches("xn-- form (punycode)", err.reason, 1, true)
      assert.equal(9, err.position)
    end)
  end

  it("encodes for the place where the text will stand", function()
    assert.equal("a%20b%2Fc%3Fd%26%C3%A9~", uri.encode "a b/c?d&\195\169~")
    assert.equal("a&b%2Fc", uri.encode("a&b/c", "segment"))
    assert.equal("/a%20b/c/", uri.encode("/a b/c/", "path"))
    assert.equal("a=b&c/?", uri.encode("a=b&c/?", "query"))
    assert.equal("", uri.encode "")
  end)

  it("decodes what it encoded, any byte", function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    local text = table.concat(all)
    assert.equal(text, uri.decode(uri.encode(text)))
    assert.is_nil(uri.decode "%4")
    assert.equal("a+b", uri.decode "a+b")
  end)

  it("raises at the caller's line for what is no text", function()
    local function message(f)
      local ok, err = pcall(f)
      assert.is_false(ok)
      return err
    end
    assert.matches("uri_spec.lua:%d+: uri.parse: argument 1", message(function() uri.parse(5) end))
    assert.matches("uri_spec.lua:%d+: Unable to parse URI '/%%'", message(function() uri.of "/%" end))
    assert.matches('one of "component"', message(function() uri.encode("x", "paht") end))
  end)
end)
