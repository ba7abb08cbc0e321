local cro = require "cro"
local garbage = require "spec.support.garbage"
local await, pawait, react, whenever, done, Promise = cro.await, cro.pawait, cro.react, cro.whenever, cro.done, cro.Promise

--- Waits until the counters of the core say so; fails when they do not.
local function expect(counts)
  local limit = cro.now() + 10
  local stats
  repeat
    stats = cro.stats()
    local same = true
    for name, count in pairs(counts) do
      same = same and stats[name] <= count
    end
    if same then return end
    cro.sleep(0.005)
  until cro.now() > limit
  for name, count in pairs(counts) do
    assert.equal(count, stats[name], name)
  end
end

local function counts()
  local stats = cro.stats()
  return { tcp = stats.tcp, listeners = stats.listeners, timers = stats.timers, signals = stats.signals }
end

local function listen(handler)
  local bound = Promise.new()
  whenever(cro.tcp.listen { host = "127.0.0.1", port = 0, bound = function(_, port) bound:keep(port) end }, handler)
  return await(bound)
end

local function ignore() end

describe("what the network lends to a block #loop", function()
  local before

  before_each(function()
    garbage.collect()
    before = counts()
  end)

  for _, how in ipairs { "is done", "fails", "is cancelled" } do
    it("is given back when it " .. how, function()
      local kept = {}
      local job = cro.start(function()
        react(function()
          local port = listen(function(connection) kept[#kept + 1] = connection end)
          local client = await(cro.tcp.connect("127.0.0.1", port))
          kept[#kept + 1] = client
          whenever(cro.signal "SIGUSR2", ignore)
          whenever(cro.Supply.interval(50), ignore)
          cro.start(function()
            local another = await(cro.tcp.connect("127.0.0.1", port))
            kept[#kept + 1] = another
            cro.sleep(how == "is done" and 0.1 or 100)
          end)
          whenever(client, ignore)
          whenever(cro.Supply.interval(0.01), function()
            if #kept < 4 or how == "is cancelled" then return end
            assert.is_true(cro.stats().tcp >= before.tcp + 4)
            if how == "is done" then done() end
            if how == "fails" then error "no" end
          end)
        end)
      end)
      if how == "is cancelled" then
        repeat
          cro.sleep(0.005)
        until #kept == 4
        job:cancel()
      end
      await(job:settled(ignore))
      assert.equal(4, #kept)
      if how == "is done" then -- a job goes on
        for _, connection in ipairs(kept) do
          connection:close()
        end
      end
      expect(before)
    end)
  end

  it("is not closed with a plain tap, but with the job that tapped", function()
    local tap, connection
    local ready = Promise.new()
    local job = cro.start(function()
      local bound, accepted = Promise.new(), Promise.new()
      tap = cro.tcp.listen({ port = 0, bound = function(_, port) bound:keep(port) end }):tap(function(value)
        accepted:keep(value)
      end)
      cro.detach(await(cro.tcp.connect("localhost", await(bound))))
      connection = await(accepted)
      tap:close()
      ready:keep()
      cro.sleep(100)
    end)
    await(ready)
    local ended = connection:closed()
    cro.sleep(0.01)
    assert.equal("planned", ended:status())
    job:cancel()
    assert.is_true(await(ended))
  end)

  it("is given up when its job fails while it is being connected", function()
    local tap, port
    local bound = Promise.new()
    tap = cro.tcp.listen({ port = 0, bound = function(_, at) bound:keep(at) end }):tap()
    port = await(bound)
    local promise
    pawait(cro.start(function()
      promise = cro.tcp.connect("localhost", port)
      error "no"
    end))
    local _, err = pawait(promise)
    assert.equal("cancelled", err.kind)
    tap:close()
    expect(before)
  end)

  it("is given up when its block is done while it is being connected", function()
    local promise
    react(function()
      local port = listen(ignore)
      promise = cro.tcp.connect("127.0.0.1", port)
      done()
    end)
    local _, err = pawait(promise)
    assert.equal("cancelled", err.kind)
    expect(before)
  end)
end)
