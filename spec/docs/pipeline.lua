local assert = require "luassert"
local page = require "spec.support.page"

return {
  { check = function(run) assert.equal("LOUD\n", page.say(run.service, "loud\n")) end },
  {},
  {
    names = function()
      local cro = require "cro"
      local Line = page.line_type()
      local seen = {}
      return {
        Line = Line,
        shift = function(text, by) return (text:gsub("%l", function(c) return string.char(c:byte() + by) end)) end,
        source = cro.source {
          produces = Line,
          incoming = function() return cro.Supply.from_list { Line { text = "abc" } } end,
        },
        sink = cro.sink {
          consumes = Line,
          sinker = function(_, lines)
            return lines:peek(function(line) seen[#seen + 1] = line.text end):grep(function() return false end)
          end,
        },
        seen = seen,
      }
    end,
    rewrite = page.returning "service, seen",
    play = function(block)
      local service, seen = block()
      service:start()
      service:ended():await()
      assert.same({ "def" }, seen)
    end,
  },
  {
    names = function()
      local cro = require "cro"
      local Line = page.line_type()
      return {
        Line = Line,
        WireWriter = cro.sink {
          consumes = Line,
          sinker = function(self, lines)
            return lines:peek(function(line) self.wire.sent[#self.wire.sent + 1] = line.text end)
              :grep(function() return false end)
          end,
        },
      }
    end,
    rewrite = page.returning "Wire, Line",
    play = function(block)
      local cro = require "cro"
      local Wire, Line = block()
      local wire_ = { sent = {}, closed = 0 }
      function wire_.lines() return cro.Supply.from_list { Line { text = "ping" } } end
      function wire_:close() self.closed = self.closed + 1 end
      local Wires = cro.source { produces = Wire, incoming = function() return cro.Supply.from_list { wire_ } end }
      local Echo = cro.map(Line, Line, function(line) return Line { text = line.text .. " back" } end)
      local service = cro.compose { Wires, Echo }
      service:start()
      service:ended():await()
      assert.same({ "ping back" }, wire_.sent)
      assert.equal(1, wire_.closed)
    end,
  },
  {
    names = function() return { Line = page.line_type() } end,
    rewrite = page.returning "Count, Line",
    play = function(block)
      local cro = require "cro"
      local Count, Line = block()
      local counts
      local Look = cro.transform {
        consumes = Line, produces = Line,
        connection_state = Count.connection_state,
        transformer = function(_, lines, given)
          counts = given
          return lines
        end,
      }
      local counted = cro.compose { Count, Look, for_connection = true }
      cro.await(counted:transformer(cro.Supply.from_list { Line {}, Line {} }))
      assert.equal(2, counts.messages)
    end,
  },
}
