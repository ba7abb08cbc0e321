--- `require "cro"`: the names that scripts use.
---
--- Promises, supplies and blocks are there at once; everything else is loaded when it is
--- first named, so that a script pays at start for what it uses.
local reactive = require "cro.reactive"
local report = require "cro.report"

---@class cro
---@field version string
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
}

--- Names that are modules.
local MODULES = {
  tcp = "cro.tcp",
  signal = "cro.signal",
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
