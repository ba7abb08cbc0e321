local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local program = require "spec.support.program"
local r = require "cro.http.router"

local curl = clients.curl
local MIB = 1024 * 1024

--- Uploads by real clients, which announce no length and keep to their windows.
describe("bodies over HTTP/2 #loop", function()
  local service, url, folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local function count(c)
    c:text(#cro.await(c:body_text()) .. " " .. tostring(c.request:header "Content-Length"))
  end

  before_each(function()
    service = http.server {
      host = "127.0.0.1", port = 0, http = { "1.1", "2" }, timeouts = { body_idle = 5, request = 10 },
      application = r.route {
        r.post("/", count),
        r.post("/small", { max_body = "64K" }, count),
      },
    }
    service:start()
    url = ("http://127.0.0.1:%d"):format(select(2, service:address()))
  end)

  after_each(function() cro.await(service:stop { now = true }) end)

  local function file_of(bytes)
    local name = folder .. "/body-" .. bytes
    program.write(name, ("x"):rep(bytes))
    return name
  end

  local function upload(bytes, to)
    local body, last = curl("--http2-prior-knowledge", "-H", "Transfer-Encoding: chunked",
      "--data-binary", "@" .. file_of(bytes), url .. to)
    return last, body
  end

  it("come whole up to what a handler takes, though no length is announced", function()
    for _, bytes in ipairs { MIB - 65536, MIB - 15576, MIB - 1, MIB } do
      assert.same({ "2 200", bytes .. " nil" }, { upload(bytes, "/") })
    end
    assert.same({ "2 200", "65536 nil" }, { upload(65536, "/small") })
  end)

  it("are answered 413 when they are more", function()
    assert.equal("2 413", (upload(MIB + 1, "/")))
    assert.equal("2 413", (upload(2 * MIB, "/")))
    assert.equal("2 413", (upload(65537, "/small")))
  end)

  it("come many at once, over one connection", function()
    for _, load in ipairs { { 20, MIB, "/" }, { 100, 60000, "/small" } } do
      local n, bytes, to = unpack(load)
      local done = clients.run("h2load", "-c1", "-m" .. n, "-n" .. n, "-d", file_of(bytes), url .. to)
      assert.matches(n .. " 2xx", done.stdout)
    end
  end)
end)
