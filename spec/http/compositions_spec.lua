local compositions = require "spec.support.compositions"
local cro = require "cro"
local property = require "spec.support.property"

describe("whatever a service is composed of #loop", function()
  local reports, restore

  before_each(function()
    reports, restore = {}, compositions.quiet()
    cro.on_error(function(err) reports[#reports + 1] = tostring(err) end)
  end)

  after_each(function()
    cro.on_error(nil)
    restore()
  end)

  it("it answers what has come, and leaves nothing behind", function()
    property.check(compositions.generator, function(given)
      reports = {}
      compositions.run(given)
      assert.same({}, reports)
    end, tonumber(os.getenv "PROPERTY_RUNS") or 12)
  end)
end)
