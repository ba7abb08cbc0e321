local cro = require "cro"
local certificates = require "spec.support.certificates"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await = cro.await

--- A subjectAltName of such entries, byte by byte as a forger may write it: { tag, value }.
local function forge(entries)
  local body = {}
  for at, entry in ipairs(entries) do
    body[at] = string.char(0x80 + entry[1], #entry[2]) .. entry[2]
  end
  local all = table.concat(body)
  return ("DER:" .. string.char(0x30, 0x81, #all) .. all):gsub("^DER:(.*)", function(bytes)
    return "DER:" .. bytes:gsub(".", function(byte) return ("%02x:"):format(byte:byte()) end):sub(1, -2)
  end)
end

local EMAIL, DNS, URI, IP = 1, 2, 6, 7

--- The names a client reads in a certificate of such entries.
local function names_of(entries)
  table.insert(entries, 1, { DNS, "localhost" })
  local given = certificates.options({ host = "127.0.0.1", port = 0 }, { names = (forge(entries)) })
  local listener = cro.tls.listen(given)
  local tap = listener:tap(function() end)
  local client = await(cro.tls.connect("127.0.0.1", await(listener:address()).port,
    secured.trusting { server_name = "localhost" }))
  local names = client.tls.peer.names
  client:close()
  tap:close()
  assert.equal("DNS:localhost", table.remove(names, 1))
  return names
end

describe("the names of a peer #loop", function()
  secured.each(before_each, after_each)

  it("are a list, each behind its kind", function()
    assert.same({ "email:me@a.example", "URI:spiffe://a/b", "IP:10.0.0.1", "IP:2001:db8::1", "DNS:*.a.example" }, names_of {
      { EMAIL, "me@a.example" }, { URI, "spiffe://a/b" }, { IP, "\10\0\0\1" },
      { IP, "\32\1\13\184\0\0\0\0\0\0\0\0\0\0\0\1" }, { DNS, "*.a.example" },
    })
  end)

  it("stay one where one looks like two", function()
    assert.same({ "DNS:mallory.example, DNS:admin.example", "URI:x\\00DNS:admin.example", "DNS:a\\0A\\\\00\\C3\\BC" }, names_of {
      { DNS, "mallory.example, DNS:admin.example" }, { URI, "x\0DNS:admin.example" }, { DNS, "a\n\\00\195\188" },
    })
  end)

  it("leave out addresses that are none, and kinds that no host has", function()
    assert.same({ "DNS:last" }, names_of { { IP, "\1\2\3" }, { IP, "" }, { 8, "\42\3" }, { DNS, "last" } })
  end)

  it("are none where the certificate says none", function()
    local client, server, tap = secured.pair({ verify = "require", client_ca_file = certificates.ca() },
      certificates.issue { name = "alice", names = false })
    assert.same({}, server.tls.peer.names)
    client:close()
    server:close()
    tap:close()
  end)
end)

describe("an international name #loop", function()
  secured.each(before_each, after_each)

  it("is asked for, answered and verified in its xn-- form", function()
    local name = "b\195\188cher.example"
    local mine = certificates.issue { name = "books", names = "DNS:xn--bcher-kva.example" }
    local asked = {}
    local port, tap = secured.listen(function(connection)
      asked[#asked + 1] = connection.tls.server_name
      connection:close()
    end, { sni = { [name] = mine }, sni_strict = true })
    for _, asked_for in ipairs { name, name .. ".", "xn--bcher-kva.example" } do
      local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting { server_name = asked_for }))
      assert.is_true(client.tls.verified)
      assert.equal("", sockets.read_all(client))
      client:close()
    end
    assert.same({ "xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example" }, asked)
    tap:close()
  end)
end)
