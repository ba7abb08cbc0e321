--- What a process is made of: its command line and options, checked; its environment.
local core = require "cro.core"
local errors = require "cro.errors"
local options = require "cro.options"

local command = {}

local misuse, show = errors.misuse, options.show

local function at_least_0(n) return n >= 0, "0 or more" end
local function above_0(n) return n > 0 and n < math.huge, "a number of seconds above 0" end

--- The options of a process.
command.OPTIONS = {
  cwd = "string",
  env = "table",
  clear_env = { "boolean", default = false },
  stdin = "any",
  stdout = "any",
  stderr = "any",
  pty = "boolean|table",
  detached = { "boolean", default = false },
  group = { "boolean", default = false },
  uid = { "integer", check = at_least_0 },
  gid = { "integer", check = at_least_0 },
  timeout = { "number", check = above_0 },
  kill_after = { "number", default = 5, check = at_least_0 },
  stop_signal = { "string|number", default = "SIGTERM" },
}

local function cell(n) return n >= 1 and n <= 65535, "1 to 65535" end
local PTY = { cols = { "integer", default = 80, check = cell }, rows = { "integer", default = 24, check = cell } }

--- A size of a terminal, checked.
---@param name string for messages
---@param given table
---@return { cols: integer, rows: integer }
function command.size(name, given) return options.check(name, given, PTY) end

--- Raises for what the system cannot be given, or for what is no signal.
---@param name string for messages
---@param signal any
---@return string|number
function command.signal(name, signal)
  if type(signal) ~= "string" and type(signal) ~= "number" then
    misuse(('%s: a signal such as "SIGTERM" expected, got %s'):format(name, show(signal)))
  end
  if not core.signal_known(tostring(signal)) then
    misuse(("%s: '%s' is no signal; give a name such as SIGTERM"):format(name, tostring(signal)))
  end
  return tostring(signal)
end

local function without_nul(name, what, text)
  if not text:find("\0", 1, true) then return text end
  misuse(("%s: %s has a zero byte in it, which ends a string for the system"):format(name, what))
end

local function word(name, i, value)
  local what = i == 1 and "the command" or "argument " .. (i - 1)
  if type(value) ~= "string" and (type(value) ~= "number" or i == 1) then
    misuse(("%s: %s: a string expected, got %s"):format(name, what, show(value)))
  end
  if value == "" and i == 1 then misuse(name .. ": the command is empty") end
  return without_nul(name, what, tostring(value))
end

local function split_table(given)
  local words, opts, n = {}, {}, 0
  for key, value in pairs(given) do
    if type(key) == "number" and key >= 1 and key % 1 == 0 then
      words[key], n = value, math.max(n, key)
    else
      opts[key] = value
    end
  end
  return words, n, opts
end

--- One table of both, or words and perhaps a table of options.
local function split(...)
  local n = select("#", ...)
  local words = { ... }
  if n == 1 and type(words[1]) == "table" then return split_table(words[1]) end
  if n > 0 and type(words[n]) == "table" then return words, n - 1, words[n] end
  return words, n, {}
end

local function variable(name, key, value)
  if type(key) ~= "string" or key == "" or key:find "[=%z]" then
    misuse(('%s: env: a name without "=" expected, got %s'):format(name, show(key)))
  end
  if value == false then return false end
  if type(value) ~= "string" and type(value) ~= "number" then
    misuse(("%s: env.%s: a string expected, or false for none, got %s"):format(name, key, show(value)))
  end
  return without_nul(name, "env." .. key, tostring(value))
end

--- The environment of a process as the system wants it: nil for that of this one.
---@param name string for messages
---@param env table<string, string|number|false>|nil what is different; false: not there
---@param clear boolean nothing of this process's
---@return string[]|nil
function command.environment(name, env, clear)
  if not env and not clear then return nil end
  local list, own = {}, {}
  for key, value in pairs(env or {}) do
    own[key] = variable(name, key, value)
    if own[key] then list[#list + 1] = key .. "=" .. own[key] end
  end
  if clear then return list end
  for _, entry in ipairs(core.environ()) do
    if own[entry:match "^[^=]*"] == nil then list[#list + 1] = entry end
  end
  return list
end

--- Splits what a process is made of into words and options, and checks both.
---@param name string of the function, for messages
---@param spec table of the options
---@param ... any
---@return string[] words the command first
---@return table opts
function command.parse(name, spec, ...)
  local words, n, given = split(...)
  if n == 0 then misuse(('%s: a command expected, as in %s("ls", "-l")'):format(name, name)) end
  if n > 100000 then misuse(("%s: %d arguments"):format(name, n)) end
  for i = 1, n do
    words[i] = word(name, i, words[i])
  end
  words[n + 1] = nil
  local opts = options.check(name, given, spec)
  opts.stop_signal = command.signal(name .. ": stop_signal", opts.stop_signal)
  command.environment(name, opts.env, true)
  if opts.cwd then without_nul(name, "cwd", opts.cwd) end
  if opts.pty then opts.pty = command.size(name .. ": pty", opts.pty == true and {} or opts.pty) end
  return words, opts
end

return command
