--- Whatever the script's code raises, and wherever: the process lives and serves on.
local program = require "spec.support.program"

describe("a crolua whose script goes wrong #loop", function()
  local folder

  setup(function() folder = program.folder() end)
  teardown(function() program.remove(folder) end)

  local HEAD = ([[
    package.path = %q .. package.path
    local cro, http, r = require "cro", require "cro.http", require "cro.http.router"
    local wire = require "spec.support.wire"
    local evil = setmetatable({}, { __tostring = function() error "no text" end })
    local routes = { r.get("/", function(c) c:text "fine" end) }
    local function serve(limits)
      if limits then cro.limits(limits) end
      local service = http.server { host = "127.0.0.1", port = 0, application = r.route(routes) }
      service:start()
      return function(path) return wire.ask(service, "GET", path).status end
    end
  ]]):format(os.getenv "PWD" .. "/?.lua;")

  local function run(text)
    program.write(folder .. "/app.lua", HEAD .. text)
    local got = program.shell(folder, program.quote(program.crolua()) .. " app.lua")
    assert.equal(0, got.status, got.err)
    return got
  end

  it("answers 500 for whatever value a handler raises, and serves on", function()
    local got = run [[
      local shy = newproxy(true)
      getmetatable(shy).__tostring = function() error "no text" end
      local function deep(n) return 1 + deep(n + 1) end
      local values = {
        "text", 42, false, {}, print, coroutine.create(print), io.stdout, shy, evil,
        setmetatable({}, { __tostring = function() return {} end }),
        setmetatable({}, { __index = function() error "no field" end }),
        setmetatable({}, { __metatable = "hidden" }),
        { status = "x", kind = {} }, { status = 0 / 0 },
      }
      for i = 1, #values do
        routes[#routes + 1] = r.get("/" .. i, function() error(values[i]) end)
      end
      routes[#routes + 1] = r.get("/nil", function() error(nil) end)
      routes[#routes + 1] = r.get("/deep", function() deep(1) end)
      local ask = serve()
      for i = 1, #values do assert(ask("/" .. i) == 500, i) end
      assert(ask "/nil" == 500 and ask "/deep" == 500)
      print(#values, ask "/")
      os.exit(0)
    ]]
    assert.equal("14\t200\n", got.out)
    local _, reports = got.err:gsub("error in the handler of GET", "")
    assert.equal(16, reports, got.err)
  end)

  it("keeps the status of an error that inherits it", function()
    local got = run [[
      local Gone = { __index = { status = 410 } }
      routes[#routes + 1] = r.get("/gone", function() error(setmetatable({}, Gone)) end)
      print(serve() "/gone")
      os.exit(0)
    ]]
    assert.equal("410\n", got.out)
    assert.equal("", got.err)
  end)

  it("lets an error without a text neither out of a tap nor out of the collector", function()
    local got = run [[
      local source, seen = cro.Supplier.new(), 0
      source:supply():tap(function() error(evil) end)
      source:supply():tap(function() seen = seen + 1 end)
      source:emit(1)
      for _ = 1, 50 do cro.Promise.broken(evil) end
      for _ = 1, 20 do
        local waste = {}
        for i = 1, 2000 do waste[i] = { tostring(i) } end
        cro.sleep(0)
      end
      collectgarbage()
      print(seen)
      os.exit(0)
    ]]
    assert.equal("1\n", got.out)
    assert.matches("error in a tap: (a table whose __tostring fails)", got.err, 1, true)
    assert.matches("49 more like this: a broken promise that nobody observed", got.err, 1, true)
  end)

  it("hears of an error whose cause is itself", function()
    local got = run [[
      local source, err = cro.Supplier.new(), nil
      local ok = pcall(function() cro.await(cro.Promise.broken "round") end)
      _, err = cro.pawait(cro.Promise.broken "round")
      err.cause = err
      source:supply():tap(function() error(err) end)
      source:emit(1)
      print(ok)
      os.exit(0)
    ]]
    assert.equal("false\n", got.out)
    assert.matches("error in a tap: round", got.err, 1, true)
  end)

  it("answers 503 to each handler that fills the heap, and the next request", function()
    local got = run [[
      routes[#routes + 1] = r.get("/fill", function()
        local all = {}
        for i = 1, 1e9 do all[i] = { i } end
      end)
      routes[#routes + 1] = r.get("/late", function()
        cro.sleep(0)
        local all = {}
        for i = 1, 1e9 do all[i] = ("x"):rep(1000) .. i end
      end)
      local ask = serve { lua_memory = "24M" }
      for _ = 1, 3 do print(ask "/fill", ask "/", ask "/late", ask "/") end
      os.exit(0)
    ]]
    assert.equal(("503\t200\t503\t200\n"):rep(3), got.out, got.err)
    assert.matches("error in the handler of GET /fill: not enough memory", got.err, 1, true)
  end)

  it("does not take garbage for a full heap when most of it is in use", function()
    local got = run [[
      local kept = {}
      for i = 1, 14 do kept[i] = ("k"):rep(1024 * 1024) .. i end
      routes[#routes + 1] = r.get("/some", function(c)
        local waste = {}
        for i = 1, 20 do waste[i] = ("x"):rep(50000) .. i end
        c:text "fine"
      end)
      local ask, failed = serve { lua_memory = "24M" }, 0
      for _ = 1, 100 do
        if ask "/some" ~= 200 then failed = failed + 1 end
      end
      print(failed, #kept)
      os.exit(0)
    ]]
    assert.equal("0\t14\n", got.out, got.err)
  end)

  it("keeps nothing of handlers that raised, at once or after a wait", function()
    local got = run [[
      cro.on_error(function() end)
      routes[#routes + 1] = r.get("/now", function() error "x" end)
      routes[#routes + 1] = r.get("/later", function() cro.sleep(0) error "x" end)
      local ask = serve()
      local function used()
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
      end
      for _ = 1, 20 do ask "/now" ask "/later" end
      local before = used()
      for _ = 1, 300 do ask "/now" ask "/later" end
      local more = used() - before
      print(more < 200 or more)
      os.exit(0)
    ]]
    assert.equal("true\n", got.out, got.err)
  end)

  it("refuses coroutine.yield in a fiber, and leaves coroutines of the script alone", function()
    local got = run [[
      routes[#routes + 1] = r.get("/yield", function() coroutine.yield(1) end)
      local ask = serve()
      print(ask "/yield", ask "/")
      print(select(2, pcall(coroutine.yield, 1)))
      local twice = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
      print(twice(1), twice(4))
      os.exit(0)
    ]]
    assert.matches("^500\t200\n[^\n]*coroutine.yield in a fiber, which nobody would resume[^\n]*\n2\t8\n$", got.out)
    assert.matches("in the handler of GET /yield: [^\n]*app.lua:%d+: coroutine.yield in a fiber", got.err)
  end)
end)
