--- The order in which middleware and handlers run, composed when routes are built.
---
--- One level (a server, a route table, an included table) is a list of stages in the
--- order they were written. Its `before` stages run until one sets a status, which
--- answers: what is inside is skipped, and so is each `after` stage written before
--- that one. An error anywhere becomes an answer at its place, so that the `after`
--- stages beyond it, a log say, see the 500.
local errors = require "cro.errors"

---@class cro.http.Stage
---@field phase "before"|"after"
---@field run fun(c: cro.http.Context)

local middleware = {}

--- Gives the response the status it would be sent with.
local function settle(c)
  if c.done then return end
  local response = c.response
  local has_content = response:body_length() > 0 or response.content_type
  response.status = has_content and 200 or 204
end

--- For specs: where the environment is read.
middleware.getenv = os.getenv

--- Does whoever asks get to see errors? Only with CRO_DEV=1: they tell of the inside.
---@return boolean
function middleware.in_development() return middleware.getenv "CRO_DEV" == "1" end

--- Once the head of a stream is out there is nothing left to say.
local function show(c, err)
  if c.response.status == 500 then pcall(c.content, c, "text/plain", errors.describe(err)) end
end

--- Runs f(c, ...); an error becomes the answer. A stop or cancellation goes on up.
local function guarded(f, c, ...)
  local ok, err = xpcall(f, errors.trace, c, ...)
  if ok then return end
  if errors.is_unwinding(err) then error(err, 0) end
  c:fail(err)
  if middleware.in_development() then show(c, err) end
end

--- The handler of a route as it is while its author watches: a 500 says why.
---@param handler function
---@return function
function middleware.talkative(handler)
  return function(c, ...) return guarded(handler, c, ...) end
end

local function split(stages)
  local befores, afters = {}, {}
  for position, stage in ipairs(stages) do
    local list = stage.phase == "before" and befores or afters
    list[#list + 1] = { run = stage.run, position = position }
  end
  return befores, afters
end

--- Answers the position of the stage that answered, 0 when none did.
local function run_befores(befores, c)
  for i = 1, #befores do
    guarded(befores[i].run, c)
    if c.done then return befores[i].position end
  end
  return 0
end

local function run_afters(afters, c, answered)
  settle(c)
  for i = 1, #afters do
    if afters[i].position > answered then guarded(afters[i].run, c) end
  end
end

local function only_befores(befores, inner)
  return function(c, ...)
    for i = 1, #befores do
      befores[i].run(c)
      if c.done then return end
    end
    return inner(c, ...)
  end
end

local function full(befores, afters, inner)
  return function(c, ...)
    local answered = run_befores(befores, c)
    if answered == 0 then guarded(inner, c, ...) end
    return run_afters(afters, c, answered)
  end
end

--- Puts the stages of one level round a function of (c, captures...).
---@param stages cro.http.Stage[]
---@param inner function
---@return function
function middleware.wrap(stages, inner)
  local befores, afters = split(stages)
  if #afters > 0 then return full(befores, afters, inner) end
  if #befores > 0 then return only_befores(befores, inner) end
  return inner
end

--- The two halves of a level, for what lies between them elsewhere: `befores(c)` answers
--- the position of the stage that answered, or 0; `afters(c, position)` runs those
--- beyond it.
---@param stages cro.http.Stage[]
---@return fun(c: cro.http.Context): integer
---@return fun(c: cro.http.Context, answered: integer)
function middleware.halves(stages)
  local befores, afters = split(stages)
  return function(c) return run_befores(befores, c) end,
    function(c, answered) return run_afters(afters, c, answered) end
end

return middleware
