local program = require "spec.support.program"

local APP = [[
local cro = require "cro"
local http, r = require "cro.http", require "cro.http.router"
local begun, left = cro.Promise.new(), cro.Promise.new()
local stuck = cro.start(cro.sleep, 100)
cro.sleep(0)
stuck:cancel "the upstream was given up"
local service = http.server { host = "127.0.0.1", port = 0, application = r.route {
  r.get("/foreign", function() cro.await(stuck) end),
  r.get("/own", function(c)
    cro.defer(function() print "left" left:keep() end)
    c.response:set_header("X", "y")
    begun:keep()
    cro.sleep(100)
  end),
} }
service:start()
local _, port = service:address()
local function get(path)
  local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
  cro.await(conn:write("GET " .. path .. " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
  return conn
end
print(cro.await(get("/foreign"):supply()):match "^HTTP/1.1 (%d+)")
local gone = get "/own"
cro.await(begun)
gone:abort()
cro.await(left)
cro.sleep(0.01)
print "done"
]]

describe("#loop a handler that waits for what was cancelled elsewhere", function()
  local folder
  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  it("has failed and is reported; one whose client has left is not", function()
    program.write(folder .. "/app.lua", APP)
    local result = program.shell(folder, program.quote(program.crolua()) .. " app.lua")
    assert.equal("500\nleft\ndone\n", result.out)
    assert.matches("error in the handler of GET /foreign: the upstream was given up", result.err, 1, true)
    assert.is_nil(result.err:find("/own", 1, true))
    assert.equal(0, result.status)
  end)
end)
