--- Things that may be done when there is time: about so many real seconds later, once. The
--- program does not go on for their sake, a stopped clock does not hold them, and where
--- there is no loop they are never done.
local fiber = require "cro.fiber"

local aside = {}

local waiting = {} -- { fn = function, left = seconds after `armed` began }
local armed = false -- seconds the loop was told, or false

local function arm()
  local least = math.huge
  for _, entry in ipairs(waiting) do
    least = math.min(least, entry.left)
  end
  if least == math.huge or armed and armed <= least then return end
  armed = least
  fiber.host.aside(least, aside.fire)
end

--- What the loop calls. What was set between two calls may come later than it should.
function aside.fire()
  local passed, due = armed, {}
  armed = false
  for i = #waiting, 1, -1 do
    local entry = waiting[i]
    entry.left = entry.left - passed
    if entry.left <= 0 then
      table.remove(waiting, i)
      due[#due + 1] = entry.fn
    end
  end
  for _, fn in ipairs(due) do
    fn()
  end
  arm()
end

--- Has a function called, which must neither wait nor raise. One that waits for its call
--- has its time changed.
---@param seconds number
---@param fn fun()
function aside.after(seconds, fn)
  if not (fiber.host and fiber.host.aside) then return end
  for i, entry in ipairs(waiting) do
    if entry.fn == fn then
      table.remove(waiting, i)
      break
    end
  end
  waiting[#waiting + 1] = { fn = fn, left = seconds }
  arm()
end

return aside
