--- Operators on text that arrives in pieces: lines, words, decode.
local errors = require "cro.errors"
local line = require "cro.line"
local options = require "cro.options"
local Supply = require "cro.supply"

--- A line longer than this is the peer's attempt to fill our memory.
local MAX_LINE = 1024 * 1024

local LINES = {
  chomp = { "boolean", default = true },
  max = { "integer", default = MAX_LINE, check = function(n) return n >= 1, "1 or more" end },
}

local function too_long(max)
  error(errors.new("too_long", ("a line is longer than %d bytes"):format(max)), 0)
end

local function cut(text, from, to, opts)
  local body = text:sub(from, to - 1)
  if body:byte(-1) == 13 then body = body:sub(1, -2) end
  if #body > opts.max then too_long(opts.max) end
  return opts.chomp and body or text:sub(from, to)
end

local function lines_op(head, opts, self)
  local parts, held = {}, 0
  local function add(piece)
    held = held + #piece
    parts[#parts + 1] = piece
    if held > opts.max + 1 then too_long(opts.max) end
  end
  local function take(piece)
    if held == 0 then return piece end
    parts[#parts + 1] = piece
    local text = table.concat(parts)
    parts, held = {}, 0
    return text
  end
  line.before_done(self, function(done)
    local rest = take ""
    if #rest > opts.max then too_long(opts.max) end
    if rest ~= "" then head(rest) end
    return done()
  end)
  return function(chunk)
    local from, to = 1, chunk:find("\n", 1, true)
    while to do
      local text = take(chunk:sub(from, to))
      head(cut(text, 1, #text, opts))
      from = to + 1
      to = chunk:find("\n", from, true)
    end
    if from <= #chunk then add(chunk:sub(from)) end
  end
end

--- The lines of a stream of strings, without their LF or CRLF (`chomp = false` keeps
--- it). The last one need not end in one. A line of more than `max` bytes (1 MiB) is
--- an error of kind "too_long".
---@param given { chomp: boolean|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:lines(given) return self:with(lines_op, options.check("lines", given, LINES)) end

local WORDS = { max = LINES.max }

local function words_op(head, opts, self)
  local held = ""
  line.before_done(self, function(done)
    if held ~= "" then head(held) end
    return done()
  end)
  return function(chunk)
    local text = held .. chunk
    held = ""
    for word, space in text:gmatch "(%S+)(%s*)" do
      if space == "" then
        held = word
      else
        head(word)
      end
    end
    if #held > opts.max then too_long(opts.max) end
  end
end

--- The words of a stream of strings: what stands between white space.
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:words(given) return self:with(words_op, options.check("words", given, WORDS)) end

--- How many bytes the character that starts with this byte has, and the range its
--- second byte must be in; nil when no character starts so.
local function shape(byte)
  if byte < 0x80 then return 1 end
  if byte >= 0xC2 and byte <= 0xDF then return 2, 0x80, 0xBF end
  if byte == 0xE0 then return 3, 0xA0, 0xBF end
  if byte == 0xED then return 3, 0x80, 0x9F end
  if byte >= 0xE1 and byte <= 0xEF then return 3, 0x80, 0xBF end
  if byte == 0xF0 then return 4, 0x90, 0xBF end
  if byte >= 0xF1 and byte <= 0xF3 then return 4, 0x80, 0xBF end
  if byte == 0xF4 then return 4, 0x80, 0x8F end
  return nil
end

--- Bytes of the character at `at` that are there and valid; whether it is complete.
local function check_character(text, at)
  local length, low, high = shape(text:byte(at))
  if not length then return nil end
  for i = 1, length - 1 do
    local byte = text:byte(at + i)
    if not byte then return i, false end
    if byte < (i == 1 and low or 0x80) or byte > (i == 1 and high or 0xBF) then return nil end
  end
  return length, true
end

--- Where the last complete character ends, or nil and the place of a wrong byte.
local function complete_until(text)
  local at = 1
  while true do
    at = text:find("[\128-\255]", at)
    if not at then return #text end
    local length, whole = check_character(text, at)
    if not length then return nil, at end
    if not whole then return at - 1 end
    at = at + length
  end
end

local function bad_utf8(offset)
  error(errors.new("decode", ("invalid UTF-8 at byte %d of the stream"):format(offset)), 0)
end

local function utf8_op(head, _, self)
  local held, offset = "", 0
  line.before_done(self, function(done)
    if held ~= "" then bad_utf8(offset) end
    return done()
  end)
  return function(chunk)
    local text = held .. chunk
    local upto, wrong = complete_until(text)
    if not upto then bad_utf8(offset + wrong - 1) end
    held = text:sub(upto + 1)
    offset = offset + upto
    if upto > 0 then return head(text:sub(1, upto)) end
  end
end

local function latin1_op(head)
  local function encode(byte)
    local code = byte:byte()
    return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
  end
  return function(chunk) return head((chunk:gsub("[\128-\255]", encode))) end
end

local function ascii_op(head)
  return function(chunk)
    local at = chunk:find "[\128-\255]"
    if at then error(errors.new("decode", "a byte that is not ASCII"), 0) end
    return head(chunk)
  end
end

local ENCODINGS = {
  ["utf8"] = utf8_op, ["utf-8"] = utf8_op,
  ["latin1"] = latin1_op, ["iso-8859-1"] = latin1_op,
  ["ascii"] = ascii_op,
}

--- Bytes as UTF-8 text, whole characters only: one that is cut is held back until the
--- rest has come. Wrong bytes are an error of kind "decode". `encoding` is "utf8" (the
--- default), "latin1" or "ascii".
---@param encoding string|nil
---@return cro.Supply
function Supply:decode(encoding)
  local name = encoding or "utf8"
  options.argument("decode", 1, name, "string")
  local op = ENCODINGS[name:lower()]
  if not op then
    errors.misuse(("decode: unknown encoding %q; it knows utf8, latin1 and ascii"):format(name))
  end
  return self:with(op, nil)
end
