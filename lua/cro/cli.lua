--- The sub-commands of `crolua`: `crolua dev-cert --help`.
---
--- A first word that is one of them is one; `./dev-cert`, or `--` before it, is a script of
--- that name. Each is a module of `cro.cli`: a table with `help`, the text of --help,
--- `usage`, `options` and `run`. They are loaded when they are called.
local errors = require "cro.errors"
local options = require "cro.options"

local cli = {}

local COMMANDS = { ["dev-cert"] = "cro.cli.dev_cert" }

---@class cro.cli.Command
---@field usage string what follows "crolua "
---@field help string
---@field options table<string, "flag"|"value"> by their names, without "--"
---@field run fun(given: table<string, string|boolean>, words: string[]): boolean|nil false: it has failed, and said why

local function complain(name, message)
  io.stdout:flush()
  io.stderr:write(("crolua %s: %s\n"):format(name, message))
  return false
end

local function unknown(key, command)
  local keys = { "help" }
  for known in pairs(command.options) do
    keys[#keys + 1] = known
  end
  local near = options.nearest(key, keys)
  local cure = near and ("did you mean --%s?"):format(near) or "--help shows all options"
  return ("unknown option '--%s'; %s"):format(key, cure)
end

--- Takes the words apart: options, and what is none. Nil and what is wrong.
---@param command cro.cli.Command
---@param words string[]
---@return table<string, string|boolean>|nil
---@return string[]|string
function cli.parse(command, words)
  local given, rest, at = {}, {}, 1
  while at <= #words do
    local word = words[at]
    local key, value = word:match "^%-%-([^=]+)=?(.*)$"
    local kind = key and (key == "help" and "flag" or command.options[key])
    local glued = word:find("=", 1, true) ~= nil
    if word == "--" then
      for i = at + 1, #words do
        rest[#rest + 1] = words[i]
      end
      break
    elseif word == "-h" then
      given.help = true
    elseif not key then
      if word:sub(1, 1) == "-" then return nil, ("unknown option '%s'; --help shows all options"):format(word) end
      rest[#rest + 1] = word
    elseif not kind then
      return nil, unknown(key, command)
    elseif kind == "flag" then
      if glued then return nil, ("option '--%s' takes no value"):format(key) end
      given[key] = true
    else
      if not glued then
        at = at + 1
        value = words[at]
      end
      if not value or value == "" then return nil, ("nothing follows option '--%s'"):format(key) end
      given[key] = value
    end
    at = at + 1
  end
  return given, rest
end

---@async
local function run(name, words)
  local command = require(COMMANDS[name])
  local given, rest = cli.parse(command, words)
  if not given then return complain(name, ("%s\nusage: crolua %s"):format(rest, command.usage)) end
  if given.help then
    io.stdout:write("usage: crolua ", command.usage, "\n\n", command.help)
    return true
  end
  local ok, result = pcall(command.run, given, rest)
  if ok then return result ~= false end
  if errors.is_unwinding(result) then error(result, 0) end
  return complain(name, tostring(result))
end

--- What runs the sub-command that stands in the place of the script, if one does. It raises
--- nil when the command has failed, which has said why.
---@param host table the command line, as in cro.boot
---@return fun()|nil
function cli.command(host)
  local at = host.script
  local name = host.argv[at]
  if not COMMANDS[name] or host.argv[at - 1] == "--" then return nil end
  return function()
    if not run(name, { unpack(host.argv, at + 1, #host.argv) }) then error(nil, 0) end
  end
end

return cli
