local cro = require "cro"
local program = require "spec.support.program"
local sockets = require "spec.support.sockets"
local await = cro.await

local FILES = { "ca-key.pem", "ca.pem", "server-crt.pem", "server-key.pem" }

describe("crolua dev-cert #loop", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  local function run(arguments, options)
    return program.shell(folder, program.crolua() .. " dev-cert " .. (arguments or ""), options)
  end

  local function read(name) return program.read(folder .. "/" .. name) end

  local function listing(dir)
    return program.shell(folder, "stat -c '%a %n' " .. dir .. " " .. dir .. "/*").out
  end

  it("makes an authority and a certificate, with keys that are the owner's alone", function()
    local result = run "--dir d"
    assert.equal("", result.err)
    assert.equal(0, result.status)
    assert.equal("700 d\n600 d/ca-key.pem\n644 d/ca.pem\n644 d/server-crt.pem\n600 d/server-key.pem\n", listing "d")
    for _, file in ipairs(FILES) do
      assert.matches(folder .. "/d/" .. file, result.out, 1, true)
    end
    assert.matches("Made a certificate for localhost, 127.0.0.1, ::1, good until %d+%-%d+%-%d+:\n", result.out)
    assert.matches("curl --cacert " .. folder .. "/d/ca.pem https://localhost", result.out, 1, true)
  end)

  it("names its files without detours", function()
    program.shell(folder, "mkdir x")
    for dir, want in pairs {
      ["."] = "", ["./d/."] = "/d", ["x/.././/d/"] = "/x/../d", [folder .. "//d/./"] = "/d", ["./././e//"] = "/e",
    } do
      local result = run("--force --dir " .. dir)
      assert.equal(0, result.status, result.err)
      assert.matches(('ca_file = "%s%s/ca.pem"'):format(folder, want), result.out, 1, true)
    end
  end)

  it("makes what a server can show, and whoever trusts the authority connects", function()
    run "--dir d app.test"
    local listener = cro.tls.listen("127.0.0.1", 0, {
      certificate_file = folder .. "/d/server-crt.pem", private_key_file = folder .. "/d/server-key.pem",
    })
    local tap = listener:tap(function(connection)
      connection:write(connection.tls.server_name or "nobody")
      connection:close()
    end)
    local port = await(listener:address()).port
    for _, name in ipairs { "localhost", "app.test" } do
      local client = await(cro.tls.connect("127.0.0.1", port, { ca_file = folder .. "/d/ca.pem", server_name = name }))
      assert.equal(name, sockets.read_all(client))
      client:close()
    end
    sockets.broken(cro.tls.connect("127.0.0.1", port, { ca_file = folder .. "/d/ca.pem", server_name = "other.test" }),
      "certificate")
    tap:close()
  end)

  it("keeps its files where other programs of the user keep theirs", function()
    assert.equal(0, run("", { env = "HOME=" .. folder .. " XDG_CONFIG_HOME=" }).status)
    assert.equal("-----BEGIN", read(".config/crolua/server-crt.pem"):sub(1, 10))
    assert.equal(0, run("", { env = "XDG_CONFIG_HOME=" .. folder .. "/x" }).status)
    assert.equal("-----BEGIN", read("x/crolua/ca.pem"):sub(1, 10))
    local result = run("", { env = "HOME= XDG_CONFIG_HOME=" })
    assert.equal(1, result.status)
    assert.equal("crolua dev-cert: neither HOME nor XDG_CONFIG_HOME says where your files are; give --dir\n", result.err)
  end)

  it("makes nothing anew while what is there is good", function()
    run "--dir d a.test b.test"
    local before = {}
    for i, file in ipairs(FILES) do
      before[i] = read("d/" .. file)
    end
    for _, words in ipairs { "a.test b.test", "b.test", "" } do
      local result = run("--dir d " .. words)
      assert.equal(0, result.status)
      assert.matches("^There is a certificate for localhost.- already, good until ", result.out)
    end
    for i, file in ipairs(FILES) do
      assert.equal(before[i], read("d/" .. file))
    end
  end)

  it("puts another in the place of one that is there only when it is told to", function()
    run "--dir d"
    local authority, key = read "d/ca-key.pem", read "d/server-key.pem"
    local result = run "--dir d other.test"
    assert.equal(1, result.status)
    assert.matches("is not for all of localhost, 127.0.0.1, ::1, other.test; --force makes another in its place", result.err, 1, true)
    assert.equal(key, read "d/server-key.pem")
    assert.equal(0, run("--dir d --force other.test").status)
    assert.not_equal(key, read "d/server-key.pem")
    assert.equal(authority, read "d/ca-key.pem")
  end)

  it("says what is wrong with what is there", function()
    run "--dir d --days 20"
    assert.matches("server%-crt.pem ends on %d+%-%d+%-%d+; %-%-force makes another", run("--dir d").err)
    os.remove(folder .. "/d/ca.pem")
    os.remove(folder .. "/d/ca-key.pem")
    assert.matches("ca_file .*/ca.pem: no such file", run("--dir d").err)
    run "--dir e"
    os.rename(folder .. "/e/ca.pem", folder .. "/d/ca.pem")
    os.rename(folder .. "/e/ca-key.pem", folder .. "/d/ca-key.pem")
    assert.matches("server-crt.pem is not signed by " .. folder .. "/d/ca.pem; --force", run("--dir d").err, 1, true)
    assert.equal(0, run("--dir d --force").status)
  end)

  it("makes certificates for clients", function()
    run "--dir d"
    local result = run "--dir d --client alice"
    assert.equal(0, result.status)
    assert.matches("Made a certificate for alice, good until", result.out)
    assert.matches('verify = "require", client_ca_file = "' .. folder .. "/d/ca.pem", result.out, 1, true)
    local said = program.shell(folder, "openssl x509 -in d/client-crt.pem -noout -ext extendedKeyUsage").out
    assert.matches("TLS Web Client Authentication", said)
  end)

  local rows = {
    { "an option it does not know", "--forc", "unknown option '--forc'; did you mean --force?" },
    { "a short option", "-x", "unknown option '-x'; --help shows all options" },
    { "an option without its value", "--dir", "nothing follows option '--dir'" },
    { "a value that is none", "--force=yes", "option '--force' takes no value" },
    { "too many days", "--dir d --days 1000", "--days: a whole number from 1 to 825 expected, got '1000'" },
    { "what is no name", "--dir d 'a b'", "a b" },
    { "a folder that is a file", "--dir .out/d", "not a directory" },
  }
  for _, row in ipairs(rows) do
    it("refuses " .. row[1], function()
      local result = run(row[2])
      assert.equal(1, result.status)
      assert.matches("^crolua dev%-cert: ", result.err)
      assert.matches(row[3], result.err, 1, true)
    end)
  end

  it("teaches how it is used", function()
    for _, word in ipairs { "--help", "-h" } do
      local result = run(word)
      assert.equal(0, result.status)
      assert.matches("^usage: crolua dev%-cert %[", result.out)
      assert.matches("Try:\n  crolua dev-cert\n", result.out, 1, true)
    end
  end)

  it("is a script after -- or with a path", function()
    program.write(folder .. "/dev-cert", "print('a script', ...)")
    assert.equal("a script\tx\n", program.shell(folder, program.crolua() .. " -- dev-cert x").out)
    assert.equal("a script\tx\n", program.shell(folder, program.crolua() .. " ./dev-cert x").out)
  end)
end)
