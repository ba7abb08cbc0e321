require("spec.support.fake_http").install()
local http = require "cro.http"
local message = require "cro.http.message"
local protocols = require "cro.http.protocols"
local r = require "cro.http.router"

describe("the versions that http.server speaks", function()
  local app = r.route { r.get("/", function(c) c:text "hi" end) }
  local tls = { certificate_file = "cert.pem", private_key_file = "key.pem" }
  local given, failure

  local real

  setup(function()
    real = package.loaded["cro.tls.context"]
    package.loaded["cro.tls.context"] = {
      of = function(checked, defaults)
        if failure then return nil, failure end
        given = { alpn = checked.native.alpn or defaults.alpn }
        return { box = {} }
      end,
    }
  end)

  teardown(function() package.loaded["cro.tls.context"] = real end)

  before_each(function() given, failure = nil, nil end)

  local function complains(options, ...)
    options.port, options.application = 0, options.application or app
    local ok, err = pcall(http.server, options)
    assert.is_false(ok, "no error was raised")
    for _, text in ipairs { ... } do
      assert.truthy(tostring(err):find(text, 1, true), tostring(err))
    end
    assert.truthy(tostring(err):find("protocols_spec.lua:", 1, true), "it names the script's line: " .. tostring(err))
  end

  local function spoken(options)
    local speaks = protocols.check("http.server", options)
    return speaks.versions, given and table.concat(given.alpn, " ")
  end

  it("are 1.1 in the clear and both over TLS, unless http says otherwise", function()
    assert.same({ "1" }, { spoken {} })
    assert.same({ "12", "h2 http/1.1" }, { spoken { tls = tls } })
    assert.same({ "12", "h2 http/1.1" }, { spoken { ssl = tls } })
    assert.same({ "1", "http/1.1" }, { spoken { tls = tls, http = "1.1" } })
    assert.same({ "2", "h2" }, { spoken { tls = tls, http = { "2" } } })
    assert.same({ "12", "h2 http/1.1" }, { spoken { tls = tls, http = { "1.1", "2" } } })
  end)

  it("are in the clear HTTP/2 for who knows beforehand, when http says so", function()
    assert.same({ "2" }, { spoken { http = "2" } })
    assert.same({ "12" }, { spoken { http = { "2", "1.1" } } })
    assert.is_nil(given)
  end)

  it("are those of a context that says so", function()
    local with = { certificate_file = "cert.pem", private_key_file = "key.pem", alpn = { "http/1.1", "x" } }
    assert.same({ "1", "http/1.1 x" }, { spoken { tls = with } })
    complains({ tls = with, http = "2" }, 'option "http" asks for "2", but the alpn given with tls does not offer it')
    with.alpn = { "smtp" }
    complains({ tls = with }, 'its alpn names neither "h2" nor "http/1.1"')
  end)

  it("are refused when they are none", function()
    local expected = 'http.server: option "http": expected "1.1", "2" or { "1.1", "2" }, got '
    complains({ http = "3" }, expected .. 'the string "3"')
    complains({ http = 2 }, expected .. "the number 2")
    complains({ http = { "1.1", "1.0" } }, expected .. 'the string "1.0"')
    complains({ http = {} }, expected .. "a table")
    complains({ http = { h2 = true } }, expected .. "the boolean true")
    complains({ http = false }, expected .. "the boolean false")
  end)

  it("take TLS by one of its names", function()
    complains({ tls = tls, ssl = tls }, 'option "ssl" is another name of tls: give one of them')
    complains({ tls = { cert = "x" } }, 'http.server: tls: unknown option "cert"; it is called certificate_file here')
    complains({ tls = {} }, 'http.server: tls: option "certificate_file" is required')
    complains({ tls = "cert.pem" }, "http.server: tls: expected a table of options")
    complains({ tls = false }, "http.server: tls: expected a table of options")
  end)

  it("say at the line of the script what is wrong with a file", function()
    failure = require("cro.errors").new("not_found", "http.server: tls: certificate_file cert.pem: no such file or directory")
    complains({ tls = tls }, "http.server: tls: certificate_file cert.pem: no such file or directory")
  end)

  it("are named likewise to a parser of one's own", function()
    for http_option, versions in pairs { ["1.1"] = "1", ["2"] = "2", [{ "2", "1.1" }] = "12" } do
      assert.equal(versions, message.request_parser({ http = http_option }).http_settings.http)
    end
    assert.is_nil(message.request_parser().http_settings.http)
    local ok, err = pcall(message.request_parser, { http = { "1.1", "h2" } })
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find(
      'http.request_parser: option "http": expected "1.1", "2" or { "1.1", "2" }, got the string "h2"', 1, true))
  end)

  it("have bounds of their own", function()
    complains({ h2 = { max_stream = 1 } }, 'http.server: h2: unknown option "max_stream"; did you mean "max_streams"?')
    complains({ h2 = { max_streams = 0 } }, "1 to 1000000")
    complains({ h2 = { stream_window = 10 } }, 'option "stream_window": expected 1024 to 2147483647 bytes, got 10')
    complains({ h2 = { connection_window = "1K" } }, "expected 65535 to 2147483647 bytes, got 1024")
    complains({ timeouts = { h2_idle = -1 } }, "seconds, 0 for never")
    local service = http.server {
      port = 0, application = app, h2 = { stream_window = "256K", max_streams = 7 }, timeouts = { tls_handshake = 3 },
    }
    assert.same({ stream_window = 262144, max_streams = 7 }, service.native.h2)
  end)

  it("keep the deadline of handshakes in one place", function()
    local own = { certificate_file = "cert.pem", private_key_file = "key.pem", handshake_timeout = 4 }
    assert.equal(4, http.server { port = 0, application = app, tls = own }.native.timeouts.tls_handshake)
    local timeouts = { tls_handshake = 3 }
    assert.equal(3, http.server { port = 0, application = app, tls = tls, timeouts = timeouts }.native.timeouts.tls_handshake)
  end)
end)
