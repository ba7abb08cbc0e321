local assert = require "luassert"
local children = require "spec.support.children"

return {
  {
    rewrite = function(code) return (code:gsub('"127.0.0.1", 5000', "host, port")) end,
    names = function(run)
      -- A port that was free a moment ago: the block keeps its socket to itself.
      local cro = require "cro"
      local free = cro.await(cro.udp.bind("127.0.0.1", 0))
      run.port = free.socket_port
      free:close()
      return { host = "127.0.0.1", port = run.port }
    end,
    play = function(block, run)
      local cro = require "cro"
      local before = cro.stats().udp
      local job = cro.start(block)
      children.eventually(function() return cro.stats().udp > before end)
      local client = cro.await(cro.udp.connect("127.0.0.1", run.port))
      local answers = client:data():head(1):promise()
      cro.await(client:send "hello")
      assert.equal("HELLO", cro.await(answers))
      client:close()
      job:cancel()
      cro.pawait(job)
    end,
  },
  { names = function() return {} end },
  { names = function() return {} end },
}
