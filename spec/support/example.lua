--- Runs one example against a real client and compares what was said.
---
--- A plan is the table that `spec/examples/NAME.lua` returns:
---
---   arguments = "..."   given to the script
---   env = "A=b"         more environment, besides HOST and PORT
---   virtual = true      time needs no telling, see spec/support/virtual.lua
---   stdin = "..."       what it reads on standard input, also there as the file `stdin`
---   status = 0          how the example must end
---   out, err            what it must print: an exact string, or a list of texts that
---                       must each occur, in that order; nothing else is looked at
---   port = true         it listens on PORT; then
---   clients = { ... }   are run one after the other once the port accepts, each
---                       { run = shell command (HOST, PORT and URL are set),
---                         out = as above, status = 0 }
---   socket = true       the same for one that listens at the path SOCKET
---   ready = "..."       the same for one that is ready when this shell command succeeds
---   signal = "TERM"     ends it after the last client; false: it ends by itself
---   before = "..."      a shell command that is run first, with CROLUA the program under test
---   beside = "..."      a shell command that runs all the while, started first; it gets
---                       PEER_PORT, as does the example (for examples that are clients)
local program = require "spec.support.program"

local example = {}

--- Ports below those which the system gives out by itself, so that nobody is given one
--- before the example has it. All are held until all are known.
local PORTS = [[python3 -c 'import random, socket
first = int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])
held = []
while len(held) < 2:
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(first // 2, first)))
        held.append(s)
    except OSError: pass
print(*[s.getsockname()[1] for s in held])']]

local VIRTUAL = os.getenv "PWD" .. "/spec/support/virtual.lua"

local function free_ports()
  local pipe = assert(io.popen(PORTS))
  local one, other = pipe:read("*n", "*n")
  pipe:close()
  return one, other
end

--- Waits up to 10 s until a port accepts.
local WAIT = [[
there() {
  n=0
  until [ -S "$SOCKET" ]; do
    n=$((n + 1)); [ $n -lt 100 ] && sleep 0.1 || return 1
  done
}
happens() {
  n=0
  until sh -c "$1"; do
    n=$((n + 1)); [ $n -lt 100 ] && sleep 0.1 || return 1
  done
}
accepts() {
  n=0
  until nc -z 127.0.0.1 "$1" 2>/dev/null; do
    n=$((n + 1)); [ $n -lt 100 ] && sleep 0.1 || return 1
    [ -z "$2" ] || kill -0 "$2" 2>/dev/null || return 1
  done
}
]]

local function client_lines(plan, lines)
  for at, client in ipairs(plan.clients or {}) do
    lines[#lines + 1] = ("timeout --foreground -k 1 20 sh -c %s >client%d.out 2>client%d.err </dev/null; echo $? >client%d.status")
      :format(program.quote(client.run), at, at, at)
  end
end

--- The shell script that is the whole run.
local function script_of(path, plan, port, peer_port)
  local lines = {
    "HOST=127.0.0.1 PORT=" .. port .. " PEER_PORT=" .. peer_port,
    "URL=http://127.0.0.1:" .. port,
    "SOCKET=$PWD/socket",
    "export HOST PORT PEER_PORT URL SOCKET " .. (plan.env or ""),
    WAIT,
  }
  if plan.before then
    lines[#lines + 1] = ("CROLUA=%s sh -c %s >/dev/null || echo 'before: failed' >&2"):format(
      program.quote(program.crolua()), program.quote(plan.before))
  end
  if plan.beside then
    lines[#lines + 1] = ("sh -c %s >beside.out 2>&1 </dev/null & beside=$!"):format(
      program.quote("exec " .. plan.beside))
    lines[#lines + 1] = "accepts $PEER_PORT $beside || echo 'nobody listens beside it' >&2"
  end
  lines[#lines + 1] = ": >example.out; : >example.err" -- there before anybody looks into them
  -- timeout passes signals on and ends as the example does
  local words = {
    program.quote(program.crolua()), plan.virtual and program.quote(VIRTUAL) or "", program.quote(path), plan.arguments or "",
  }
  lines[#lines + 1] = ("timeout --foreground -k 10 25 %s >example.out 2>example.err <%s & example=$!"):format(
    table.concat(words, " "), plan.stdin and "stdin" or "/dev/null")
  if plan.port or plan.socket or plan.ready then
    local listens = plan.ready and "happens " .. program.quote(plan.ready) or plan.socket and "there" or "accepts $PORT $example"
    lines[#lines + 1] = listens .. " || echo 'it does not listen' >&2"
    client_lines(plan, lines)
    if plan.signal ~= false then
      lines[#lines + 1] = "kill -" .. (plan.signal or "TERM") .. " $example 2>/dev/null"
    end
  end
  lines[#lines + 1] = "wait $example; echo $? >example.status"
  lines[#lines + 1] = "[ -z \"$beside\" ] || kill $beside"
  return table.concat(lines, "\n")
end

--- Does `text` say what was expected? Returns nil, or what is wrong.
local function differs(what, text, expected)
  if expected == nil then return nil end
  if type(expected) == "string" then
    if text == expected then return nil end
    return ("%s: expected\n%s\ngot\n%s"):format(what, expected, text)
  end
  local from = 1
  for _, part in ipairs(expected) do
    local _, last = text:find(part, from, true)
    if not last then
      return ("%s: expected to find, in this order,\n%s\nmissing: %s\ngot\n%s"):format(
        what, table.concat(expected, "\n"), part, text)
    end
    from = last + 1
  end
end

local function read(folder, name) return program.read(folder .. "/" .. name) end

local function check_client(folder, at, client, problems)
  local name = "client" .. at
  local status = tonumber(read(folder, name .. ".status"))
  if status ~= (client.status or 0) then
    problems[#problems + 1] = ("%s (%s) ended with %d: %s"):format(
      name, client.run, status, read(folder, name .. ".err"))
  end
  problems[#problems + 1] = differs(("%s (%s)"):format(name, client.run), read(folder, name .. ".out"), client.out)
end

local function check_example(folder, plan, problems)
  local status = tonumber(read(folder, "example.status"))
  if status ~= (plan.status or 0) then
    problems[#problems + 1] = ("the example ended with %d"):format(status)
  end
  problems[#problems + 1] = differs("stdout of the example", read(folder, "example.out"), plan.out)
  problems[#problems + 1] = differs("stderr of the example", read(folder, "example.err"), plan.err or "")
end

--- Runs an example by its plan.
---@param path string absolute
---@param plan table
---@return string|nil problems nil when all went as planned
function example.run(path, plan)
  local folder = program.folder()
  if plan.stdin then program.write(folder .. "/stdin", plan.stdin) end
  local result = program.shell(folder, script_of(path, plan, free_ports()), { seconds = 60 })
  local problems = {}
  if result.err ~= "" then problems[1] = result.err end
  if not pcall(function()
    for at, client in ipairs(plan.clients or {}) do
      check_client(folder, at, client, problems)
    end
    check_example(folder, plan, problems)
  end) then
    problems[#problems + 1] = "the run was cut short: it took too long"
  end
  if #problems > 0 then problems[#problems + 1] = "stderr of the example: " .. (read(folder, "example.err")) end
  program.remove(folder)
  return problems[1] and table.concat(problems, "\n") or nil
end

return example
