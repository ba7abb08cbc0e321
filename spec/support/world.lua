--- Runs the body of a spec on a fiber under the fake scheduler.
local fake = require "cro.fake"
local fiber = require "cro.fiber"

local world = {}

--- What was reported instead of printed on stderr, since the last `run`.
world.reports = {}

--- Runs `fn` on a fiber until nothing is left to do, and raises what it raised. Fails
--- when it is still waiting then: a test that hangs has not passed.
---@param fn fun()
function world.run(fn)
  local reports = {}
  world.reports = reports
  fake.install(function(text) reports[#reports + 1] = text end)
  local ended, failure = false, nil
  fiber.start(function()
    local ok, err = xpcall(fn, function(err)
      if type(err) == "table" then return err end
      return debug.traceback(err, 2)
    end)
    ended = true
    if not ok then failure = err end
  end)
  fake.run(100000)
  if failure then error(failure, 0) end
  if not ended then error("the fiber of the test never ended: it still waits", 0) end
end

--- Like `world.run`, as the body of an `it`.
---@param fn fun()
---@return fun()
function world.inside(fn)
  return function() world.run(fn) end
end

--- A list that notes what happened, and a function that adds to it.
---@return string[] log, fun(text: any)
function world.log()
  local log = {}
  return log, function(text) log[#log + 1] = tostring(text) end
end

world.advance = fake.advance
world.settle = fake.settle
world.now = fake.now
world.timers = fake.timers

return world
