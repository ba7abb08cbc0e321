local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local program = require "spec.support.program"
local r = require "cro.http.router"

local run = clients.run

describe("certificates that are read again #loop", function()
  local folder, service, port, files

  --- Puts a certificate with that common name where the server looks.
  local function issue(name)
    local made = certificates.issue { name = name }
    program.write(files.certificate_file, program.read(made.certificate_file))
    program.write(files.private_key_file, program.read(made.private_key_file))
  end

  local function start(application, options)
    options = options or {}
    options.host, options.port, options.application, options.tls = "127.0.0.1", 0, application, files
    service = http.server(options)
    service:start()
    port = select(2, service:address())
  end

  --- Whose certificate is shown now.
  local function shown()
    local said = run("openssl", "s_client", "-connect", "localhost:" .. port, "-servername", "localhost")
    return said.stdout:match "subject=CN = ([^,\n]+)"
  end

  local app = r.route { r.get("/", function(c) c:text "here" end) }

  before_each(function()
    folder = program.folder()
    files = { certificate_file = folder .. "/cert.pem", private_key_file = folder .. "/key.pem" }
    issue "one"
  end)

  after_each(function()
    if service then cro.await(service:stop { now = true }) end
    service = nil
    program.remove(folder)
  end)

  it("are shown from then on, by servers of routes and by composed ones", function()
    local Echo = cro.transform {
      name = "Echo", consumes = http.Request, produces = http.Response,
      transformer = function(_, requests)
        return requests:map(function(request) return http.Response { request = request, status = 200 } end)
      end,
    }
    for _, application in ipairs { app, Echo } do
      issue "one"
      start(application)
      assert.equal("one", shown())
      issue "two"
      assert.is_true(cro.await(service:reload_tls()))
      assert.equal("two", shown())
      cro.await(service:stop())
      service = nil
    end
  end)

  it("change nothing when they are wrong, and the promise says why", function()
    start(app)
    program.write(files.certificate_file, "nonsense")
    local ok, err = cro.pawait(service:reload_tls())
    assert.is_nil(ok)
    assert.matches("http.server: tls: certificate_file " .. folder .. "/cert.pem: ", tostring(err), 1, true)
    assert.equal("one", shown())
  end)

  it("are what a server without them cannot have", function()
    local plain = http.server { port = 0, application = app }
    local ok, err = pcall(plain.reload_tls, plain)
    assert.is_false(ok)
    assert.matches("this server has no certificates: it was made without tls", tostring(err))
  end)

  it("lose no request while they are read again and again under load", function()
    start(app)
    local reloads, done = 0, false
    local load = cro.start(function()
      local said = run("h2load", "-n", "3000", "-c", "4", "-m", "8", ("https://127.0.0.1:%d/"):format(port))
      done = true
      return said.stdout
    end)
    local fresh = cro.start(function()
      local answers = {}
      while not done do
        answers[#answers + 1] = run("curl", "-sk", ("https://localhost:%d/"):format(port)).stdout
      end
      return answers
    end)
    while not done do
      issue(reloads % 2 == 0 and "two" or "one")
      cro.await(service:reload_tls())
      reloads = reloads + 1
      cro.sleep(0.01)
    end
    assert.matches("3000 succeeded, 0 failed, 0 errored", cro.await(load))
    for _, answer in ipairs(cro.await(fresh)) do
      assert.equal("here", answer)
    end
    assert.is_true(reloads > 0)
    assert.equal(0, service:stats().tls_failed)
  end)

  it("are read again when SIGHUP comes, and a bad file is said", function()
    program.write(folder .. "/app.lua", ([[
      local cro, http, r = require "cro", require "cro.http", require "cro.http.router"
      local service = http.server {
        host = "127.0.0.1", port = 0, application = r.route { r.get("/", function(c) c:text "x" end) },
        tls = { certificate_file = %q, private_key_file = %q },
      }
      cro.start(function()
        while not service:address() do cro.sleep(0.01) end
        print(select(2, service:address()))
        io.stdout:flush()
      end)
      cro.run(service)
      print "ended"
    ]]):format(files.certificate_file, files.private_key_file))
    local child = cro.process(program.crolua(), folder .. "/app.lua")
    local lines, errors = child:stdout():lines():channel(), child:stderr():lines():channel()
    local ended = child:start()
    port = tonumber(lines:receive())
    assert.equal("one", shown())
    issue "two"
    child:kill "SIGHUP"
    for _ = 1, 100 do
      if shown() == "two" then break end
    end
    assert.equal("two", shown())
    program.write(files.private_key_file, "nonsense")
    child:kill "SIGHUP"
    assert.matches("http.server: tls: private_key_file .*; what was there before stays in use", errors:receive())
    assert.equal("two", shown())
    child:kill "SIGTERM"
    assert.equal("ended", lines:receive())
    assert.equal(0, cro.await(ended).code)
  end)
end)
