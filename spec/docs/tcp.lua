local assert = require "luassert"

return {
  {
    rewrite = function(code, run)
      run.bound = require("cro").Promise.new()
      return (code:gsub('"127.0.0.1", 7000', "{ host = '127.0.0.1', port = 0, bound = bound }"))
    end,
    names = function(run)
      return { bound = function(_, port) run.bound:keep(port) end }
    end,
    play = function(block, run)
      local cro = require "cro"
      local job = cro.start(block)
      local connection = cro.await(cro.tcp.connect("127.0.0.1", cro.await(run.bound)))
      cro.await(connection:write "echo")
      connection:shutdown()
      local heard = cro.await(connection:supply():list())
      assert.equal("echo", table.concat(heard))
      job:cancel()
      cro.pawait(job)
    end,
  },
  {
    play = function(block, run)
      block()
      assert.same({ "true" }, run.printed)
    end,
  },
  {
    play = function(block, run)
      block()
      assert.same({ "HELLO", "five" }, run.printed)
    end,
  },
}
