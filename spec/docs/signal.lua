local assert = require "luassert"

return {
  {
    names = function(run)
      run.reloads = 0
      return { reload = function() run.reloads = run.reloads + 1 end }
    end,
    prints = true,
    play = function(block, run)
      local cro = require "cro"
      local pid = io.open("/proc/self/stat"):read "*n"
      cro.start(function()
        cro.sleep(0.05)
        os.execute("kill -HUP " .. pid)
        cro.sleep(0.05)
        os.execute("kill -TERM " .. pid)
      end)
      block()
      assert.equal(1, run.reloads)
      assert.same({ "ending because of SIGTERM" }, run.printed)
    end,
  },
}
