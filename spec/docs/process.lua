local assert = require "luassert"

return {
  { play = function(block) block() end },
  { play = function(block) block() end },
  {
    prints = true,
    rewrite = function(code, run)
      run.written = {}
      return (code:gsub("io%.stdout:write", "write"))
    end,
    names = function(run)
      return { write = function(bytes) run.written[#run.written + 1] = bytes end }
    end,
    play = function(block, run)
      block()
      assert.equal("y\ny\n", table.concat(run.written))
      table.sort(run.printed)
      assert.same({ "head: exit code 0", "yes: ended by SIGPIPE" }, run.printed)
    end,
  },
}
