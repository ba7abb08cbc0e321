--- One thing that happens once, and of which everybody who asks is told by the same promise:
--- that a connection has closed, that a process runs.
---
--- The promise is made when somebody asks, and is one for all of them, so that asking in a
--- loop costs nothing. A time limit on it does not cancel it; who cancels it by hand breaks
--- it for those who have it, and who asks next gets another.
local Promise = require "cro.promise"

---@class cro.Outcome
---@field private promise cro.Promise|false
---@field private known false|"kept"|"broken"
---@field private value any
local Outcome = {}
Outcome.__index = Outcome

--- Of something that has not happened yet.
---@return cro.Outcome
function Outcome.new() return setmetatable({ promise = false, known = false, value = false }, Outcome) end

local function settle(self)
  if self.known == "kept" then return Promise.settle_kept(self.promise, self.value) end
  return Promise.settle_broken(self.promise, self.value)
end

--- The promise that tells.
---@return cro.Promise
function Outcome:ask()
  if self.promise and not self.promise:was_cancelled() then return self.promise end
  self.promise = Promise.made()
  self.promise.vowed = "common"
  if self.known then settle(self) end
  return self.promise
end

--- It has happened; only the first time counts.
---@param value any
function Outcome:keep(value)
  if self.known then return end
  self.known, self.value = "kept", value
  if self.promise then settle(self) end
end

--- It will not happen; only the first time counts.
---@param err any
function Outcome:fail(err)
  if self.known then return end
  self.known, self.value = "broken", err
  if self.promise then settle(self) end
end

--- Is it settled?
---@return boolean
function Outcome:is_known() return self.known ~= false end

return Outcome
