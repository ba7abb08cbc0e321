--- For specs: time that stands still until it is told to pass, and connections without a
--- network.
---
---     local clock = cro.test.clock()
---     local late = cro.Promise.after(60)
---     clock:advance(60)
---     assert(late:status() == "kept")
---     clock:restore()
---
--- Works in crolua, where deadlines of connections and the wall clock are stopped too, and
--- in plain luajit. What other processes do takes real time as ever.
local S = require "cro.state"
local errors = require "cro.errors"
local fiber = require "cro.fiber"
local options = require "cro.options"
local scope = require "cro.scope"
local Promise = require "cro.promise"

local test = {}

---@class cro.test.Clock
---@field private stopped boolean
---@field private place string where it was stopped
---@field private moving boolean a fiber lets time pass
---@field private host cro.HostClock
---@field private held false|table who restores it if nobody else does, see cro.scope
local Clock = {}
Clock.__index = Clock
Clock.__name = "cro.test.Clock"

local installed = false

local function check_installed(self, what)
  if self.stopped and installed == self then return self.host end
  errors.misuse(("clock:%s: this clock was restored: time goes by itself again"):format(what))
end

--- Seconds that have passed by it since it was installed: exact, unlike differences of
--- `cro.now`.
---@return number
function Clock:now() return check_installed(self, "now").passed() end

local Pass = {}
Pass.__index = Pass

function Pass:forget() self.host.give_up() end

local function pass(self, host, seconds, what)
  if self.moving then
    errors.misuse(("clock:%s: another fiber lets time pass already; let one fiber move the clock"):format(what))
  end
  local rec = fiber.may_wait("clock:" .. what)
  local ticket = setmetatable({ host = host }, Pass)
  self.moving = true
  host.pass(seconds, function(err)
    self.moving = false
    fiber.wake(rec, err or true, ticket)
  end)
  local ok, outcome = pcall(fiber.suspend, rec, ticket)
  self.moving = false
  if not ok then error(outcome, 0) end
  if outcome ~= true then errors.misuse(("clock:%s: the clock was restored meanwhile"):format(what)) end
end

--- Lets so much time pass. Each timer and deadline that comes due fires at its own time,
--- in order, and all that follows from it is done before the next: fibers run until they
--- wait, and what was sent over a socket within this process has arrived. Returns when
--- that is so at the end, too.
---@async
---@param seconds number 0 or more
function Clock:advance(seconds)
  local host = check_installed(self, "advance")
  options.argument("clock:advance", 1, seconds, "number")
  if not (seconds >= 0 and seconds <= 1e9) then
    errors.misuse(("clock:advance: seconds from 0 to 1e9 expected, got %s: time does not go back"):format(
      tostring(seconds)))
  end
  if host.drive and S.current == S.OUTSIDE then return host.drive(seconds) end
  return pass(self, host, seconds, "advance")
end

--- Waits until nothing more happens without time passing.
---@async
function Clock:settle()
  local host = check_installed(self, "settle")
  if host.drive and S.current == S.OUTSIDE then return host.drive(0) end
  return pass(self, host, 0, "settle")
end

--- Has time go by itself again, from where it was moved to. Harmless twice.
function Clock:restore()
  if installed ~= self then return end
  scope.disown(self)
  installed, self.stopped = false, false
  self.host.resume()
end

--- Outside of any fiber there is nobody to wait: runs it on one until all is done.
local function run_outside(self, fn)
  local job = Promise.start(fn, self)
  job:observe()
  self.host.drive()
  if job:status() == "planned" then error("clock:run: the function waits for ever: no timer is left", 0) end
  return job:result()
end

--- Runs a function and restores the clock, whatever comes. Meanwhile time needs no telling:
--- while everything waits it goes to the next timer, so that a minute of sleeping costs
--- nothing. What other processes or hosts are asked for counts as waiting; use `advance`
--- with those.
---@async
---@param fn fun(clock: cro.test.Clock): any
---@return any ... what it returns; what it raises is raised
function Clock:run(fn)
  local host = check_installed(self, "run")
  options.argument("clock:run", 1, fn, "callable")
  host.jump(true)
  local outside = host.drive and S.current == S.OUTSIDE
  local results = outside and { xpcall(run_outside, errors.trace, self, fn) } or { xpcall(fn, errors.trace, self) }
  self:restore()
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, table.maxn(results))
end

--- Stops the clock: of `cro.now` and everything that waits, of `cro.clock.wall`, of the
--- deadlines of connections. Time passes by `clock:advance` only, until `clock:restore()`.
--- With a function it is `cro.test.clock():run(fn)`.
---@async
---@param fn nil|fun(clock: cro.test.Clock): any
---@return any clock or what the function returns
function test.clock(fn)
  if fn ~= nil then options.argument("cro.test.clock", 1, fn, "callable") end
  if not fiber.host then fiber.now() end -- which finds one
  local host, place = fiber.host.clock, errors.place()
  if installed and (installed.host ~= host or not host.passed()) then installed = false end
  if installed then
    errors.misuse(("cro.test.clock: the clock was stopped at %s already; restore it first"):format(installed.place))
  end
  local self = setmetatable({ stopped = true, place = false, moving = false, host = false, held = false }, Clock)
  self.place, self.host = place, host
  host.stop()
  installed = self
  scope.own(self, "stopped clock", self.restore)
  if fn then return self:run(fn) end
  return self
end

--- Anybody on this machine may connect: the right one has the client's port.
local function connect_pair(tcp, bound, came)
  local client = tcp.connect("127.0.0.1", bound:await()):await()
  for server in came:supply():each() do
    if server.peer_port == client.socket_port then return client, server end
    server:abort()
  end
end

--- Two connections with each other, over the loopback: what one writes the other reads.
---@async
---@return cro.tcp.Connection client
---@return cro.tcp.Connection server
function test.tcp_pair()
  local tcp = require "cro.tcp"
  local bound, came = Promise.made(), require("cro.supplier").preserving()
  local tap = tcp.listen({
    host = "127.0.0.1",
    port = 0,
    bound = function(_, port) Promise.settle_kept(bound, port) end,
  }):tap {
    value = function(connection) came:emit(connection) end,
    quit = function(err) Promise.settle_broken(bound, err) end,
  }
  local ok, client, server = pcall(connect_pair, tcp, bound, came)
  tap:close()
  if not ok then error(client, 0) end
  return client, server
end

return test
