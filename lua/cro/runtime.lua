--- Joins the fibers of cro.fiber to the loop of cro.core.
---
--- Loaded once per program by cro.boot, before anything runs. It owns no state: it
--- tells each side which functions of the other to call. Outside of crolua there is no
--- loop to join, and cro.fiber is left to whoever installs a host.
local core = require "cro.core"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
require "cro.entry" -- the bodies of the coroutines that C keeps
require "cro.cleanup" -- puts a fiber's record back in order after each job

--- The outside world of cro.fiber: the loop of C, or `cro.fake` when nothing was installed.
---@class cro.Host
---@field notify fun() the ready queue is no longer empty: call `turn` soon
---@field now fun(): number monotonic seconds
---@field wall fun(): number seconds since 1970-01-01 UTC
---@field timer fun(seconds: number, fn: fun()): { close: fun(self) } calls fn once, on a fiber
---@field aside nil|fun(seconds: number, fn: fun()) calls fn some time later if the loop still runs; the latest counts
---@field tick number|nil seconds between two times at which timers fire; nil: no such grain
---@field report fun(text: string)
---@field clock cro.HostClock
---@field is_misplaced nil|fun(co: thread): boolean does the caller run elsewhere than in co, or beneath C?
---@field pause nil|fun(co: thread): boolean|nil yields unless the caller is misplaced: then true
---@field resume_all nil|fun(list: table, at: integer, last: integer): integer, thread|nil, any see cro.core

--- Stopping the clock and moving it by hand: see cro.test.
---@class cro.HostClock
---@field stop fun(): boolean false when it is stopped already
---@field resume fun() time goes by itself again
---@field passed fun(): number|nil seconds since it was stopped, nil when it is not
---@field pass fun(seconds: number, fn: fun(err: any)) calls fn when so much has passed and all rests
---@field give_up fun() a pass ends where it is
---@field jump fun(on: boolean) while all rests, time goes to the next timer by itself
---@field drive nil|fun(seconds: number|nil) the same from outside of any fiber, without a loop

local function write_report(text) io.stderr:write("crolua: ", text, "\n") end

--- What C reports: an error that reached the edge of a fiber it had entered.
local function report(err, traceback, what)
  if errors.is_unwinding(err) then return end
  if type(err) ~= "table" then err = errors.wrap(err, traceback) end
  errors.remember(err, traceback)
  fiber.report(what or "error in a fiber", err)
end

local yield, running, record_of = coroutine.yield, coroutine.running, fiber.record_of

--- `coroutine.yield` of scripts. A fiber that yields by hand is resumed by nobody: its
--- request would never be answered, nor let go when the client has left.
local function yield_by_hand(...)
  if record_of(running()) then
    errors.misuse("coroutine.yield in a fiber, which nobody would resume: yield inside a coroutine of your own, "
      .. "or wait with await or sleep")
  end
  return yield(...)
end

core.set_error_metatable(getmetatable(errors.STOP))

--- CRO_DEBUG=1: `kill -USR1` shows what is open and who waits.
local function listen_for_reports()
  core.signal("SIGUSR1", function() require("cro.debug").write "open now:" end, true)
end

if core.running then
  fiber.install {
    notify = core.notify,
    now = core.now,
    wall = core.wall,
    timer = core.timer,
    tick = 0.001,
    aside = core.aside,
    clock = {
      stop = core.clock_stop,
      resume = core.clock_resume,
      passed = core.clock_passed,
      pass = core.clock_pass,
      give_up = core.clock_give_up,
      jump = core.clock_jump,
    },
    report = write_report,
    is_misplaced = core.is_misplaced,
    pause = core.pause,
    resume_all = core.resume_all,
  }
  core.install {
    turn = fiber.turn,
    entry = fiber.entry,
    dropped = fiber.dropped,
    cancel = fiber.cancel_thread,
    report = report,
  }
  coroutine.yield = yield_by_hand -- luacheck: ignore 122
  if require("cro.traceback").DEBUG then listen_for_reports() end
end

return { write_report = write_report }
