--- Operators on text that arrives in pieces: lines, words, split. What comes out does not
--- depend on how it was cut.
local errors = require "cro.errors"
local line = require "cro.line"
local options = require "cro.options"
local stage = require "cro.supply.stage"
local Supply = require "cro.supply"

local concat = table.concat

--- A piece of text that is put together of several. Pieces are joined once, so that a
--- long line in small chunks does not cost the square of its length.
local function new_piece(what, max)
  local parts, n, held = {}, 0, 0
  local self = {}

  --- Adds a part that is not the last.
  function self.add(part)
    held = held + #part
    if held > max then stage.too_long(what, max) end
    n = n + 1
    parts[n] = part
  end

  --- The whole, with its last part.
  function self.take(part)
    if n == 0 then
      if #part > max then stage.too_long(what, max) end
      return part
    end
    self.add(part)
    local text = concat(parts, "", 1, n)
    parts, n, held = {}, 0, 0
    return text
  end

  function self.is_empty() return n == 0 end

  return self
end

local function chomped(text)
  local stop = #text
  if text:byte(stop) == 10 then stop = stop - 1 end
  if text:byte(stop) == 13 then stop = stop - 1 end
  return text:sub(1, stop)
end

--- A line within its bound, with or without its end.
local function finished(text, opts)
  local body = chomped(text)
  if #body > opts.max then stage.too_long("a line", opts.max) end
  return opts.chomp and body or text
end

local function lines_op(head, opts, self)
  local piece = new_piece("a line", opts.max + 2) -- its end may be two bytes
  line.before_done(self, function(done)
    if not piece.is_empty() then
      local rest = piece.take ""
      if #rest > opts.max then stage.too_long("a line", opts.max) end
      head(rest)
    end
    return done()
  end)
  return function(chunk)
    stage.text("lines", chunk)
    local from, to = 1, chunk:find("\n", 1, true)
    while to do
      head(finished(piece.take(chunk:sub(from, to)), opts))
      from = to + 1
      to = chunk:find("\n", from, true)
    end
    if from <= #chunk then piece.add(chunk:sub(from)) end
  end
end

--- Lines that a CR alone may end. One at the end of a chunk is no end yet: an LF may follow.
local function any_lines_op(head, opts, self)
  local piece, open = new_piece("a line", opts.max + 2), false
  line.before_done(self, function(done)
    if not piece.is_empty() then head(finished(piece.take "", opts)) end
    return done()
  end)
  return function(chunk)
    stage.text("lines", chunk)
    if chunk == "" then return end
    local from = 1
    if open then
      open = false
      local whole = chunk:byte(1) == 10 and "\n" or ""
      from = 1 + #whole
      head(finished(piece.take(whole), opts))
    end
    local to = chunk:find("[\r\n]", from)
    while to do
      if chunk:byte(to) == 13 then
        open = to == #chunk
        if open then break end
        if chunk:byte(to + 1) == 10 then to = to + 1 end
      end
      head(finished(piece.take(chunk:sub(from, to)), opts))
      from = to + 1
      to = chunk:find("[\r\n]", from)
    end
    if from <= #chunk then piece.add(chunk:sub(from)) end
  end
end

local LINES = {
  chomp = { "boolean", default = true },
  cr = { "boolean", default = false },
  max = stage.OPTION.text,
}

--- The lines of a stream of strings, without their LF or CRLF (`chomp = false` keeps it);
--- with `cr = true` a CR alone ends a line too. The last one need not have an end. A line
--- of more than `max` bytes (1 MiB) is an error of kind "too_long".
---@param given { chomp: boolean|nil, cr: boolean|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:lines(given)
  self = stage.of("lines", self)
  local opts = options.check("lines", given, LINES)
  return self:with(opts.cr and any_lines_op or lines_op, opts)
end

local function words_op(head, opts, self)
  local piece = new_piece("a word", opts.max)
  line.before_done(self, function(done)
    if not piece.is_empty() then head(piece.take "") end
    return done()
  end)
  return function(chunk)
    stage.text("words", chunk)
    local from = 1
    if not piece.is_empty() then
      local to = chunk:find "%s"
      if not to then
        if chunk ~= "" then piece.add(chunk) end
        return
      end
      head(piece.take(chunk:sub(1, to - 1)))
      from = to + 1
    end
    local first, last = chunk:find("%S+", from)
    while first and last < #chunk do
      head(piece.take(chunk:sub(first, last)))
      first, last = chunk:find("%S+", last + 1)
    end
    if first then piece.add(chunk:sub(first)) end
  end
end

local WORDS = { max = stage.OPTION.text }

--- The words of a stream of strings: what is between blanks of ASCII. A word of more than
--- `max` bytes (1 MiB) is an error of kind "too_long".
---@param given { max: integer|nil }|nil
---@return cro.Supply
function Supply:words(given)
  self = stage.of("words", self)
  return self:with(words_op, options.check("words", given, WORDS))
end

--- Between chunks the last bytes are kept that may begin a separator.
local function split_op(head, opts, self)
  local separator, limit = opts.separator, opts.limit
  local piece, tail, count, overlap = new_piece("a piece", opts.max), "", 1, #opts.separator - 1
  local function send(text)
    if text ~= "" or not opts.skip_empty then return head(text) end
  end
  line.before_done(self, function(done)
    send(piece.take(tail))
    return done()
  end)
  local function keep(rest)
    local cut = math.max(0, #rest - overlap)
    tail = rest:sub(cut + 1)
    if cut > 0 then piece.add(rest:sub(1, cut)) end
  end
  return function(chunk)
    stage.text("split", chunk)
    local text, from = tail .. chunk, 1
    local at = count < limit and text:find(separator, 1, true)
    while at do
      count = count + 1
      tail = "" -- what follows may be dropped: the tap may be closed here
      send(piece.take(text:sub(from, at - 1)))
      from = at + #separator
      at = count < limit and text:find(separator, from, true)
    end
    return keep(text:sub(from))
  end
end

local SPLIT = { skip_empty = { "boolean", default = false }, max = stage.OPTION.text }

--- The pieces between separators, which are plain strings; the last piece is what follows
--- the last one, even when it is empty. With `limit` at most so many pieces, the last one
--- with the rest of the text. A piece of more than `max` bytes (1 MiB) is an error of kind
--- "too_long".
---@param separator string
---@param limit integer|nil
---@param given { skip_empty: boolean|nil, max: integer|nil }|nil
---@return cro.Supply
function Supply:split(separator, limit, given)
  self = stage.of("split", self)
  options.argument("split", 1, separator, "string")
  if separator == "" then
    errors.misuse "split: argument 1: expected a separator, got an empty string; comb() makes single characters"
  end
  if type(limit) == "table" and given == nil then
    limit, given = nil, limit
  end
  local opts = options.check("split", given, SPLIT)
  options.argument("split", 2, limit or 1, "number")
  opts.separator, opts.limit = separator, limit or math.huge
  if opts.limit < 1 then return self:head(0) end
  return self:with(split_op, opts)
end
