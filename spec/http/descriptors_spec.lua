local program = require "spec.support.program"

local SERVER = [[
local cro, http, r = require "cro", require "cro.http", require "cro.http.router"
local service = http.server { host = "127.0.0.1", port = 0, limits = LIMITS,
  application = r.route { r.get("/", function(c) c:text "served" end) } }
service:start()
local _, port = service:address()
]]

--- Run in a shell of its own: `client` is Python, started once "port" is written.
local function scene(folder, limit, limits, app, client)
  program.write(folder .. "/app.lua", SERVER:gsub("LIMITS", limits) .. app)
  program.write(folder .. "/client.py", client)
  local crolua = program.quote(program.crolua())
  return program.shell(folder, ([[
(ulimit -S -n %s; ulimit -H -n %s; exec %s app.lua) & server=$!
for i in $(seq 200); do [ -s port ] && break; sleep 0.02; done
python3 client.py "$(cat port 2>/dev/null)"
{ kill $server; wait $server; } 2>/dev/null
]]):format(limit.soft, limit.hard, crolua))
end

local WRITE_PORT = [[
local file = io.open("port", "w")
file:write(port)
file:close()
]]

local ASK = [[
import socket, sys, time
port = int(sys.argv[1])
def ask():
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return s
def status(s):
    s.settimeout(8)
    try:
        got = s.recv(4096)
        return got.split(b" ")[1].decode() if got else "closed"
    except OSError:
        return "closed"
]]

local function lines_with(text, what)
  local count = 0
  for line in text:gmatch "[^\n]+" do
    if line:find(what, 1, true) then count = count + 1 end
  end
  return count
end

describe("the limit of open files #loop", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  it("bounds limits.connections, which is said once, and one more is answered 503", function()
    local got = scene(folder, { soft = 80, hard = 80 }, "nil", WRITE_PORT .. "cro.await(service:ended())", ASK .. [[
held = [ask() for _ in range(16)]
print([status(s) for s in held].count("200"), status(ask()))
held.pop().close()
for _ in range(100): # until the server has seen the close
    answer = status(ask())
    if answer == "200": break
    time.sleep(0.05)
print(answer)
]])
    assert.equal("16 503\n200\n", got.out)
    assert.equal("crolua: limits.connections is 10000, the limit of open files (ulimit -n) leaves room for 16: "
      .. "more are refused; raise it, or lower limits.connections\n", got.err)
  end)

  it("is raised to the hard one when more connections are allowed, without a word", function()
    local got = scene(folder, { soft = 70, hard = 200 }, "{ connections = 100 }",
      WRITE_PORT .. "cro.await(service:ended())", ASK .. [[
held = [ask() for _ in range(100)]
print([status(s) for s in held].count("200"), status(ask()))
]])
    assert.equal("100 503\n", got.out)
    assert.equal("", got.err)
  end)

  it("is left alone when it is high enough", function()
    local got = scene(folder, { soft = 100, hard = 200 }, "{ connections = 36 }", WRITE_PORT .. [[
local pipe = io.popen "ulimit -S -n"
io.write(pipe:read "*a") io.flush()
pipe:close()
cro.await(service:ended())]], ASK .. "print(status(ask()))")
    assert.equal("100\n200\n", got.out)
    assert.equal("", got.err)
  end)

  it("once reached makes accepting pause, is said once, and ends when there are files again", function()
    local got = scene(folder, { soft = 100, hard = 100 }, "{ connections = 20 }", [[
local function exhaust()
  local held = {}
  while true do
    local file = io.open "/dev/null"
    if not file then return held end
    held[#held + 1] = file
  end
end
local function free(held)
  for _, file in ipairs(held) do file:close() end
end
local function told(name) -- which takes no descriptor
  repeat cro.sleep(0.02) until os.rename(name, name)
end
]] .. WRITE_PORT .. [[
local connect = cro.tcp.connect
local held = exhaust()
local _, err = cro.pawait(connect("127.0.0.1", port))
io.write(err.kind, "\n") io.flush()
cro.start(function()
  told "asked"
  local before = os.clock()
  cro.sleep(0.5)
  io.write(os.clock() - before < 0.2 and "rests" or "spins", "\n")
  io.flush()
  free(held)
  told "answered"
  held = exhaust()
  told "asked again"
  free(held)
end)
cro.await(service:ended())
]], ASK .. [[
def tell(name):
    open(name, "w").close()
time.sleep(0.1)
sockets = [ask() for _ in range(40)]
tell("asked")
seen = [status(s) for s in sockets]
print(seen.count("200") >= 20, 1 <= seen.count("closed") <= 15)
for s in sockets: s.close()
tell("answered")
time.sleep(0.3)
late = [ask() for _ in range(5)]
time.sleep(0.3)
tell("asked again")
print([status(s) for s in late].count("200") > 0)
]])
    assert.equal("too_many_files\nrests\nTrue True\nTrue\n", got.out)
    assert.equal(1, lines_with(got.err, "accepting pauses: too many open files"), got.err)
    assert.equal(1, lines_with(got.err, ""), got.err)
  end)
end)
