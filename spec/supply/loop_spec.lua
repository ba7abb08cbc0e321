local cro = require "cro"
local children = require "spec.support.children"

local Supply = cro.Supply

describe("operators of time #loop", function()
  it("do on the loop's clock what they do on a virtual one", function()
    assert.same({ n = 5, 0, 1, 2, 3, 4 }, cro.await(Supply.interval(0.002):head(5):delayed(0.01):list()))
    assert.same({ n = 1, 3 }, cro.await(Supply.from_list({ 1, 2, 3 }):stable(0.01):list()))
    local began = cro.now()
    assert.equal(6, cro.await(Supply.from_list({ 1, 2, 3, 4, 5, 6 }):throttle(2, 0.02):list()).n)
    assert.is_true(cro.now() - began >= 0.035)
    local batches = cro.await(Supply.interval(0.002):head(10):batch({ seconds = 0.01, emit_timed = true }):list())
    local count = 0
    for _, batch in ipairs(batches) do
      count = count + #batch
    end
    assert.equal(10, count)
  end)

  it("leave no timer behind when they are closed", function()
    local before, taps = cro.stats().timers, {}
    for i = 1, 50 do
      local ticks = Supply.interval(0.001)
      taps[i * 4 - 3] = ticks:stable(10):tap()
      taps[i * 4 - 2] = ticks:delayed(10):tap()
      taps[i * 4 - 1] = ticks:throttle(1, 10):tap()
      taps[i * 4] = ticks:batch({ seconds = 10, emit_timed = true }):tap()
    end
    cro.sleep(0.02)
    assert.is_true(cro.stats().timers >= before + 200)
    for _, tap in ipairs(taps) do
      tap:close()
    end
    children.eventually(function() return cro.stats().timers <= before end)
  end)
end)
