--- Broken promises that nobody looks at, reported so that no failure is silent.
---
--- Only a promise that breaks while nobody waits for it costs anything: a sentinel
--- that the collector finalizes together with the promise. It holds the error and the
--- place of the failure, never the promise. As long as one is watched the collector is
--- seen to (cro.gleaner), so that it is found within a second or so, not when the heap
--- has doubled.
---
--- Equal reports are counted: one a second says how many more there were.
local aside = require "cro.aside"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local gleaner = require "cro.gleaner"

local unobserved = {}

--- Seconds between two reports that say the same.
local APART = 1
--- Different reports that are remembered.
local MAX_RECENT = 1000

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
local open = 0 -- of these, how many are neither observed nor reported

local recent, recent_count = {}, 0 -- text of a report -> how often it came since
local recent_host = false -- whose clock that was

local function tell_more(same)
  local line = errors.describe(same.err):match "^[^\n]*"
  local err = errors.new(type(same.err) == "table" and same.err.kind or "error", line)
  fiber.report(("%d more like this: %s"):format(same.more, same.what), err)
end

--- What came often enough goes on being counted, the rest is forgotten.
local function tell_counts()
  local before = recent
  recent, recent_count = {}, 0
  for text, same in pairs(before) do
    if same.more > 0 then
      tell_more(same)
      recent[text], recent_count = same, recent_count + 1
      same.more, same.at = 0, fiber.now()
    end
  end
  if recent_count > 0 then aside.after(APART, tell_counts) end
end

local function is_repeated(what, err)
  local text, now = what .. "\n" .. errors.describe(err), fiber.now()
  if recent_host ~= fiber.host then
    recent, recent_count, recent_host = {}, 0, fiber.host
  end
  local same = recent[text]
  if same and now - same.at >= APART then
    tell_counts()
    same = recent[text]
  end
  if same then
    same.more = same.more + 1
    return true
  end
  if recent_count >= MAX_RECENT then tell_counts() end
  if recent_count == 0 then aside.after(APART, tell_counts) end
  recent[text], recent_count = { what = what, err = err, more = 0, at = now }, recent_count + 1
  return false
end

local function tell(note)
  local known = {}
  if note.place ~= "?" then known[1] = "broken at " .. note.place end
  if note.made then known[#known + 1] = "made at " .. note.made end
  local places = known[1] and " (" .. table.concat(known, ", ") .. ")" or ""
  local what = "a broken promise that nobody observed" .. places
  if not is_repeated(what, note.err) then fiber.report(what, note.err) end
end

local function report(note)
  if note.done then return end
  unobserved.dismiss(note)
  if told[note.err] then return end
  if errors.is(note.err) then told[note.err] = true end
  unobserved.count = unobserved.count + 1
  tell(note)
  if unobserved.reported then unobserved.reported() end
end

local function any_open() return open > 0 end

--- The promise was observed after all.
---@param note table `promise.note`
function unobserved.dismiss(note)
  if note.done then return end
  note.done = true
  open = open - 1
end

--- Watches a promise that has just broken unobserved. Whoever observes it later dismisses
--- `promise.note`.
---@param promise cro.Promise
---@param err any
function unobserved.watch(promise, err)
  made, open = made + 1, open + 1
  local note = { err = err, place = errors.place(), made = rawget(promise, "origin"), done = false, number = made }
  local sentinel = newproxy(true)
  getmetatable(sentinel).__gc = function() pcall(report, note) end
  watched[sentinel] = note
  promise.sentinel, promise.note = sentinel, note
  return gleaner.want(any_open)
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
  tell_counts()
end

return unobserved
