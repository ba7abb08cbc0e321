--- Runs the examples of README.md and docs: every ```lua block of every page.
---
--- A block by itself runs on a fiber, and what it prints is what its `-->` comments
--- promise. A block that needs more (names the text speaks of, a client, a signal) has a
--- plan: spec/docs/PAGE.lua returns a list, whose n-th is of the n-th block, of
---
---   names = function(run)          names that the block does not make
---   rewrite = function(code, run)  the block as it is to be run
---   check = function(run)          looks at run.service, which cro.run started, run.value,
---                                  which the block returned, and run.printed
---   play = function(block, run)    calls the block itself, in place of all that
---   prints = true                  what it prints is looked at by these
local world = require "spec.support.world"

--- Pages without an example, and why.
local WITHOUT = {
  ["docs/tour.md"] = "it walks through the source",
}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function pages()
  local found = {}
  local pipe = assert(io.popen "ls README.md docs/*.md")
  for path in pipe:lines() do
    found[#found + 1] = path
  end
  pipe:close()
  return found
end

local function plans_of(page)
  local path = "spec/docs/" .. page:match "([%w_]+)%.md$" .. ".lua"
  local file = io.open(path)
  if not file then return {} end
  file:close()
  return dofile(path)
end

local function normal(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

--- The Lua examples of a page, each with the output its `-->` comments promise.
local function examples_of(page)
  local examples = {}
  for code in read(page):gmatch "```lua\n(.-)```" do
    local expected = {}
    for output in code:gmatch "%-%->%s*([^\n]*)" do
      expected[#expected + 1] = normal(output)
    end
    examples[#examples + 1] = { page = page, code = code, expected = expected }
  end
  return examples
end

--- The names an example sees: those of the plan, a print that is noted, a `cro.run` that
--- starts the service and goes on.
local function environment(example, run)
  local names = {
    print = function(...)
      local words = {}
      for i = 1, select("#", ...) do
        words[i] = tostring((select(i, ...)))
      end
      run.printed[#run.printed + 1] = normal(table.concat(words, " "))
    end,
  }
  names.cro = setmetatable({
    run = function(service)
      run.service = service
      return service:start()
    end,
  }, { __index = require "cro" })
  function names.require(name)
    return name == "cro" and names.cro or require(name)
  end
  for name, value in pairs(example.plan and example.plan.names and example.plan.names(run) or {}) do
    names[name] = value
  end
  return setmetatable(names, { __index = _G })
end

--- What the last plan left open is closed, whatever became of it.
local function clean_up(run)
  if run.service and run.service:address() then run.service:stop { now = true }:await() end
  for _, fn in ipairs(run.finally) do
    fn()
  end
end

--- A port that stands in the text may be taken here; any free one will do.
local function with_free_port(code) return (code:gsub("(%f[%w]port = )%d%d%d%d+", "%10")) end

local function play(example)
  local plan = example.plan or {}
  local run = { printed = {}, finally = {} }
  local chunk = assert(loadstring(with_free_port(plan.rewrite and plan.rewrite(example.code, run) or example.code),
    "=" .. example.page))
  setfenv(chunk, environment(example, run))
  local ok, err = pcall(function()
    if plan.play then return plan.play(chunk, run) end
    run.value = chunk()
    if plan.check then plan.check(run) end
  end)
  clean_up(run)
  if not ok then error(err, 0) end
  if not plan.prints then assert.same(example.expected, run.printed) end
end

for _, page in ipairs(pages()) do
  local examples, plans = examples_of(page), plans_of(page)

  describe(page, function()
    it("has an example for each of its plans", function() assert.is_true(table.maxn(plans) <= #examples) end)

    if #examples == 0 then
      it("has a reason to have no example", function()
        assert.is_string(WITHOUT[page], "a page needs an example, or a reason in WITHOUT")
      end)
    end

    for i, example in ipairs(examples) do
      example.plan = plans[i]
      if example.plan then
        it("does #loop what example " .. i .. " says", function() play(example) end)
      else
        it("prints what example " .. i .. " says it prints", function()
          assert.is_true(#example.expected > 0, "an example prints something, or has a plan")
          world.run(function() play(example) end)
        end)
      end
    end
  end)
end
