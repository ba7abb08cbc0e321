--- The prompt of `crolua`: reads lines, runs them in the script's fiber, shows results.
---
--- What is typed may wait, and while it waits, or while nothing is typed, timers and
--- connections go on. The names of `cro` are at hand without `local`, because a local
--- of one line is gone in the next. A line whose end is missing is continued.
local fiber = require "cro.fiber"

local repl = {}

--- Ready to use at the prompt, unless the script has globals of these names.
local AT_HAND = {
  "await", "pawait", "react", "whenever", "supply", "emit", "done", "start", "sleep",
  "Promise", "Supplier", "Supply",
}

local function offer_names()
  local ok, cro = pcall(require, "cro")
  if not ok then return end
  local globals = _G
  if rawget(globals, "cro") == nil then rawset(globals, "cro", cro) end
  for _, name in ipairs(AT_HAND) do
    if rawget(globals, name) == nil then rawset(globals, name, cro[name]) end
  end
end

---@async
local function read_line(host, prompt)
  io.stdout:write(prompt)
  io.stdout:flush()
  local me, token, line = fiber.current(), {}, nil
  host.read_line(function(text)
    line = text
    fiber.wake(me, true, token)
  end)
  fiber.park(token, "reading a line")
  return line
end

local function prompt_text(name, default)
  local text = rawget(_G, name)
  return text ~= nil and tostring(text) or default
end

--- Compiles what was typed so far: as an expression if it is one.
---@param text string
---@return function|nil chunk
---@return string|nil message
---@return boolean unfinished more lines are needed
---@return boolean padded the first result is none of the script's
function repl.compile(text)
  local expression = text:match("^%s*=(.*)$") or text
  -- The nil keeps `return f()` from being a tail call, which would lose f's caller.
  local chunk = loadstring("return nil, " .. expression, "=stdin")
  if chunk then return chunk, nil, false, true end
  local message
  chunk, message = loadstring(text:gsub("^%s*=", "return ", 1), "=stdin")
  local unfinished = not chunk and message:find("'<eof>'", 1, true) ~= nil
  return chunk, message, unfinished, false
end

--- Reads a whole statement. `ended`: the input did.
---@async
local function read_chunk(host)
  local typed = { chunk = nil, message = nil, padded = false, ended = false }
  local text = read_line(host, prompt_text("_PROMPT", "> "))
  typed.ended = text == nil
  while text do
    local unfinished
    typed.chunk, typed.message, unfinished, typed.padded = repl.compile(text)
    if not unfinished then break end
    local more = read_line(host, prompt_text("_PROMPT2", ">> "))
    typed.ended = more == nil
    text = more and text .. "\n" .. more
  end
  return typed
end

local function show_error(err)
  if err == nil then return end
  io.stdout:flush()
  io.stderr:write(type(err) == "string" and err or "(error object is not a string)", "\n")
  io.stderr:flush()
end

local function show_results(...)
  if select("#", ...) == 0 then return end
  local printed, err = pcall(print, ...)
  if not printed then show_error("error calling 'print' (" .. tostring(err) .. ")") end
end

local function show(padded, ok, ...)
  if not ok then return show_error((...)) end
  if padded then return show_results(select(2, ...)) end
  return show_results(...)
end

--- Reads and runs until the input ends.
---@async
---@param host table what C offers
---@param attempt fun(chunk: function): boolean, any ... runs it; false and what to show
function repl.run(host, attempt)
  offer_names()
  repeat
    local typed = read_chunk(host)
    if typed.chunk then
      show(typed.padded, attempt(typed.chunk))
    else
      show_error(typed.message)
    end
  until typed.ended
  io.stdout:write("\n")
end

return repl
