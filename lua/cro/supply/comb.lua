--- comb: the matches of a pattern, or the characters, of text that arrives in pieces.
local encoding = require "cro.supply.encoding"
local line = require "cro.line"
local options = require "cro.options"
local pattern = require "cro.supply.pattern"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local byte = string.byte

--- Groups of characters; `encoding.utf8_op` before it brings whole ones only.
local function characters_op(head, opts, self)
  local n, held, count = opts.n, "", 0
  line.before_done(self, function(done)
    if held ~= "" then head(held) end
    return done()
  end)
  local function pass(text)
    text = held .. text
    local from, at, stop = 1, #held + 1, #text
    held = ""
    while at <= stop do
      at = at + 1
      while at <= stop and byte(text, at) >= 0x80 and byte(text, at) < 0xC0 do
        at = at + 1
      end
      count = count + 1
      if count == n then
        count = 0
        head(text:sub(from, at - 1))
        from = at
      end
    end
    held = text:sub(from)
  end
  return encoding.utf8_op(pass, opts, self)
end

--- A held beginning longer than this is not looked at again before it has grown by a part.
local PATIENCE = 4096

local function pattern_op(head, opts, self)
  local matcher, source, max = opts.matcher, opts.matcher.source, opts.max
  -- One byte before the place that is looked at stays: %f looks back.
  local held, at, dropped, parts, waiting, enough = "", 1, 0, {}, 0, 0
  local function send(text, first, behind)
    at = behind > first and behind or first + 1
    local value = text:match(source, first)
    if type(value) == "number" then value = value + dropped end -- a position capture
    return head(value)
  end
  local function send_certain(text)
    local first, behind = matcher:find(text, at)
    while first do
      send(text, first, behind)
      first, behind = matcher:find(text, at)
    end
    local keep = math.max(1, behind - 1)
    held, at, dropped = text:sub(keep), behind - keep + 1, dropped + keep - 1
    if #held > max + 1 then stage.too_long("what a pattern may match", max) end
    enough = #held > PATIENCE and #held / 8 or 0
  end
  local function joined()
    local text = held .. table.concat(parts)
    parts, waiting = {}, 0
    return text
  end
  line.before_done(self, function(done)
    local text = joined()
    while at <= #text + 1 do
      local first, last = text:find(source, at)
      if not first then break end
      send(text, first, last + 1)
    end
    return done()
  end)
  return function(chunk)
    stage.text("comb", chunk)
    if chunk == "" then return end
    parts[#parts + 1] = chunk
    waiting = waiting + #chunk
    if waiting > enough then return send_certain(joined()) end
  end
end

local COMB = { max = stage.OPTION.text }

--- The matches of a Lua pattern, its first capture if it has one; or with a number pieces
--- of so many characters (1). Matches are those that the whole text would give, each as
--- soon as no further text can change it. A beginning of a match of more than `max` bytes
--- (1 MiB) is an error of kind "too_long".
---@param what string|integer|nil
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:comb(what, given)
  self = stage.of("comb", self)
  local opts = options.check("comb", given, COMB)
  options.argument("comb", 1, what or 1, "string|integer")
  if type(what) == "string" then
    opts.matcher = pattern.new("comb", what)
    return self:with(pattern_op, opts)
  end
  opts.n, opts.name, opts.kind = what or 1, "comb", "decode"
  options.check("comb", { characters = opts.n }, { characters = stage.OPTION.buffer })
  return self:with(characters_op, opts)
end
