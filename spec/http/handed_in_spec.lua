--- Listening on a descriptor that another program bound and handed down.
local program = require "spec.support.program"

describe("http.server and tcp.listen on a descriptor #loop", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  --- Runs the text with descriptor 3 made by Python.
  local function with_descriptor(make, text)
    local path = ("package.path = %q .. package.path\n"):format(os.getenv "PWD" .. "/?.lua;")
    program.write(folder .. "/app.lua", path .. text)
    program.write(folder .. "/hand.py", ([[
import os, socket, sys
%s
os.dup2(handed.fileno(), 3)
os.set_inheritable(3, True)
os.execv(sys.argv[1], [sys.argv[1], "app.lua"])
]]):format(make))
    return program.shell(folder, "python3 hand.py " .. program.quote(program.crolua()))
  end

  local LISTENING = [[
handed = socket.create_server(("127.0.0.1", 0))
]]

  it("serves the requests that come to it, and says where it listens", function()
    local got = with_descriptor(LISTENING, [[
      local http, r = require "cro.http", require "cro.http.router"
      local wire = require "spec.support.wire"
      local service = http.server { fd = 3, application = r.route { r.get("/", function(c) c:text "handed" end) } }
      service:start()
      local host, port = service:address()
      print(host, port > 0, wire.ask(service, "GET", "/").body)
      os.exit(0)
    ]])
    assert.equal("127.0.0.1\ttrue\thanded\n", got.out, got.err)
  end)

  it("says of one that is no listening socket which it is", function()
    local got = with_descriptor("handed = open('/dev/null')", [[
      local http, r = require "cro.http", require "cro.http.router"
      http.server { fd = 3, application = r.route {} }:start()
    ]])
    assert.equal(1, got.status)
    assert.matches("^crolua: app.lua:%d+: [^\n]*descriptor 3", got.err)
  end)
end)
