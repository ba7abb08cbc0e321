local cro = require "cro"
local certificates = require "spec.support.certificates"
local program = require "spec.support.program"
local runtime = require "cro.runtime"
local secured = require "spec.support.secured"
local sockets = require "spec.support.sockets"
local await = cro.await
local broken, read_all = sockets.broken, sockets.read_all

describe("certificates that change #loop", function()
  local folder, write_report, said

  secured.each(before_each, after_each)
  before_each(function()
    folder, write_report, said = program.folder(), runtime.write_report, {}
    runtime.write_report = function(text) said[#said + 1] = text end
  end)
  after_each(function()
    runtime.write_report = write_report
    program.remove(folder)
  end)

  local function put(name, from)
    local path = folder .. "/" .. name
    program.write(path .. ".new", from)
    assert(os.rename(path .. ".new", path)) -- another file, whatever the clock says
    return path
  end

  local function certificate(name)
    return program.read(certificates.issue { name = name }.certificate_file)
  end

  local function listen(handler, more)
    local given = { certificate_file = put("cert.pem", certificate "before") }
    given.private_key_file = put("key.pem", program.read(certificates.path "key.pem"))
    for key, value in pairs(more or {}) do
      given[key] = value
    end
    return secured.listen(handler or function(connection) connection:close() end, given)
  end

  local function shown(port)
    local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting { session_cache = false }))
    local name = client.tls.peer.common_name
    client:abort()
    return name
  end

  it("are read again when reload_tls says so, and what is open goes on", function()
    local port, tap, listener = listen(function(connection)
      connection:supply():tap { value = function(bytes) connection:write(bytes) end, quit = function() end }
    end)
    local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting()))
    put("cert.pem", certificate "after")
    assert.equal("before", shown(port))
    assert.is_true(await(listener:reload_tls()))
    assert.equal("after", shown(port))
    await(client:write "still\n")
    assert.equal("still", await(client:read_line()))
    client:abort()
    tap:close()
  end)

  it("stay as they were when what is there is wrong", function()
    local port, tap, listener = listen()
    for _, wrong in ipairs {
      { "cert.pem", "no certificate", "certificate_file " .. folder .. "/cert.pem: " },
      { "key.pem", program.read(certificates.path "other_key.pem"), "private_key_file " .. folder .. "/key.pem: " },
    } do
      local before = program.read(folder .. "/" .. wrong[1])
      put(wrong[1], wrong[2])
      local _, err = cro.pawait(listener:reload_tls())
      assert.matches("^cro.tls.listen: ", err.message)
      assert.matches(wrong[3], err.message, 1, true)
      assert.equal("before", shown(port))
      put(wrong[1], before)
    end
    os.remove(folder .. "/cert.pem")
    broken(listener:reload_tls(), "not_found")
    assert.equal("before", shown(port))
    tap:close()
  end)

  it("are noticed within seconds while somebody listens; of a bad file it is said once", function()
    local timers = cro.stats().timers + 1 -- the one we sleep on
    local port, tap = listen()
    local clock = cro.test.clock()
    put("cert.pem", certificate "after")
    clock:advance(6)
    put("cert.pem", "no certificate")
    clock:advance(6)
    clock:advance(6)
    assert.equal(1, #said)
    assert.matches("^cro.tls.listen: certificate_file .*; what was there before stays in use$", said[1])
    put("cert.pem", certificate "again")
    clock:advance(6)
    put("cert.pem", "no certificate")
    clock:advance(6)
    assert.equal(2, #said)
    clock:restore()
    assert.equal("again", shown(port))
    tap:close()
    while cro.stats().timers > timers do
      cro.sleep(0.005)
    end
  end)

  it("change whom is trusted", function()
    local mine = certificates.issue { name = "alice", ca = "other_ca", names = false }
    local ca = put("clients.pem", program.read(certificates.path "ca.pem"))
    local port, tap, listener = listen(function(connection)
      connection:write(connection.tls.peer.common_name)
      connection:close()
    end, { verify = "require", client_ca_file = ca, on_handshake_error = function() end })
    local function hear()
      local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting {
        certificate_file = mine.certificate_file, private_key_file = mine.private_key_file, min_version = "1.3",
      }))
      local ok, heard = pcall(read_all, client)
      client:abort()
      return ok and heard
    end
    assert.is_false(hear())
    put("clients.pem", program.read(certificates.path "other_ca.pem"))
    await(listener:reload_tls())
    assert.equal("alice", hear())
    tap:close()
  end)

  it("lose no connection that is made meanwhile", function()
    local port, tap, listener = listen(function(connection)
      connection:write "fine"
      connection:close()
    end)
    local heard, jobs, over = 0, {}, false
    for i = 1, 8 do
      jobs[i] = cro.start(function()
        while not over do
          local client = await(cro.tls.connect("127.0.0.1", port, secured.trusting()))
          assert.equal("fine", read_all(client))
          client:close()
          heard = heard + 1
        end
      end)
    end
    for round = 1, 20 do
      put("cert.pem", certificate(round % 2 == 0 and "before" or "after"))
      await(listener:reload_tls())
      local so_far = heard
      while heard < so_far + 8 do
        cro.sleep(0.001)
      end
    end
    over = true
    await(jobs)
    assert.is_true(heard >= 160)
    tap:close()
  end)
end)
