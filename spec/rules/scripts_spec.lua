local property = require "spec.support.property"
local script = require "spec.support.script_generator"
local scripted = require "spec.support.scripted"

describe("any script of emits, sends, ends, waits and cancellations over several blocks", function()
  it("keeps the guarantees of blocks and leaves nothing behind", function()
    property.check(script, scripted.run, tonumber(os.getenv "PROPERTY_RUNS") or 300)
  end)
end)
