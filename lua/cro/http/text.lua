--- From the bytes of a body to UTF-8, by charset, byte order mark, or trial.
local status = require "cro.http.status"

local text = {}

--- Where the sequence starting at `at` ends, nil when it is malformed (RFC 3629).
local function sequence_end(bytes, at)
  local first, second = bytes:byte(at, at + 1)
  if first < 0x80 then return at end
  if first < 0xC2 or first > 0xF4 or not second then return nil end
  local low = first == 0xE0 and 0xA0 or first == 0xF0 and 0x90 or 0x80
  local high = first == 0xED and 0x9F or first == 0xF4 and 0x8F or 0xBF
  if second < low or second > high then return nil end
  local last = at + (first < 0xE0 and 1 or first < 0xF0 and 2 or 3)
  for i = at + 2, last do
    local byte = bytes:byte(i)
    if not byte or byte < 0x80 or byte > 0xBF then return nil end
  end
  return last
end

--- True when the bytes are well-formed UTF-8.
---@param bytes string
---@return boolean
function text.is_utf8(bytes)
  local at = bytes:find "[\128-\255]"
  while at do
    local last = sequence_end(bytes, at)
    if not last then return false end
    at = bytes:find("[\128-\255]", last + 1)
  end
  return true
end

local function encode(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64) end
  local tail = string.char(0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  if code < 0x10000 then return string.char(0xE0 + math.floor(code / 4096)) .. tail end
  return string.char(0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64) .. tail
end

local function from_latin1(bytes)
  return (bytes:gsub("[\128-\255]", function(byte) return encode(byte:byte()) end))
end

--- The code units of UTF-16 as text; nil when a surrogate stands alone.
local function from_utf16(bytes, high)
  if #bytes % 2 == 1 then return nil end
  local parts, lead = {}, nil
  for i = 1, #bytes, 2 do
    local a, b = bytes:byte(i, i + 1)
    local unit = high == 1 and a * 256 + b or b * 256 + a
    local is_trail = unit >= 0xDC00 and unit <= 0xDFFF
    if (lead ~= nil) ~= is_trail then return nil end
    if unit >= 0xD800 and unit <= 0xDBFF then
      lead = unit
    else
      parts[#parts + 1] = encode(lead and 0x10000 + (lead - 0xD800) * 1024 + (unit - 0xDC00) or unit)
      lead = nil
    end
  end
  return not lead and table.concat(parts) or nil
end

local function checked(bytes) return text.is_utf8(bytes) and bytes or nil end

local function strip(bytes, mark) return bytes:sub(1, #mark) == mark and bytes:sub(#mark + 1) or bytes end

local function utf8(bytes) return checked(strip(bytes, "\239\187\191")) end

local function utf16(bytes)
  if bytes:sub(1, 2) == "\255\254" then return from_utf16(bytes:sub(3), 2) end
  return from_utf16(strip(bytes, "\254\255"), 1)
end

local CHARSETS = {
  ["utf-8"] = utf8,
  ["utf8"] = utf8,
  ["us-ascii"] = function(bytes) return not bytes:find "[\128-\255]" and bytes or nil end,
  ["iso-8859-1"] = from_latin1,
  ["latin1"] = from_latin1,
  ["utf-16"] = utf16,
  ["utf-16be"] = function(bytes) return from_utf16(strip(bytes, "\254\255"), 1) end,
  ["utf-16le"] = function(bytes) return from_utf16(strip(bytes, "\255\254"), 2) end,
}

local function guess(bytes)
  local mark = bytes:sub(1, 2)
  if mark == "\255\254" or mark == "\254\255" then return utf16(bytes) end
  return utf8(bytes) or from_latin1(bytes)
end

--- The text as UTF-8. Without a charset: by its byte order mark, else UTF-8 when it is
--- that, else ISO 8859-1. Raises a refusal: 415 for a charset nobody here knows, 400
--- for bytes that are none of it.
---@param bytes string
---@param charset string|nil
---@return string
function text.decode(bytes, charset)
  local decoder = guess
  if charset then
    decoder = CHARSETS[charset:lower()]
    if not decoder then error(status.refusal(415, ("a body in the unknown charset %q"):format(charset)), 0) end
  end
  local decoded = decoder(bytes)
  if not decoded then error(status.refusal(400, "a body that is not in its charset, " .. (charset or "UTF-16")), 0) end
  return decoded
end

return text
