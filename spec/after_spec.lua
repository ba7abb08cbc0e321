local cro = require "cro.reactive"
local world = require "spec.support.world"

local await, react, whenever, done, sleep = cro.await, cro.react, cro.whenever, cro.done, cro.sleep
local Promise = cro.Promise

describe("a promise of time", function()
  it("is kept with true when its time has come, whether anybody waits or only asks", world.inside(function()
    assert.is_true(await(Promise.after(1)))
    assert.equal(1, cro.now())
    assert.is_true(await(Promise.at(3)))
    assert.equal(3, cro.now())
    local promise = Promise.after(1)
    sleep(0.5)
    assert.equal("planned", promise:status())
    sleep(0.6)
    assert.equal("kept", promise:status())
    assert.is_true(await(Promise.at(1)))
  end))

  local givers_up = {
    ["any_of has another winner"] = function(promise) await(Promise.any_of { Promise.kept(1), promise }) end,
    ["its whenever is closed"] = function(promise)
      react(function()
        local tapped = whenever(promise, error)
        whenever(Promise.kept(1), function() tapped:close() end)
      end)
    end,
    ["its block is done"] = function(promise)
      react(function()
        whenever(promise, error)
        whenever(Promise.kept(1), done)
      end)
    end,
    ["the wait for it is cancelled"] = function(promise)
      local job = cro.start(function() await(promise) end)
      sleep(0)
      job:cancel()
      cro.pawait(job)
    end,
  }
  for how, give_up in pairs(givers_up) do
    it("needs no timer once " .. how .. ", and is kept in time all the same", world.inside(function()
      local asked, awaited, chained = Promise.after(10), Promise.after(10), Promise.after(10)
      for _, promise in ipairs { asked, awaited, chained } do
        give_up(promise)
      end
      assert.equal(0, world.timers())
      sleep(4)
      assert.equal("planned", asked:status())
      local chain = chained:and_then(function() return cro.now() end)
      assert.is_true(await(awaited))
      assert.equal(10, cro.now())
      assert.equal(10, await(chain))
      assert.equal("kept", asked:status())
      assert.equal(0, world.timers())
    end))
  end

  it("that was given up and whose time has passed is kept at once for who comes then", world.inside(function()
    local promise = Promise.after(1)
    await(Promise.any_of { Promise.kept(1), promise })
    sleep(5)
    assert.is_true(await(promise))
    assert.equal(5, cro.now())
  end))

  it("goes on while others wait", world.inside(function()
    local promise, seen = Promise.after(2), 0
    promise:and_then(function() seen = cro.now() end)
    await(Promise.any_of { Promise.kept(1), promise })
    assert.equal(1, world.timers())
    sleep(3)
    assert.equal(2, seen)
  end))

  it("can be cancelled, set or given up", world.inside(function()
    for _, give_up in ipairs { false, true } do
      local promise = Promise.after(2)
      if give_up then await(Promise.any_of { Promise.kept(1), promise }) end
      promise:cancel()
      assert.equal("broken", promise:status())
      assert.equal(0, world.timers())
    end
  end))

  it("ends with the job or block that asked for it, when that fails or is cancelled", world.inside(function()
    local ran, promise = false, nil
    local function chain()
      promise = Promise.after(5)
      promise:and_then(function() ran = true end)
    end
    local job = cro.start(function()
      chain()
      sleep(100)
    end)
    sleep(1)
    job:cancel()
    cro.pawait(job)
    assert.equal("cancelled", promise:cause().kind)
    pcall(react, function()
      chain()
      error "no"
    end)
    assert.equal("cancelled", promise:cause().kind)
    assert.equal(0, world.timers())
    sleep(10)
    assert.is_false(ran)
  end))

  it("outlives a job that returns and a block that is done", world.inside(function()
    local promise
    react(function() promise = Promise.after(5) end)
    local other = await(cro.start(function() return { Promise.after(6) } end))[1]
    assert.is_true(await(promise))
    assert.is_true(await(other))
    assert.equal(6, cro.now())
  end))

  it("may be waited for by the clean-up of a cancelled job", world.inside(function()
    local at
    local job = cro.start(function()
      cro.defer(function()
        await(Promise.after(1))
        at = cro.now()
      end)
      sleep(100)
    end)
    sleep(1)
    job:cancel()
    cro.pawait(job)
    assert.equal(2, at)
  end))

  it("leaves nothing with a block in which many are made", world.inside(function()
    react(function(block)
      for _ = 1, 100 do
        await(Promise.any_of { Promise.kept(1), Promise.after(50) })
      end
      assert.is_false(block.jobs)
      assert.equal(0, world.timers())
    end)
  end))

  it("that was detached is nobody's", world.inside(function()
    local promise
    pcall(react, function()
      promise = cro.detach(Promise.after(1))
      error "no"
    end)
    assert.is_true(await(promise))
  end))
end)
