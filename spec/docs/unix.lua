local assert = require "luassert"

return {
  {
    rewrite = function(code, run)
      run.path = os.tmpname()
      os.remove(run.path)
      return (code:gsub("/run/echo.sock", run.path))
    end,
    play = function(block, run)
      local cro = require "cro"
      local job = cro.start(block)
      local connection
      repeat
        cro.sleep(0.002)
        connection = cro.pawait(cro.unix.connect(run.path))
      until connection
      cro.await(connection:write "echo")
      connection:shutdown()
      assert.equal("echo", table.concat(cro.await(connection:supply():list())))
      job:cancel()
      cro.pawait(job)
      assert.is_nil(io.open(run.path))
    end,
  },
}
