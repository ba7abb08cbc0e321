local world = require "spec.support.world"

--- The Lua examples of a page, each with the output its `-->` comments promise.
local function examples_of(page)
  local file = assert(io.open(page))
  local text = file:read "*a"
  file:close()
  local examples = {}
  for code in text:gmatch "```lua\n(.-)```" do
    local expected = {}
    for output in code:gmatch "%-%->%s*([^\n]*)" do
      expected[#expected + 1] = output
    end
    examples[#examples + 1] = { code = code, expected = expected }
  end
  return examples
end

local function run(code, page)
  local printed = {}
  local environment = setmetatable({
    print = function(...)
      local words = {}
      for i = 1, select("#", ...) do
        words[i] = tostring((select(i, ...)))
      end
      printed[#printed + 1] = table.concat(words, " ")
    end,
  }, { __index = _G })
  local chunk = assert(loadstring(code, "=" .. page))
  world.run(setfenv(chunk, environment))
  return printed
end

for _, name in ipairs { "promise", "supply", "react", "fiber" } do
  local page = "docs/" .. name .. ".md"
  describe(page, function()
    for i, example in ipairs(examples_of(page)) do
      it("prints what example " .. i .. " says it prints", function()
        assert.is_true(#example.expected > 0)
        assert.same(example.expected, run(example.code, page))
      end)
    end
  end)
end
