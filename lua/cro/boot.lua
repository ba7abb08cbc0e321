--- The program `crolua` as its script sees it: the command line of `lua`, run inside a
--- fiber, and one way out of it.
---
--- Loaded by src/bind/app.c with the host table (the command line, and what only C can
--- do); returns the two functions that C enters on fibers of their own: `main` and
--- `stuck`. Order of events, texts and exit statuses are those of Lua 5.1, and where
--- that one is silent those of LuaJIT.
-- A server's garbage is short-lived and its live heap small: it may grow to three times what
-- lives, not two, so that what lives is marked half as often.
collectgarbage("setpause", 300)

local host = ...

--- "./?.lua" stays first, as scripts expect of package.path.
local function extend(path, own)
  local first, rest = path:match("^(%./%?%.%w+;)(.*)$")
  return (first or "") .. own .. ";" .. (rest or path)
end

package.path = extend(package.path, host.tree .. "/?.lua;" .. host.tree .. "/?/init.lua")
for at = #host.native, 1, -1 do
  package.cpath = extend(package.cpath, host.native[at] .. "/?.so")
end

require "cro.pairs" -- before anything loops over a table
local runtime = require "cro.runtime"
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local leave = require "cro.leave"
local loading = require "cro.loading"
local scope = require "cro.scope"
local stacks = require "cro.traceback"

local boot = {}
local main_fiber -- the record of the script's fiber
local status -- what the program ends with, once that is decided

--- The first frame of ours below the script's, as a traceback shows it.
local EDGE = "\n\t[C]: in function 'xpcall'\n\t" .. debug.getinfo(1, "S").short_src .. ":"

local function complain(message)
  io.stdout:flush()
  io.stderr:write(host.name, ": ", message, "\n")
  io.stderr:flush()
end

--- Cuts off what lies beneath the script: it is none of the script's business.
local function trim(text)
  local edge = text:find(EDGE, 1, true)
  return edge and text:sub(1, edge - 1) .. "\n\t[C]: ?" or text
end

local function traceback_of(err, level)
  local failure = loading.failure
  if failure.value == err and failure.traceback then return failure.traceback end
  local text = debug.traceback("", level + 1)
  return text
end

--- Message handler: what stderr shows for an error of the script. Nil stays nil (the
--- script has said all there is), and an object without a text stays itself.
local function explain(err)
  if type(err) == "string" or type(err) == "number" then
    return tostring(err) .. stacks.trim(trim(traceback_of(err, 2)))
  end
  if errors.is(err) then
    err.traceback = err.traceback or traceback_of(err, 2)
    return trim(errors.describe(err))
  end
  local meta = getmetatable(err)
  if type(meta) ~= "table" or not meta.__tostring then return err end
  return tostring(err) .. stacks.trim(trim(traceback_of(err, 2)))
end

local function show_error(message)
  if message == nil then return end
  if type(message) ~= "string" then message = "(error object is not a string)" end
  complain(message)
end

--- Runs a chunk of the script. After os.exit its errors are nobody's business.
---@async
local function guarded(chunk, ...)
  local ok, message = xpcall(chunk, explain, ...)
  if not ok and not status then show_error(message) end
  return ok
end

local function same(...) return ... end

--- For the prompt: true and the results, or false and what to show.
---@async
local function attempt(chunk) return same(xpcall(chunk, explain)) end

--- The end -----------------------------------------------------------------------

--- Is there a broken promise that nobody looked at, and are we to mind?
local function promises_lost()
  local unobserved = host.strict_promises and package.loaded["cro.unobserved"]
  return unobserved and unobserved.count > 0
end

--- Closes, drains and runs what was deferred, then has C take everything down.
---@async
local function finish()
  local reactive = package.loaded["cro.reactive"]
  if type(reactive) == "table" then
    local ok, err = xpcall(reactive.shutdown, errors.trace)
    if not ok then runtime.write_report("error at the end: " .. errors.describe(err)) end
  end
  if status == 0 and promises_lost() then status = 1 end
  host.stop(status)
end

local function exit_status(code)
  if code == nil or code == true then return 0 end
  if code == false then return 1 end
  local number = tonumber(code)
  if number then return number end
  error(("bad argument #1 to 'exit' (number expected, got %s)"):format(type(code)), 3)
end

local hard_exit = os.exit

local function stop_here()
  while true do
    fiber.park_through { "os.exit" }
  end
end

--- Ends the program as its last line would, with a status. Does not return.
---
--- The calling code stops here for good, so does the script's main fiber, and the rest
--- is another fiber's. Where code cannot stop (in a coroutine of its own, a sort or gsub
--- callback) only that part of the clean-up runs that need not wait. During clean-up the
--- program ends at once.
---@param code boolean|integer|nil
local function exit(code)
  local rec, again = S.current, status ~= nil
  status = exit_status(code)
  if again then host.stop(status) end
  if not coroutine.isyieldable() or coroutine.running() ~= rec.co then
    if not again then fiber.run_now(finish) end
    io.stdout:flush()
    hard_exit(status)
  end
  if again then stop_here() end
  leave.prepare()
  if rec ~= main_fiber then leave.freeze(main_fiber) end
  fiber.start(finish)
  stop_here()
end

--- The command line ------------------------------------------------------------------

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function cannot_open(path, message)
  if exists(path .. ".lua") then
    return ("%s; did you mean %s.lua?"):format(message, path)
  end
  if path:sub(1, 1) == "/" then return message .. "; check the path" end
  local here = os.getenv("PWD")
  return ("%s; the path starts from the folder you are in%s"):format(
    message, here and " (" .. here .. ")" or "")
end

--- The line a syntax error is about, to be shown beneath it.
local function with_source(path, message)
  local number = tonumber(message:match(":(%d+): "))
  local file = number and io.open(path)
  if not file then return message end
  local at = 0
  for line in file:lines() do
    at = at + 1
    if at == number then
      file:close()
      return ("%s\n%6d | %s"):format(message, number, (line:gsub("\r$", "")))
    end
  end
  file:close()
  return message
end

local function load_file(path)
  local chunk, message = loadfile(path)
  if chunk then return chunk end
  if not path then return nil, message end
  if message:sub(1, 11) == "cannot open" or message:sub(1, 11) == "cannot read" then
    return nil, cannot_open(path, message)
  end
  return nil, with_source(path, message)
end

---@async
local function run_file(path, ...)
  local chunk, message = load_file(path)
  if chunk then return guarded(chunk, ...) end
  complain(message)
  return false
end

---@async
local function run_string(text, name)
  local chunk, message = loadstring(text, name)
  if chunk then return guarded(chunk) end
  complain(message)
  return false
end

---@async
local function run_init()
  local init = not host.bare and os.getenv "LUA_INIT"
  if not init then return true end
  if init:sub(1, 1) == "@" then return run_file(init:sub(2)) end
  return run_string(init, "=LUA_INIT")
end

---@async
local function run_library(name)
  local message
  local ok = guarded(function()
    local found, result = loading.load(name)
    message = not found and result
  end)
  if ok and message then complain(message) end
  return ok and not message
end

local function split(text)
  local parts = {}
  for part in text:gmatch("[^,]+") do
    parts[#parts + 1] = part
  end
  return parts
end

---@async
local function run_jit_command(text)
  local name, value = text:match("^([^=]*)=?(.*)$")
  local known = rawget(jit, name)
  if type(known) == "function" then
    return guarded(function() known(value ~= "" and value or nil) end)
  end
  local ok, module = loading.load("jit." .. name)
  if ok and type(module) == "table" and module.start then
    return guarded(function() module.start(unpack(split(value))) end)
  end
  complain(("unknown LuaJIT command '%s'; -j knows off, on, flush, v, dump, p"):format(name))
  return false
end

local function run_jit_option(text)
  return guarded(function() jit.opt.start(unpack(split(text))) end)
end

local RUN = {
  e = function(text) return run_string(text, "=(command line)") end,
  l = run_library,
  j = run_jit_command,
  O = run_jit_option,
}

--- Runs the options that do something, in their order, up to the first that fails.
---@async
local function run_options()
  local at = 1
  while at < host.options do
    local letter, value = host.argv[at]:match("^%-(.)(.*)$")
    local run = RUN[letter]
    if run and value == "" and letter ~= "O" then
      at = at + 1
      value = host.argv[at]
    end
    if run and not run(value) then return false end
    at = at + 1
  end
  return true
end

--- `arg`: the script is arg[0], what precedes it has negative indices.
local function set_arg()
  local arg = {}
  local base = host.script
  for at = 0, #host.argv do
    arg[at - base] = host.argv[at]
  end
  _G.arg = arg -- luacheck: ignore 121 122
end

---@async
local function run_script()
  local path = host.argv[host.script]
  local command = not path:find "[./]" and require("cro.cli").command(host)
  if command then return guarded(command) end
  if path == "-" and host.argv[host.script - 1] ~= "--" then path = nil end
  return run_file(path, unpack(host.argv, host.script + 1, #host.argv))
end

local function show_version()
  print(("crolua %s, %s, Lua 5.1"):format(host.version, jit.version))
end

---@async
local function prompt()
  if host.strict then require("cro.strict").prompt = true end
  require("cro.repl").run(host, attempt)
  return true
end

--- What `lua` does when it was told nothing.
---@async
local function run_default()
  if not host.terminal then return run_file(nil) end
  show_version()
  return prompt()
end

---@async
local function run_all()
  if not run_init() then return false end
  if host.strict then require("cro.strict").install() end
  if host.show_version then show_version() end
  if not run_options() then return false end
  local has_script = host.script > 0
  if has_script and not run_script() then return false end
  if host.interactive then return prompt() end
  if has_script or host.executes or host.show_version then return true end
  return run_default()
end

--- The script's fiber, from its first line to the end of the program.
---@async
function boot.main()
  main_fiber = fiber.current()
  main_fiber.job = scope.program -- what the script opens, rather than its functions, is the program's
  local ok = run_all()
  if status then return end -- os.exit was called meanwhile
  status = ok and 0 or 1
  finish()
end

--- Where the script waits: its own innermost line.
local function waiting_at(co)
  for level = 0, 200 do
    local info = debug.getinfo(co, level, "Sl")
    if not info then return nil end
    local ours = info.source:find(host.tree, 2, true) or info.source:find("lua/cro/", 1, true)
    if info.currentline > 0 and not ours then
      return info.short_src .. ":" .. info.currentline
    end
  end
end

local STUCK = "no connection, timer, signal or other fiber is left that could wake it; keep or fail "
  .. "the promise, or give the wait a limit with Promise.any_of { p, Promise.after(seconds) }"
local STOPPED = "the clock is stopped (cro.test.clock) and nobody lets time pass; call clock:advance(seconds), "
  .. "or clock:restore()"

--- Called when the loop has nothing left to wait for and the script still waits.
---@async
function boot.stuck()
  if not status then
    local place = waiting_at(main_fiber.co)
    complain((place or "the script") .. " waits for ever: " .. (fiber.host.clock.passed() and STOPPED or STUCK))
    status = 1
    leave.freeze(main_fiber)
    finish()
  end
  host.stop(status)
end

--- `--strict-promises`: the first one that is found ends the program. The collector finds
--- them, in the middle of anything.
local function watch_promises()
  local unobserved = require "cro.unobserved"
  function unobserved.reported()
    unobserved.reported = false
    if not status then fiber.push { run = function() exit(1) end } end
  end
end

set_arg()
if host.strict_promises then watch_promises() end
loading.install()
os.exit = exit -- luacheck: ignore 122

return boot
