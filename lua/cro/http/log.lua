--- The access log: one line per answer.
---
--- `http.log.file()` is a transform of responses, for a pipeline composed by hand, and
--- middleware, for `after` of a server or `r.after` of routes. It lets everything pass.
--- Answers below 400 go to `logs`, the others to `errors`.
local component = require "cro.pipeline.component"
local core = require "cro.core"
local errors = require "cro.errors"
local message = require "cro.http.message"
local opts = require "cro.options"

local log = {}

--- Nothing a peer sent may end a line or a quoted field, or speak to a terminal.
local function escape(text)
  return (text:gsub('[%c\127"\\]', function(byte) return ("\\x%02X"):format(byte:byte()) end))
end

---@class cro.http.LogEntry
---@field status integer
---@field method string
---@field target string as the peer sent it
---@field version string
---@field peer string|nil
---@field referer string|nil
---@field user_agent string|nil
---@field time number seconds since the epoch
---@field duration number|nil seconds since the request's head was complete, until the line
---  is written; nil for a request that a script made
---@field bytes integer|nil of the body as sent; only in formats written when it was
---@field error string|nil why the answer was not sent to its end

local function since(began) return began and core.now() - began or nil end

local function entry_of(response, began)
  local request = response.request
  local peer = request:peer()
  return {
    duration = since(began),
    status = response.status or 200,
    method = request.method,
    target = request.original_target,
    version = request.version,
    peer = peer,
    referer = request:header "referer",
    user_agent = request:header "user-agent",
    time = core.wall(),
  }
end

local function cro_line(entry)
  local word = entry.status < 400 and "OK" or "ERROR"
  local took = entry.duration and (" - %.3f ms"):format(entry.duration * 1000) or ""
  return ("[%s] %d %s - %s%s"):format(word, entry.status, escape(entry.target), entry.peer or "-", took)
end

local function common_line(entry)
  return ('%s - - [%s] "%s %s HTTP/%s" %d %s'):format(
    entry.peer or "-", os.date("!%d/%b/%Y:%H:%M:%S +0000", math.floor(entry.time)), entry.method,
    escape(entry.target), entry.version, entry.status, entry.bytes and ("%d"):format(entry.bytes) or "-")
end

local function timed(line, entry)
  return ("%s %s"):format(line, entry.duration and ("%.6f"):format(entry.duration) or "-")
end

local function timed_common_line(entry) return timed(common_line(entry), entry) end

local function combined_line(entry)
  return timed(('%s "%s" "%s"'):format(
    common_line(entry), escape(entry.referer or "-"), escape(entry.user_agent or "-")), entry)
end

local function json_line(entry)
  return core.json_encode {
    status = entry.status,
    method = entry.method,
    target = entry.target,
    version = entry.version,
    peer = entry.peer,
    referer = entry.referer,
    user_agent = entry.user_agent,
    time = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(entry.time)),
    bytes = entry.bytes,
    duration = entry.duration and tonumber(("%.6f"):format(entry.duration)),
    error = entry.error,
  }
end

--- Formats by name; `late` ones are written when the answer has been sent.
local FORMATS = {
  cro = { line = cro_line, late = false },
  common = { line = timed_common_line, late = true },
  combined = { line = combined_line, late = true },
  json = { line = json_line, late = true },
}

local function open(key, given, default)
  if given == nil then return default end
  if type(given) ~= "string" then
    if type(given) == "userdata" or type(given) == "table" and given.write then return given end
    errors.misuse(("http.log.file: option %q: expected a path or an open file, got %s"):format(key, opts.show(given)))
  end
  local file, why = io.open(given, "a")
  if not file then errors.misuse(("http.log.file: option %q: cannot write to %s"):format(key, why)) end
  return file
end

local function write(self, entry)
  local file = entry.status < 400 and self.logs or self.errors
  file:write(self.line(entry), "\n")
  if self.flush then file:flush() end
end

local function note(self, response)
  local began = response.request:began()
  local entry = entry_of(response, began)
  if not self.late then return write(self, entry) end
  response:on_finished(function(err, bytes)
    entry.bytes, entry.error, entry.duration = bytes, err and tostring(err) or nil, since(began)
    write(self, entry)
  end)
end

local function configure(self, options)
  core.time_requests()
  local format = options.format
  local known = type(format) == "string" and FORMATS[format] or { line = format, late = true }
  self.line, self.late = known.line, known.late
  self.logs = open("logs", options.logs, io.stdout)
  self.errors = open("errors", options.errors, options.logs and self.logs or io.stderr)
  self.flush = options.flush
end

local FORMAT = {
  "string|callable",
  default = "cro",
  check = function(value) return type(value) ~= "string" or FORMATS[value] ~= nil, "cro, common, combined or json" end,
}

--- Makes an access log.
---
--- - `logs`: a path, appended to, or an open file; default stdout
--- - `errors`: the same for answers of 400 and above; default `logs` when that is given,
---   else stderr
--- - `format`: "cro" (default; one line as soon as there is an answer), "common",
---   "combined", "json" or a function(entry) that returns a line; those are written when
---   the answer has been sent, and know its `bytes`. Each has the duration until then, of
---   a monotonic clock: ms in "cro", seconds as the last field of common and combined
--- - `flush`: whether each line is flushed; default true
log.file = component.transform {
  name = "http.log.file",
  consumes = message.Response,
  produces = message.Response,
  options = {
    logs = "any",
    errors = "any",
    format = FORMAT,
    flush = { "boolean", default = true },
  },
  configure = configure,
  transformer = function(self, responses)
    return responses:peek(function(response) note(self, response) end)
  end,
}

--- The log as middleware: what `after` runs.
---@param part cro.Component the log
---@return fun(c: cro.http.Context)
function log.file.after(part)
  return function(c) return note(part, c.response) end
end

return log
