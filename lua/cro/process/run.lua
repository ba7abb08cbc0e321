--- A process run to its end: its input given, its output collected.
local command = require "cro.process.command"
local errors = require "cro.errors"
local Promise = require "cro.promise"
local process = require "cro.process"

local run = {}

--- Bytes of input that are written at a time.
local PIECE = 65536
--- Bytes of error output that are shown when a process has failed.
local TAIL = 1000

local RUN = {
  input = "string",
  max_output = { "integer", default = 16 * 1024 * 1024, check = function(n) return n >= 0, "0 or more bytes" end },
  check = { "boolean", default = false },
}
for key, rule in pairs(command.OPTIONS) do
  RUN[key] = rule
end

local function write_all(child, input)
  for from = 1, #input, PIECE do
    child:write(input:sub(from, from + PIECE - 1)):await()
  end
  -- A kept write may still wait to be taken, and fail then.
  return child:flush():await()
end

--- That it wants no more of it is its own affair.
local UNWANTED = { broken_pipe = true, closed = true, aborted = true, cancelled = true, stop = true }

--- `over(text, err)` is called when the process got less than it was meant to.
local function feed(child, input, over)
  local ok, err = pcall(write_all, child, input)
  if ok then return child:close_stdin() end
  if type(err) == "table" and UNWANTED[err.kind] then return end
  return over("its stdin broke: " .. tostring(err), err)
end

--- Collects what a stream brings; `over(text, err)` is called once there is too much, or
--- when it breaks.
local function collect(stream, name, max, over)
  local parts, size = {}, 0
  stream:tap {
    value = function(bytes)
      size = size + #bytes
      if size > max then return over(("more than %d bytes of %s (max_output)"):format(max, name)) end
      parts[#parts + 1] = bytes
    end,
    quit = function(err) over(("its %s broke: %s"):format(name, tostring(err)), err) end,
  }
  return function()
    parts = { table.concat(parts) }
    return parts[1]
  end
end

local function nothing() return "" end

local function is_collected(opts, place)
  local given = opts[place]
  return given == nil or given == "pipe"
end

local function collect_all(child, opts, over)
  if opts.pty then return collect(child:stdout(), "output", opts.max_output, over), nothing end
  local out, err = nothing, nothing
  if is_collected(opts, "stdout") then out = collect(child:stdout(), "stdout", opts.max_output, over) end
  if is_collected(opts, "stderr") then err = collect(child:stderr(), "stderr", opts.max_output, over) end
  return out, err
end

local function tail(text)
  text = text:gsub("%s+$", "")
  if #text <= TAIL then return text end
  text = text:sub(-TAIL)
  return "..." .. (text:match "\n(.*)" or text)
end

local function failed(child, info, said)
  said = tail(said)
  return errors.new("exit", ("%s failed, %s%s"):format(child.name, tostring(info), said ~= "" and ": " .. said or ""))
end

local function with_result(err, result)
  for key, value in pairs(result) do
    if err[key] == nil then err[key] = value end
  end
  return err
end

local function outcome(exit)
  if exit:status() == "broken" then return nil, exit:cause() end
  return exit:await()
end

--- Runs a command to its end: `cro.process.run("git", "status")`. The promise is kept with
--- `{ code, signal, pid, stdout, stderr }`. Options are those of a process and
---
--- - `input`: what its standard input is; without it, nothing (`stdin` says otherwise)
--- - `max_output`: bytes of stdout and of stderr, each, that are kept, 16 MiB by default;
---   with more of it the process is ended and the promise breaks: kind "limit"
--- - `check = true`: an exit code other than 0, or a signal, breaks the promise: kind
---   "exit"; the message ends with the end of stderr
---
--- What breaks the promise carries what was collected: `err.stdout`, `err.stderr`.
--- Cancelling the promise ends the process.
---@param ... any the command, its arguments, a table of options; or all in one table
---@return cro.Promise
function run.run(...)
  local words, opts = command.parse("cro.process.run", RUN, ...)
  local input, too_much = opts.input, nil
  if input and opts.stdin ~= nil and opts.stdin ~= "pipe" then
    errors.misuse "cro.process.run: with input, the option stdin has nothing to say"
  end
  if not opts.pty then opts.stdin = input and "pipe" or opts.stdin or "null" end
  local child = process.new("cro.process.run", words, opts)
  local result = Promise.made(function() child:close():observe() end)
  local function over(text, cause)
    if too_much then return end
    local kind = cause == nil and "limit" or type(cause) == "table" and cause.kind or "error"
    too_much = errors.new(kind, ("%s: %s"):format(child.name, text), { cause = cause })
    return child:close():observe()
  end
  local out, err = collect_all(child, opts, over)
  local exit = child:start()
  if input and child:pid() then Promise.start(feed, child, input, over):observe() end
  exit:settled(function()
    local info, failure = outcome(exit)
    local all = { stdout = "", stderr = "" }
    all.stdout, all.stderr = out(), err()
    if info then all.code, all.signal, all.pid = info.code, info.signal, info.pid end
    failure = too_much or failure
    if not failure and opts.check and info.code ~= 0 then failure = failed(child, info, all.stderr) end
    if failure then return Promise.settle_broken(result, with_result(failure, all)) end
    return Promise.settle_kept(result, all)
  end)
  return result
end

return run
