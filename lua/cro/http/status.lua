--- Status phrases, and errors that carry the status a request is refused with.
---
--- An error value with a `status` from 400 to 599 that leaves a handler answers the
--- request with that status. The text goes to the log, never to the peer: a refusal
--- says the phrase of its status and nothing of what was sent.
local errors = require "cro.errors"

local status = {}

local PHRASES = {
  [400] = "Bad Request",
  [401] = "Unauthorized",
  [403] = "Forbidden",
  [404] = "Not Found",
  [405] = "Method Not Allowed",
  [409] = "Conflict",
  [413] = "Content Too Large",
  [415] = "Unsupported Media Type",
  [418] = "I'm a teapot",
  [422] = "Unprocessable Content",
  [429] = "Too Many Requests",
  [500] = "Internal Server Error",
  [501] = "Not Implemented",
  [503] = "Service Unavailable",
  [505] = "HTTP Version Not Supported",
}

--- The standard phrase of a refusal.
---@param code integer
---@return string
function status.phrase(code) return PHRASES[code] or "Unknown" end

--- Answers the request with a refusal: the phrase as plain text.
---@param c cro.http.Context
---@param code integer
function status.refuse(c, code) c:status(code, "text/plain", status.phrase(code)) end

--- Makes the error that refuses a request. Does not raise it.
---@param code integer
---@param message string for the log
---@param cause any
---@return cro.Error
function status.refusal(code, message, cause)
  return errors.new("http", message, { status = code, cause = cause })
end

return status
