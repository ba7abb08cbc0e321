--- Broken promises that nobody looks at, reported so that no failure is silent.
---
--- Only a promise that breaks while nobody waits for it costs anything: a sentinel
--- that the collector finalizes together with the promise. It holds the error and the
--- place of the failure, never the promise.
local errors = require "cro.errors"
local fiber = require "cro.fiber"

local unobserved = {}

--- sentinel -> note, for the report at exit.
local watched = setmetatable({}, { __mode = "k" })

local function report(note)
  if note.done then return end
  note.done = true
  local made = note.made and ", made at " .. note.made or ""
  fiber.report(("a broken promise that nobody observed (broken at %s%s)"):format(note.place, made), note.err)
end

--- Watches a promise that has just broken unobserved. Whoever observes it later sets
--- `promise.note.done`.
---@param promise cro.Promise
---@param err any
function unobserved.watch(promise, err)
  local note = { err = err, place = errors.place(), made = rawget(promise, "origin"), done = false }
  local sentinel = newproxy(true)
  getmetatable(sentinel).__gc = function() pcall(report, note) end
  watched[sentinel] = note
  promise.sentinel, promise.note = sentinel, note
end

--- Reports what is still unobserved; for the end of the program.
function unobserved.report_all()
  for _, note in pairs(watched) do
    report(note)
  end
end

return unobserved
