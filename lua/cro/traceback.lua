--- Where things happened, in the script's terms: places, stacks and tracebacks without the
--- frames of this library. With CRO_DEBUG=1 nothing is left out of tracebacks.
local traceback = {}

local getinfo = debug.getinfo

--- Is this a program that tells more, at a cost?
traceback.DEBUG = os.getenv "CRO_DEBUG" == "1"

--- Callers of an await that are shown.
local MAX_FRAMES = 8
--- Deeper than this nobody looks.
local MAX_LEVELS = 200

local library = getinfo(1, "S").source:match("^(.*)traceback%.lua$") or "@cro/"

local function is_foreign(info)
  return info.currentline > 0 and info.source:sub(1, #library) ~= library
end

--- The first place on the stack that is not part of this library: "file:line", or "?".
---@return string
function traceback.place()
  for level = 2, MAX_LEVELS do
    local info = getinfo(level, "Sl")
    if not info then break end
    if is_foreign(info) then return info.short_src .. ":" .. info.currentline end
  end
  return "?"
end

--- Where a function is defined.
---@param fn function
---@return string "file:line"
function traceback.defined(fn)
  local info = getinfo(fn, "S")
  return info.short_src .. ":" .. info.linedefined
end

local function named(info)
  if info.what == "main" then return "in main chunk" end
  if info.name then return ("in function '%s'"):format(info.name) end
  return ("in function <%s:%d>"):format(info.short_src, info.linedefined)
end

--- The script's stack as of now: its innermost frame, then its callers a line each.
---@return string|nil nil when none of the script's code runs
function traceback.stack()
  local lines, level = {}, 2
  while level < MAX_LEVELS and #lines <= MAX_FRAMES do
    local info = getinfo(level, "Slnf")
    if not info then break end
    if is_foreign(info) then
      local form = #lines == 0 and "%s:%d %s" or "\t%s:%d: %s"
      lines[#lines + 1] = form:format(info.short_src, info.currentline, named(info))
    end
    level = level + 1
  end
  return lines[1] and table.concat(lines, "\n")
end

--- Long paths are shown by their ends, hence the loose patterns.
local function is_own(line)
  local path = line:match "^\t(.-%.lua):%d*:? "
  if not path then return false end
  if path:find "lua/cro/" or path:find "/5%.1/cro/" then return true end
  local name = path:match "^%.%.%..*cro/([%w_/]+)%.lua$"
  return name and package.loaded["cro." .. name:gsub("/", ".")] ~= nil or false
end

--- Leaves the frames of this library out of a traceback, with the functions of C that
--- they called. One that has no other frames stays as it is.
---@param text string as debug.traceback gives it
---@return string
function traceback.trim(text)
  if traceback.DEBUG then return text end
  local lines, kept, frames = {}, {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line
  end
  local below = false -- is the frame beneath this one ours?
  for at = #lines, 1, -1 do
    local line = lines[at]
    local c_function = line:find("^\t%[C%]")
    local own = is_own(line)
    if not own and not (c_function and below) then
      table.insert(kept, 1, line)
      if line:find "^\t" then frames = frames + 1 end
    end
    if line:find "^\t" and not c_function then below = own end
  end
  return frames > 0 and table.concat(kept, "\n") or text
end

return traceback
