--- Bytes to text and back: decode, encode. Text is UTF-8; no character is ever split
--- between two values. A character here is a code point: one that combines with the one
--- before may come in a later value.
local errors = require "cro.errors"
local line = require "cro.line"
local options = require "cro.options"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local byte, char, floor = string.byte, string.char, math.floor

--- What may follow a first byte: how long the character is, and the range of its second
--- byte. RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
local LENGTH, LOW, HIGH = {}, {}, {}
for first = 0, 255 do
  local length = first < 0x80 and 1 or first < 0xC2 and 0 or first < 0xE0 and 2 or first < 0xF0 and 3
    or first < 0xF5 and 4 or 0
  LENGTH[first] = length
  LOW[first] = first == 0xE0 and 0xA0 or first == 0xF0 and 0x90 or 0x80
  HIGH[first] = first == 0xED and 0x9F or first == 0xF4 and 0x8F or 0xBF
end

--- How many bytes of a character are there, and whether it is whole: (length, true); the
--- bytes up to the end of the text that may begin one: (count, false); or the bytes that
--- can begin none: (count, nil).
local function look(text, at, stop)
  local first = byte(text, at)
  local length = LENGTH[first]
  if length <= 1 then return 1, length == 1 or nil end
  if at == stop then return 1, false end
  local second = byte(text, at + 1)
  if second < LOW[first] or second > HIGH[first] then return 1, nil end
  local i = 2
  while i < length do
    if at + i > stop then return i, false end
    local following = byte(text, at + i)
    if following < 0x80 or following > 0xBF then return i, nil end
    i = i + 1
  end
  return length, true
end

--- How far the text is whole characters; then where and how long what is wrong is, if
--- anything, else nil: then what follows is the beginning of a character.
local function scan(text, from, stop)
  local at = from
  while at <= stop do
    if byte(text, at) < 0x80 then
      at = at + 1
    else
      local count, whole = look(text, at, stop)
      if not whole then return at - 1, whole == nil and count or nil end
      at = at + count
    end
  end
  return stop, nil
end

local function bad(kind, what, offset)
  error(errors.new(kind, ("%s at byte %d of the stream"):format(what, offset), { offset = offset }), 0)
end

-- A loop of loads, which is compiled; `find` with a set takes ten times as long.
local function first_above_ascii(text)
  local at, stop = 1, #text
  while at <= stop do
    if byte(text, at) >= 0x80 then return at end
    at = at + 1
  end
  return nil
end

--- Passes valid UTF-8 on; `kind` is that of the error.
local function utf8_op(head, opts, self)
  local replacement, kind, held, offset = opts.replacement, opts.kind, "", 0
  line.before_done(self, function(done)
    if held ~= "" then
      if not replacement then bad(kind, "invalid UTF-8", offset) end
      head(replacement)
    end
    return done()
  end)
  local function repaired(text, upto, wrong)
    local parts, from, stop = {}, 1, #text
    while wrong do
      if not replacement then bad(kind, "invalid UTF-8", offset + upto) end
      parts[#parts + 1] = text:sub(from, upto) .. replacement
      from = upto + wrong + 1
      upto, wrong = scan(text, from, stop)
    end
    parts[#parts + 1] = text:sub(from, upto)
    return table.concat(parts), upto
  end
  return function(chunk)
    stage.text(opts.name, chunk)
    local first = first_above_ascii(chunk)
    if not first and held == "" then
      offset = offset + #chunk
      if chunk ~= "" then return head(chunk) end
      return
    end
    local text = held .. chunk
    local upto, wrong = scan(text, held == "" and first or 1, #text)
    local good
    if wrong then
      good, upto = repaired(text, upto, wrong)
    else
      good = text:sub(1, upto)
    end
    held, offset = text:sub(upto + 1), offset + upto
    if good ~= "" then return head(good) end
  end
end

local TO_UTF8, FROM_UTF8 = {}, {}
for code = 0x80, 0xFF do
  local text = char(0xC0 + floor(code / 64), 0x80 + code % 64)
  TO_UTF8[char(code)], FROM_UTF8[text] = text, char(code)
end

local function from_latin1_op(head, opts)
  return function(chunk)
    stage.text(opts.name, chunk)
    if chunk == "" then return end
    if not first_above_ascii(chunk) then return head(chunk) end
    return head((chunk:gsub("[\128-\255]", TO_UTF8)))
  end
end

local function from_ascii_op(head, opts)
  local replacement, offset = opts.replacement, 0
  return function(chunk)
    stage.text(opts.name, chunk)
    local at, length = first_above_ascii(chunk), #chunk
    if at then
      if not replacement then bad(opts.kind, "a byte that is not ASCII", offset + at - 1) end
      chunk = chunk:gsub("[\128-\255]", (replacement:gsub("%%", "%%%%")))
    end
    offset = offset + length
    if chunk ~= "" then return head(chunk) end
  end
end

--- UTF-8 to an encoding of single bytes; `table` has what is not ASCII. Comes behind
--- `utf8_op`, so each value is whole and valid characters.
local function to_bytes(head, opts, map)
  local replacement, offset = opts.replacement, 0
  local function convert(character)
    return map[character] or replacement
  end
  local function check(text)
    for at, character in text:gmatch "()([\194-\244][\128-\191]+)" do
      if not map[character] then
        bad(opts.kind, ("a character that %s does not have"):format(opts.encoding), offset + at - 1)
      end
    end
  end
  return function(text)
    if not replacement then check(text) end
    offset = offset + #text
    return head((text:gsub("[\194-\244][\128-\191]+", convert)))
  end
end

local function to_latin1_op(head, opts, self) return utf8_op(to_bytes(head, opts, FROM_UTF8), opts, self) end

local function to_ascii_op(head, opts, self) return utf8_op(to_bytes(head, opts, {}), opts, self) end

local NAMES = {
  ["utf8"] = "utf8", ["utf-8"] = "utf8",
  ["latin1"] = "latin1", ["latin-1"] = "latin1", ["iso-8859-1"] = "latin1",
  ["ascii"] = "ascii", ["us-ascii"] = "ascii",
}

local DECODE = { utf8 = utf8_op, latin1 = from_latin1_op, ascii = from_ascii_op }
local ENCODE = { utf8 = utf8_op, latin1 = to_latin1_op, ascii = to_ascii_op }

local OPTIONS = { encoding = { "string", default = "utf8" }, replacement = "string" }

local function coding(name, self, given, ops)
  self = stage.of(name, self)
  if type(given) == "string" then given = { encoding = given } end
  local opts = options.check(name, given, OPTIONS)
  local encoding = NAMES[opts.encoding:lower()]
  if not encoding then
    errors.misuse(("%s: unknown encoding %q; it knows utf8, latin1 and ascii"):format(name, opts.encoding))
  end
  opts.name, opts.kind, opts.encoding = name, name, encoding
  return self:with(ops[encoding], opts)
end

--- Bytes as UTF-8 text, whole characters only: one that is cut is held back until the
--- rest has come. Wrong bytes are an error of kind "decode" with the `offset` of the first
--- in the stream; with `replacement` that string stands for them. `encoding` is "utf8"
--- (the default), "latin1" or "ascii".
---@param given string|{ encoding: string|nil, replacement: string|nil }|nil a string is the encoding
---@return cro.Supply
function Supply:decode(given) return coding("decode", self, given, DECODE) end

--- UTF-8 text as bytes of an encoding: "utf8" (the default), "latin1" or "ascii". A
--- character that it does not have, or wrong UTF-8, is an error of kind "encode" with its
--- `offset`; with `replacement` that string stands for it.
---@param given string|{ encoding: string|nil, replacement: string|nil }|nil a string is the encoding
---@return cro.Supply
function Supply:encode(given) return coding("encode", self, given, ENCODE) end

return { utf8_op = utf8_op }
