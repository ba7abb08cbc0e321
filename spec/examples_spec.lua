--- Every file in examples/ is run by its plan in spec/examples/; see support/example.lua.
local example = require "spec.support.example"
local program = require "spec.support.program"

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

  it("hello shows addresses of IPv6 as a client takes them", function()
    local folder = program.folder()
    local result = program.shell(folder, ([[
      HOST=::1 PORT=0 %s %s >out 2>err & pid=$!
      until grep -q try: out || ! kill -0 $pid; do sleep 0.02; done
      kill -INT $pid; wait $pid; cat out; cat err >&2]]):format(
      program.quote(program.crolua()), program.quote(root .. "/examples/hello.lua")))
    program.remove(folder)
    if result.err:find("no such local address", 1, true) then return end -- a machine without IPv6
    assert.matches("Serving on http://%[::1%]:%d+, try:", result.out)
  end)
end)
