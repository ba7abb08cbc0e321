--- Other people's clients, run beside the loop, for specs of servers: curl, nghttp, h2load,
--- node, python3 with h2, openssl s_client.
local cro = require "cro"

local clients = {}

--- Runs a command and returns what it has said.
---@async
---@param ... string the command's words
---@return { code: integer, stdout: string, stderr: string }
function clients.run(...)
  local words = { ... }
  words.timeout, words.stdin = 20, words.stdin or "null"
  return cro.await(cro.process.run(words))
end

--- What curl prints. The last line is the version of HTTP and the status: "2 200".
---@async
---@param ... string
---@return string body
---@return string last "2 200"
---@return integer code of curl's
function clients.curl(...)
  local got = clients.run("curl", "-sS", "-k", "--max-time", "10", "-w", "\n%{http_version} %{http_code}", ...)
  local body, last = got.stdout:match "^(.*)\n(%S+ %d+)$"
  return body or got.stderr, last or got.stderr, got.code
end

--- Runs a program in Python with the library h2, Debian's.
---@async
---@param source string
---@param ... string its arguments
---@return string out
function clients.python(source, ...)
  local got = clients.run("/usr/bin/python3", "-c", source, ...)
  if got.code ~= 0 then error("python3: " .. got.stderr, 2) end
  return got.stdout
end

--- Runs a script in node.
---@async
---@param source string
---@param ... string its arguments
---@return string out
function clients.node(source, ...)
  local got = clients.run("node", "-e", source, ...)
  if got.code ~= 0 then error("node: " .. got.stderr, 2) end
  return got.stdout
end

--- Is there such a program?
---@param name string
---@return boolean
function clients.has(name)
  local pipe = assert(io.popen("command -v " .. name .. " 2>/dev/null"))
  local path = pipe:read "*l"
  pipe:close()
  return path ~= nil
end

return clients
