--- Bytes as people read them: rows of hexadecimal numbers beside the characters.
---
--- A row shows 16 bytes, lower-case, the characters at a fixed column with a dot
--- for what does not print. At most `limit` bytes are shown.
local dump = {}

local PER_ROW = 16
--- Bytes shown of one value; CRO_TRACE_MAX_BINARY_DUMP says otherwise.
local DEFAULT_LIMIT = 512

--- For specs: where settings come from.
dump.getenv = os.getenv

local function configured_limit()
  local limit = tonumber(dump.getenv "CRO_TRACE_MAX_BINARY_DUMP" or "")
  if not limit or limit < 1 or limit % 1 ~= 0 then return DEFAULT_LIMIT end
  return limit
end

local function row(data, first, last)
  local numbers = {}
  for i = first, last do
    numbers[#numbers + 1] = ("%02x"):format(data:byte(i))
  end
  local text = data:sub(first, last):gsub("[^ -~]", ".")
  return ("%-50s%s"):format(table.concat(numbers, " "), text)
end

--- Rows of a dump, joined with newlines and without one at the end.
---@param data string
---@param limit integer|nil bytes shown; default CRO_TRACE_MAX_BINARY_DUMP, else 512
---@return string
function dump.bytes(data, limit)
  local shown = math.min(#data, limit or configured_limit())
  local rows = {}
  for first = 1, shown, PER_ROW do
    rows[#rows + 1] = row(data, first, math.min(first + PER_ROW - 1, shown))
  end
  if shown < #data then rows[#rows + 1] = ("[%d bytes not displayed]"):format(#data - shown) end
  return table.concat(rows, "\n")
end

--- Each line of a text moved to the right by two blanks.
---@param text string
---@return string
function dump.indent(text) return (text:gsub("[^\n]+", "  %0")) end

return dump
