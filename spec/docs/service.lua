local assert = require "luassert"

return {
  {
    names = function()
      local cro = require "cro"
      local Message = cro.tcp.Message
      return { await = cro.await, Rot13 = cro.map(Message, Message, function(m) return m end, "Rot13") }
    end,
    prints = true,
    check = function(run) assert.matches("^127%.0%.0%.1 %d+$", run.printed[1]) end,
  },
  {
    names = function(run)
      run.lines = {}
      return { log = { write = function(_, ...) run.lines[#run.lines + 1] = table.concat { ... } end } }
    end,
    check = function(run)
      local cro = require "cro"
      run.finally[1] = function() cro.on_error(nil) end
      require("cro.report").unhandled(cro.errors.new("error", "spilt"), { what = "error in the kitchen" })
      cro.sleep(0.01)
      assert.matches("^error in the kitchen: spilt\n", run.lines[1])
    end,
  },
}
