local program = require "spec.support.program"

local APP = [[
local cro = require "cro"
local http, r = require "cro.http", require "cro.http.router"
local COUNT = 300
local begun, all = 0, cro.Promise.new()
local service = http.server { host = "127.0.0.1", port = 0, application = r.route {
  r.get("/", function()
    begun = begun + 1
    if begun == COUNT then all:keep() end
    cro.sleep(100)
  end),
} }
service:start()
local _, port = service:address()
local held = {}
for i = 1, COUNT do
  held[i] = cro.await(cro.tcp.connect("127.0.0.1", port))
  cro.await(held[i]:write "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
end
cro.await(all)
service:stop()
print "done"
os.exit(0, true)
]]

describe("#loop a program that stops a service and ends before it has stopped", function()
  local folder
  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  --- Nothing of who waited for the stop is left: the sanitizers make that a status.
  it("ends in order, although many requests run", function()
    program.write(folder .. "/app.lua", APP)
    local result = program.shell(folder, program.quote(program.crolua()) .. " app.lua")
    assert.same({ "done\n", "", 0 }, { result.out, result.err, result.status })
  end)
end)
