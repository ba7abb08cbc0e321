local tls_options = require "cro.tls.options"

local PAIR = { certificate_file = "a.pem", private_key_file = "a.key" }

local function with(more)
  local all = {}
  for key, value in pairs(PAIR) do
    all[key] = value
  end
  for key, value in pairs(more) do
    all[key] = value
  end
  return all
end

local function native(given, side) return tls_options.check("f", given, side).native end

describe("cro.tls.options", function()
  it("gives the core what a server says", function()
    local checked = tls_options.check("http.server: tls", with {
      client_ca_file = "ca.pem", verify = "require", alpn = { "h2", "http/1.1" }, min_version = "1.3", ciphers = "X",
      session_cache = false, ocsp_file = "a.ocsp", key_log_file = "keys", password = "secret", handshake_timeout = 3,
    })
    assert.equal("server", checked.side)
    assert.equal(3, checked.handshake_timeout)
    assert.same({
      server = true,
      identities = { {
        certificate_file = "a.pem", private_key_file = "a.key", password = "secret", ocsp_file = "a.ocsp",
      } },
      ca_file = "ca.pem", verify = "require", alpn = { "h2", "http/1.1" }, min_version = 13, ciphers = "X",
      no_sessions = true, key_log_file = "keys",
    }, checked.native)
  end)

  it("gives the core what a client says", function()
    assert.same({ server = false, identities = {} }, native({}, "client"))
    assert.same({ server = false, identities = {} }, native(nil, "client"))
    local checked = tls_options.check("f", { ca_path = "certs", server_name = "a.example" }, "client")
    assert.equal("a.example", checked.server_name)
    assert.equal("certs", checked.native.ca_path)
  end)

  it("puts the names of sni in their order behind the certificate that everybody is shown", function()
    local list = native(with { sni = {
      ["b.example"] = { pkcs12_file = "b.p12", password = "x" },
      ["a.example"] = { certificate_file = "b.pem", ocsp_file = "b.ocsp" },
    } }).identities
    assert.same({
      PAIR,
      { server_name = "a.example", certificate_file = "b.pem", ocsp_file = "b.ocsp" },
      { server_name = "b.example", pkcs12_file = "b.p12", password = "x" },
    }, list)
  end)

  it("tells the name of a file from what is in one", function()
    local ok, message = pcall(native, { certificate_file = "-----BEGIN CERTIFICATE-----\nMII" })
    assert.is_false(ok)
    assert.matches('option "certificate_file": expected the name of a file, not what is in it, got the string', message)
  end)

  it("takes certificates of names alone when other names are refused", function()
    local given = { sni_strict = true, sni = { ["a.example"] = { certificate_file = "a.pem" } } }
    assert.equal(1, #native(given).identities)
  end)

  it("knows the words of other libraries for what it has, and for what is so anyway", function()
    assert.equal("keys", native(with { ssl_key_log_file = "keys" }).key_log_file)
    assert.equal("none", native({ insecure = true }, "client").verify)
    assert.equal("none", native({ insecure_skip_verify = true }, "client").verify)
    assert.is_table(native(with {
      prefer_server_ciphers = true, no_compression = true, no_session_resumption_on_renegotiation = true,
    }))
    assert.same({ "h2" }, native(with { alpn = "h2" }).alpn)
    assert.equal(12, native(with { min_version = 1.2 }).min_version)
    assert.equal("ca.pem", native(with { ca_file = "ca.pem", verify = "optional" }).ca_file)
  end)

  it("leaves what it was given as it was", function()
    local given = with { alpn = { "h2" }, sni = { a = { certificate_file = "x" } } }
    native(given)
    assert.same(with { alpn = { "h2" }, sni = { a = { certificate_file = "x" } } }, given)
  end)

  local rows = {
    { "a server without a certificate", {}, 'f: option "certificate_file" is required (the name of a file), or '
      .. "pkcs12_file; crolua dev-cert makes a certificate for development" },
    { "a key without a certificate", { private_key_file = "k" }, 'option "private_key_file" needs certificate_file' },
    { "two ways to give a certificate", with { pkcs12_file = "x" }, 'option "pkcs12_file" holds certificate and key' },
    { "a password of nothing", { password = "x" }, "give one of them", "client" },
    { "an answer about no certificate", { ocsp_file = "x" }, 'option "ocsp_file" is stapled to a certificate' },
    { "a name without a default", { sni = { a = { certificate_file = "x" } } },
      "it is shown to clients that ask for no name of sni; or give sni_strict = true" },
    { "a name without a certificate", with { sni = { a = {} } }, 'f: sni["a"]: option "certificate_file" is required' },
    { "an unknown key of a name", with { sni = { a = { certificate_fil = "x" } } },
      'f: sni["a"]: unknown option "certificate_fil"; did you mean "certificate_file"?' },
    { "a list of names", with { sni = { { certificate_file = "x" } } }, "got the number 1 in it" },
    { "a name that is no name", with { sni = { ["a b"] = {} } }, 'got the string "a b" in it' },
    { "an unknown key", with { certificate = "x" }, 'unknown option "certificate"; it is called certificate_file here' },
    { "the word of another library", with { pkcs12_password = "x" },
      'unknown option "pkcs12_password"; it is called password here' },
    { "a key that is nearly right", with { min_verson = "1.2" }, 'did you mean "min_version"?' },
    { "an old version", with { min_version = "1.1" },
      'expected "1.2" or "1.3", got the string "1.1"; older ones are not safe and not there' },
    { "an empty file name", { certificate_file = "" }, "expected the name of a file, got the string" },
    { "a name with a zero in it", { certificate_file = "a\0b" }, "expected the name of a file" },
    { "verify without a CA", with { verify = "require" }, 'option "verify" = "require" needs client_ca_file' },
    { "verify that is no such word", with { verify = true }, 'expected "none", "optional" or "require", got the boolean true' },
    { "a CA of clients that nobody asks", with { client_ca_file = "x" }, 'add verify = "require", or "optional"' },
    { "two CAs of clients", with { client_ca_file = "x", ca_file = "y", verify = "require" }, "give one of them" },
    { "a protocol without a name", with { alpn = { "" } }, "is a list of names of 1 to 255 bytes" },
    { "a protocol that is too long", with { alpn = { ("x"):rep(256) } }, "is a list of names of 1 to 255 bytes" },
    { "a protocol twice", with { alpn = { "h2", "h2" } }, 'names "h2" twice' },
    { "protocols that are no list", with { alpn = { h2 = true } }, 'is a list such as { "h2", "http/1.1" }' },
    { "too many protocols", with { alpn = (function()
      local all = {}
      for i = 1, 400 do
        all[i] = ("x"):rep(200) .. i
      end
      return all
    end)() }, "65535 bytes in all" },
    { "a key log twice", with { key_log_file = "a", ssl_key_log_file = "b" }, "is another name of key_log_file" },
    { "a handshake that may take for ever", with { handshake_timeout = 0 }, "seconds above 0, at most 3600" },
    { "compression", with { no_compression = false }, "true: records are never compressed" },
    { "skipping verification on a server", with { insecure_skip_verify = true }, "is for clients; a server asks nobody" },
    { "a name to ask for on a server", with { server_name = "x" }, "is for clients; certificates of several names" },
    { "verify on a client", { verify = "none" }, "insecure_skip_verify = true to trust anybody", "client" },
    { "a CA of clients on a client", { client_ca_file = "x" }, "a client names whom it trusts with ca_file", "client" },
    { "names on a client", { sni = {} }, "a client asks for a name with server_name", "client" },
    { "a URL as a name", { server_name = "https://x" }, "expected a host name or a numeric address", "client" },
    { "something else as a context", { context = {} }, "is what cro.tls.context { ... } makes, got a table" },
    { "no table", "x", "expected a table of options" },
  }
  for _, row in ipairs(rows) do
    it("refuses " .. row[1], function()
      local ok, err = pcall(tls_options.check, "f", row[2], row[4])
      assert.is_false(ok)
      assert.matches(row[3], err, 1, true)
      assert.matches("options_spec.lua:", err, 1, true)
    end)
  end

  describe("a context", function()
    local function context(side) return setmetatable({ side = side }, { __name = "cro.tls.Context" }) end

    it("is taken as it is, for its side", function()
      local server = context "server"
      assert.equal(server, tls_options.check("f", server).context)
      assert.equal(server, tls_options.check("f", { context = server, handshake_timeout = 2 }).context)
      local ok, err = pcall(tls_options.check, "f", server, "client")
      assert.is_false(ok)
      assert.matches('was made for a server: cro.tls.context { side = "client", ... }', err, 1, true)
    end)

    it("takes nothing beside it that belongs into it", function()
      local ok, err = pcall(tls_options.check, "f", { context = context "server", alpn = { "h2" } })
      assert.is_false(ok)
      assert.matches('option "alpn" belongs into the context', err, 1, true)
    end)
  end)
end)
