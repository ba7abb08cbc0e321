--- `require "cro"`: the names that scripts use.
---
--- Promises, supplies and blocks are there at once; everything else is loaded when it is
--- first named, so that a script pays at start for what it uses.
local reactive = require "cro.reactive"
local report = require "cro.report"

---@class cro
---@field Promise cro.Promise the class, with `new`, `kept`, `broken`, `after`, `at`, `all_of`, `any_of`
---@field Supplier cro.Supplier live sources: `new`, `preserving`
---@field Supply cro.Supply the class and its sources: `interval`, `from_list`, `on_demand`, ...
---@field Channel cro.Channel the class: bounded queues, each value for one receiver
---@field Lock cro.Lock the class: one at a time
---@field Semaphore cro.Semaphore the class: so many at a time
---@field start fun(fn: function, ...: any): cro.Promise runs a function on a fiber of its own
---@field await async fun(what: cro.Promise|cro.Supply|table): any waits for a value; raises what broke it
---@field pawait async fun(what: cro.Promise|cro.Supply|table): any, any the same; nil and the error instead
---@field pcall async fun(fn: function, ...: any): boolean, ... never returns a stop or a cancellation
---@field sleep async fun(seconds: number) waits
---@field now fun(): number monotonic seconds
---@field react async fun(body: fun(b: cro.Block)) runs a block to its end
---@field supply fun(body: fun(b: cro.Block)): cro.Supply a supply whose body runs for each tap
---@field whenever fun(source: any, handler: fun(value: any)): cro.Whenever in a block: taps a source
---@field emit async fun(value: any) in a supply block: gives a value to its consumer
---@field done fun() ends the innermost block; does not return
---@field last fun() ends the source of the running handler; does not return
---@field closing fun(fn: fun()) has a function run when the innermost block has ended
---@field defer fun(fn: fun()) has a function run when this fiber, or the innermost block, has ended
---@field detach fun(thing: any): any takes a handle, job or tap out of the block or job that owns it; returns it
---@field shield async fun(fn: function, ...: any): ... nothing interrupts the waits of a function
---@field errors table the module cro.errors
---@field on_error fun(fn: function|nil): function|nil who hears of errors that no code is left to receive
---@field message fun(spec: table): table makes a message type
---@field connection_type fun(spec: table): table makes a connection type
---@field transform fun(spec: table): table makes a class of transforms
---@field source fun(spec: table): table makes a class of sources
---@field sink fun(spec: table): table makes a class of sinks
---@field connector fun(spec: table): table makes a class of connectors
---@field map fun(In: table, Out: table, fn: fun(m: any): any, name: string|nil): table a transform of one to one
---@field compose fun(given: table): cro.Component|cro.Service composes parts, checked
---@field conditional fun(given: table): cro.Conditional a part chosen when a connection is made
---@field run async fun(given: cro.Service|cro.Service[]|fun(): any): any runs services or a function to their end
---@field stats fun(): table<string, number> counters of the process
---@field limits fun(given: table|nil): table bounds of the whole process
---@field debug table what is open and who waits; the module cro.debug
---@field tcp table the module cro.tcp
---@field tls table the module cro.tls
---@field clock table the module cro.clock
---@field test table the module cro.test
---@field unix table the module cro.unix
---@field file table the module cro.file
---@field process table|fun(...: any): cro.Process a child process; the module cro.process
---@field stdin cro.Stdin what comes in on standard input: a supply; see the module cro.stdio
---@field stdout cro.Output standard output, for writes that wait for their reader
---@field stderr cro.Output standard error, the same way
---@field udp table the module cro.udp
---@field signal fun(...: string): cro.Supply signals of the process; the module cro.signal
---@field json table the module cro.json
---@field uri table the module cro.uri
---@field media_type table the module cro.media_type
---@field timeout cro.Timeout the module cro.timeout
---@field version string of this library
local cro = {}

for name, value in pairs(reactive) do
  cro[name] = value
end

--- Parts of the program's own end; not for scripts.
cro.shutdown, cro.at_exit = nil, nil

report.install()
cro.on_error = report.on_error

--- The version of this library.
cro.version = "0.1.0"

--- Names that are fields of a module.
local FIELDS = {
  message = "cro.pipeline",
  connection_type = "cro.pipeline",
  transform = "cro.pipeline",
  source = "cro.pipeline",
  sink = "cro.pipeline",
  connector = "cro.pipeline",
  map = "cro.pipeline",
  compose = "cro.pipeline",
  conditional = "cro.pipeline",
  run = "cro.run",
  stats = "cro.stats",
  stdin = "cro.stdio",
  stdout = "cro.stdio",
  stderr = "cro.stdio",
  limits = "cro.limits",
}

--- Names that are modules.
local MODULES = {
  debug = "cro.debug",
  Channel = "cro.channel",
  Lock = "cro.lock",
  Semaphore = "cro.semaphore",
  tcp = "cro.tcp",
  tls = "cro.tls",
  unix = "cro.unix",
  file = "cro.file",
  udp = "cro.udp",
  signal = "cro.signal",
  clock = "cro.clock",
  test = "cro.test",
  process = "cro.process",
  json = "cro.json",
  uri = "cro.uri",
  media_type = "cro.media_type",
  timeout = "cro.timeout",
}

return setmetatable(cro, {
  __index = function(_, name)
    local module = FIELDS[name]
    local value
    if module then
      value = require(module)[name]
    elseif MODULES[name] then
      value = require(MODULES[name])
    else
      return nil
    end
    rawset(cro, name, value)
    return value
  end,
})
