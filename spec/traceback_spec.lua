local cro = require "cro.reactive"
local errors = require "cro.errors"
local traceback = require "cro.traceback"
local world = require "spec.support.world"

local await, react, whenever, supply, emit, sleep = cro.await, cro.react, cro.whenever, cro.supply, cro.emit, cro.sleep
local Promise, Supply = cro.Promise, cro.Supply

--- The line this is called from.
local function here() return debug.getinfo(2, "l").currentline end

local function place(line) return "spec/traceback_spec.lua:" .. line end

local function failure(fn)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  return err
end

--- The first lines of the steps of the way of an error.
local function steps(err)
  local list = {}
  for i, step in ipairs(errors.trail(err)) do
    list[i] = step:match "[^\n]*"
  end
  return list
end

describe("the way of an error", function()
  it("names each await it passed, with the functions around it, the first first", world.inside(function()
    local lines = {}
    local function inner()
      sleep(1)
      lines.raised = here() + 1
      error "boom"
    end
    local function middle()
      lines.middle = here() + 1
      local value = await(cro.start(inner))
      return value
    end
    local function around()
      lines.around = here() + 1
      local value = middle()
      return value
    end
    local job = cro.start(around)
    local err = failure(function()
      lines.outer = here() + 1
      local value = job:await()
      return value
    end)
    local text = errors.describe(err)
    local first = ("%s: boom\nstack traceback:\n\t[C]: in function 'error'\n\t%s: in function <%s>"):format(
      place(lines.raised), place(lines.raised), place(lines.raised - 3))
    assert.equal(first, text:sub(1, #first))
    assert.equal(("awaited at %s in function 'middle'\n\t%s: in function <%s>"):format(place(lines.middle),
      place(lines.around), place(lines.around - 2)), errors.trail(err)[1])
    assert.equal(("awaited at %s in function <%s>"):format(place(lines.outer), place(lines.outer - 2)), steps(err)[2])
    assert.is_nil(errors.trail(err)[3])
    assert.is_nil(text:find("lua/cro/", 1, true), text)
    assert.is_nil(text:find("xpcall", 1, true), text)
  end))

  it("goes through chains of promises to who awaits them", world.inside(function()
    local line
    local chain = cro.start(error, "boom"):and_then(print):settled(function(before) return before:cause() end)
      :and_then(function(err) error(err) end)
    local err = failure(function()
      line = here() + 1
      local value = await { chain }
      return value
    end)
    assert.equal("boom", tostring(err))
    assert.equal(1, #errors.trail(err))
    assert.matches(place(line), steps(err)[1], 1, true)
  end))

  it("names the blocks it broke, from the inside out, and the react", world.inside(function()
    local lines = {}
    lines.inner = here() + 1
    local inner = supply(function()
      whenever(Supply.interval(1), function(n)
        if n == 2 then error "boom" end
        emit(n)
      end)
    end)
    lines.outer = here() + 1
    local outer = supply(function() whenever(inner, emit) end)
    local err = failure(function()
      lines.react = here() + 1
      react(function()
        whenever(outer, function() end)
      end)
    end)
    assert.same({
      "in the supply block at " .. place(lines.inner),
      "in the supply block at " .. place(lines.outer),
      "in the react block at " .. place(lines.react),
      ("awaited at %s in function <%s>"):format(place(lines.react), place(lines.react - 2)),
    }, steps(err))
  end))

  it("is known of tables that a script raises, which are not touched", world.inside(function()
    local raised = { code = 7 }
    local err = failure(function() react(function() error(raised) end) end)
    assert.equal(raised, err)
    assert.same({ code = 7 }, err)
    assert.equal(2, #errors.trail(err))
    assert.matches("a table { code = 7 }\nstack traceback:.*\nin the react block at .*\nawaited at ", errors.describe(err))
  end))

  it("is not that of what unwinds, a cancellation or a stop", world.inside(function()
    local own
    local job = cro.start(function()
      own = failure(function() cro.await(Promise.new()) end)
      failure(function() react(function() whenever(Promise.new(), print) end) end)
    end)
    sleep(1)
    job:cancel()
    sleep(1)
    assert.same({}, errors.trail(own))
    assert.same({}, errors.trail(errors.STOP))
  end))

  it("is noted of a cancellation that is somebody else's", world.inside(function()
    local job = cro.start(sleep, 100)
    sleep(1)
    job:cancel()
    local line = here() + 1
    local err = failure(function() job:await() end)
    assert.matches("awaited at " .. place(line), errors.trail(err)[1], 1, true)
  end))

  it("ends in each() and in a channel where it is raised", world.inside(function()
    local err = failure(function()
      for _ in Promise.broken("no"):supply():each() do
      end
    end)
    assert.equal(1, #errors.trail(err))
    assert.matches("awaited at spec/traceback_spec", steps(err)[1], 1, true)
  end))
end)

describe("a traceback", function()
  local OWN = "\t/usr/share/lua/5.1/cro/promise.lua:12: in function 'x'"
  local LONG = "\t...at/is/so/long/that/its/beginning/is/left/out/cro/promise.lua:12: in function 'x'"

  for name, case in pairs {
    ["the frames of the library"] = { "\ta.lua:1: in function 'f'", OWN, "\t/src/lua/cro/a/b.lua:1: in function 'y'" },
    ["what the library calls of C"] = { "\ta.lua:1: in function 'f'", "\t[C]: in function 'xpcall'", OWN },
    ["paths cut short"] = { "\ta.lua:1: in function 'f'", LONG },
  } do
    it("leaves out " .. name, function()
      local text = "stack traceback:\n" .. table.concat(case, "\n")
      assert.equal("stack traceback:\n\ta.lua:1: in function 'f'", traceback.trim(text))
    end)
  end

  it("keeps what the script calls of C, and its own files of similar names", function()
    local text = "stack traceback:\n\t[C]: in function 'error'\n\tmacro/a.lua:1: in function 'f'\n"
      .. "\t[C]: in function 'pcall'\n\t...any/where/else/cro/nothing_of_ours.lua:3: in main chunk"
    assert.equal(text, traceback.trim(text))
  end)

  it("stays whole when nothing else is in it", function()
    assert.equal("stack traceback:\n" .. OWN, traceback.trim("stack traceback:\n" .. OWN))
    assert.equal("", traceback.trim "")
  end)

  it("knows no script on a stack of its own", function()
    local thread = coroutine.create(traceback.stack)
    assert.is_nil(select(2, coroutine.resume(thread)))
    thread = coroutine.create(traceback.place)
    assert.equal("?", select(2, coroutine.resume(thread)))
  end)

  it("tells where a function is defined", function()
    assert.equal(place(here()), traceback.defined(function() end))
  end)
end)
