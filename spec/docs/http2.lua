local assert = require "luassert"
local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local page = require "spec.support.page"

local function with_files(code)
  local mine = certificates.issue()
  return (code:gsub("server%-crt%.pem", mine.certificate_file):gsub("server%-key%.pem", mine.private_key_file)
    :gsub('"ca%.pem"', ("%q"):format(certificates.ca())))
end

local function url(run) return ("https://localhost:%d"):format(select(2, run.service:address())) end

local function names()
  local http, r = require "cro.http", require "cro.http.router"
  return { http = http, r = r, app = r.route { r.get("/", function(c) c:text(c.request.version) end) } }
end

return {
  {
    names = names,
    rewrite = with_files,
    check = function(run) assert.equal("2.0", (clients.curl(url(run)))) end,
  },
  {
    names = names,
    rewrite = with_files,
    check = function(run)
      local who = certificates.issue { name = "alice", names = false, usage = "clientAuth" }
      local text = clients.curl("--cert", who.certificate_file, "--key", who.private_key_file, url(run) .. "/whoami")
      assert.equal("alice", text)
    end,
  },
  {
    names = names,
    rewrite = page.returning "app",
    check = function(run)
      run.service = require("cro.http").server { host = "127.0.0.1", port = 0, application = run.value, http = "2" }
      run.service:start()
      local got = clients.run("nghttp", "-v", ("http://127.0.0.1:%d/"):format(select(2, run.service:address())))
      assert.matches("recv PUSH_PROMISE", got.stdout)
      assert.matches("h1 { color: teal }", got.stdout, 1, true)
    end,
  },
}
