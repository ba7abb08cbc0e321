local assert = require "luassert"
local page = require "spec.support.page"

return {
  {
    names = function()
      local cro = require "cro"
      local Line = page.line_type()
      local function named(name)
        return cro.map(Line, Line, function(line) return Line { text = line.text .. " " .. name } end, name)
      end
      return {
        FrameReader = named "frames",
        StreamReader = named "streams",
        HeadReader = named "heads",
        Writer = named "written",
        Plug = cro.connector {
          name = "Plug",
          consumes = Line,
          produces = Line,
          connect = function(_, options)
            local plug = named "sent"()
            plug.protocol = options.protocol
            return cro.Promise.kept(plug)
          end,
        },
        Line = Line,
      }
    end,
    rewrite = page.returning "client, Line",
    play = function(block)
      local cro = require "cro"
      local client, Line = block()
      local function through(protocol)
        local lines = cro.Supply.from_list { Line { text = "x" } }
        return cro.await(client:establish(lines, { protocol = protocol })).text
      end
      assert.equal("x written sent frames streams", through "h2")
      assert.equal("x written sent heads", through "h1")
      assert.equal("x written sent heads", through "h3")
    end,
  },
}
