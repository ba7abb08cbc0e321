--- Broken promises that nobody looks at, reported so that no failure is silent.
---
--- Only a promise that breaks while nobody waits for it costs anything: a sentinel
--- that the collector finalizes together with the promise. It holds the error and the
--- place of the failure, never the promise.
local errors = require "cro.errors"
local fiber = require "cro.fiber"

local unobserved = {}

--- Errors of this library that were reported: one that breaks several promises is told
--- once. A script may use a table of its own for many failures.
local told = setmetatable({}, { __mode = "k" })

--- How many were reported.
unobserved.count = 0

--- Called after each report, if it is a function: see `--strict-promises`.
unobserved.reported = false

--- sentinel -> note, for the report at exit.
local watched = setmetatable({}, { __mode = "k" })

local made = 0

local function report(note)
  if note.done or told[note.err] then return end
  note.done = true
  if errors.is(note.err) then told[note.err] = true end
  local known = {}
  if note.place ~= "?" then known[1] = "broken at " .. note.place end
  if note.made then known[#known + 1] = "made at " .. note.made end
  local places = known[1] and " (" .. table.concat(known, ", ") .. ")" or ""
  unobserved.count = unobserved.count + 1
  fiber.report("a broken promise that nobody observed" .. places, note.err)
  if unobserved.reported then unobserved.reported() end
end

--- Watches a promise that has just broken unobserved. Whoever observes it later sets
--- `promise.note.done`.
---@param promise cro.Promise
---@param err any
function unobserved.watch(promise, err)
  made = made + 1
  local note = { err = err, place = errors.place(), made = rawget(promise, "origin"), done = false, number = made }
  local sentinel = newproxy(true)
  getmetatable(sentinel).__gc = function() pcall(report, note) end
  watched[sentinel] = note
  promise.sentinel, promise.note = sentinel, note
end

--- Reports what is still unobserved; for the end of the program.
function unobserved.report_all()
  local notes = {}
  for _, note in pairs(watched) do
    notes[#notes + 1] = note
  end
  table.sort(notes, function(a, b) return a.number < b.number end)
  for _, note in ipairs(notes) do
    report(note)
  end
end

return unobserved
