--- Every file in examples/ is run by its plan in spec/examples/; see support/example.lua.
local example = require "spec.support.example"

local function names()
  local found = {}
  local pipe = assert(io.popen "ls examples/*.lua")
  for line in pipe:lines() do
    found[#found + 1] = line:match "([^/]+)%.lua$"
  end
  pipe:close()
  return found
end

local root = os.getenv "PWD"

describe("examples #loop:", function()
  for _, name in ipairs(names()) do
    local plan, message = loadfile("spec/examples/" .. name .. ".lua")

    it(name .. " does what it says to a real client", function()
      assert(plan, "an example needs a plan of its run: " .. tostring(message))
      assert.is_nil(example.run(root .. "/examples/" .. name .. ".lua", plan()))
    end)
  end
end)
