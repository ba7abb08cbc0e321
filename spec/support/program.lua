--- Runs programs from specs: a script in a folder of its own, its output, its status.
local program = {}

--- The binary under test: CROLUA, else the build tree's.
function program.crolua()
  local path = os.getenv "CROLUA" or "build/crolua"
  if path:sub(1, 1) == "/" then return path end
  return os.getenv "PWD" .. "/" .. path
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
program.quote = quote

---@return string
function program.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

function program.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- A fresh folder; `remove` deletes it and all that is in it.
function program.folder()
  local pipe = assert(io.popen "mktemp -d")
  local path = pipe:read "*l"
  pipe:close()
  return path
end

function program.remove(folder)
  assert(folder:find("^/tmp/") or folder:find "/tmp%.")
  os.execute("rm -rf " .. quote(folder))
end

---@class spec.Run
---@field out string
---@field err string
---@field status integer

--- Runs a shell command in a folder, for 20 seconds (or options.seconds) at most.
---@param folder string
---@param command string
---@param options { stdin: string|nil, env: string|nil, seconds: integer|nil }|nil env: "A=b C=d"
---@return spec.Run
function program.shell(folder, command, options)
  options = options or {}
  if options.stdin then program.write(folder .. "/.stdin", options.stdin) end
  local input = options.stdin and " <.stdin" or " </dev/null"
  local line = ("cd %s && env %s timeout -k 1 %d sh -c %s%s >.out 2>.err; echo $?"):format(
    quote(folder), options.env or "", options.seconds or 20, quote(command), input)
  local pipe = assert(io.popen(line))
  local status = tonumber(pipe:read "*a")
  pipe:close()
  return { out = program.read(folder .. "/.out"), err = program.read(folder .. "/.err"), status = status }
end

return program
