local assert = require "luassert"

--- A module that reads and writes what the test gives it, not what the specs run on.
local function pretend(run)
  local cro = require "cro"
  run.written = {}
  return setmetatable({
    stdin = cro.Supply.from_list { "one\ntw", "o\n" },
    stdout = {
      write = function(_, data)
        run.written[#run.written + 1] = data
        return cro.Promise.kept(true)
      end,
    },
  }, { __index = cro })
end

return {
  {
    names = function(run)
      local cro = pretend(run)
      return { require = function() return cro end }
    end,
    check = function(run) assert.same({ "ONE\n", "TWO\n" }, run.written) end,
  },
}
