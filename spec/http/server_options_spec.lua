local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("http.server options", function()
  local app = r.route { r.get("/", function(c) c:text "hi" end) }

  local function complains(given, ...)
    local ok, err = pcall(http.server, given)
    assert.is_false(ok, "no error was raised")
    for _, text in ipairs { ... } do
      assert.truthy(tostring(err):find(text, 1, true), tostring(err))
    end
    local names_line = tostring(err):find("server_options_spec.lua:", 1, true)
    assert.truthy(names_line, "it names the script's line: " .. tostring(err))
  end

  it("refuse unknown keys by name, with the nearest", function()
    complains({ prot = 1, application = app }, 'http.server: unknown option "prot"; did you mean "port"?')
    complains({ port = 1, application = app, limits = { header_byte = 1 } },
      'http.server: limits: unknown option "header_byte"; did you mean "header_bytes"?')
    complains({ port = 1, application = app, timeouts = { hedaer = 1 } }, 'did you mean "header"?')
  end)

  it("refuse wrong types and values, saying what was expected", function()
    complains({ application = app }, 'option "port" is required')
    complains({ port = 1 }, 'option "application" is required')
    complains({ port = 70000, application = app }, "expected a port from 0 to 65535, got the number 70000")
    complains({ port = "80", application = app }, 'option "port": expected integer, got the string "80"')
    complains({ port = 1, application = {} }, "expected r.route { ... } or a transform, got a table")
    complains({ port = 1, application = function() end }, "expected r.route { ... } or a transform, got a function")
    complains({ port = 1 }, 'option "application" is required (r.route { ... } or a transform)')
    complains({ port = 1, application = app, limits = { body_bytes = "1 MB" } }, 'like 65536 or "64K"')
    complains({ port = 1, application = app, limits = { json_depth = 5000 } }, "json_depth", "1 to 1000")
    complains({ port = 1, application = app, timeouts = { header = -1 } }, "seconds, 0 for never")
    complains({ port = 1, application = app, before = { 5 } }, "http.server: before: expected a function")
    complains({ port = 1, application = app, allowed_methods = { "GTE" } }, 'no such method "GTE"; did you mean "GET"?')
    complains({ port = 1, application = app, before_parse = { app } }, "here a transform must consume TCP Message")
  end)

  it("ask for numbers where something is counted, and for bytes where it is measured", function()
    local function limits(given, ...) complains({ port = 1, application = app, limits = given }, ...) end
    local function h2(given, ...) complains({ port = 1, application = app, h2 = given }, ...) end
    h2({ glitch_burst = -1 }, 'h2: option "glitch_burst": expected a count, 1 or more', "got the number -1")
    h2({ reset_rate = -5 }, 'option "reset_rate": expected a count, 0 or more')
    h2({ reset_burst = "64K" }, 'option "reset_burst": expected integer, got the string "64K"')
    limits({ cookies = -1 }, 'limits: option "cookies": expected a count, 0 or more')
    limits({ header_count = 1.5 }, 'option "header_count": expected integer')
    limits({ header_bytes = -1 }, 'expected bytes, like 65536 or "64K"')
  end)

  it("refuse limits by which nothing could be served", function()
    for _, name in ipairs { "header_bytes", "header_count", "uri_bytes", "method_bytes", "requests_per_connection" } do
      complains({ port = 1, application = app, limits = { [name] = 0 } }, ("limits: option %q: expected"):format(name),
        "could be served")
    end
    for _, name in ipairs { "held_headers", "glitch_burst", "queued_acks", "max_streams" } do
      complains({ port = 1, application = app, h2 = { [name] = 0 } }, ("h2: option %q: expected"):format(name))
    end
    complains({ port = 1, application = app, h2 = { held_headers = "0K" } }, 'got the string "0K"')
    http.server { port = 1, application = app,
      limits = { body_bytes = 0, cookies = 0, query_params = 0, chunk_overhead = 0, connections = 0, body_min_rate = 0 },
      h2 = { reset_burst = 0, reset_rate = 0, glitch_rate = 0 } }
  end)

  it("refuse an application of other types", function()
    complains({ port = 1, application = http.log.file { logs = io.stdout } },
      "http.log.file consumes http.Response and produces http.Response")
  end)

  --- A server box that notes what it is told.
  local function stand_in(start_error)
    local made = {}
    fake.core.server = function(options)
      made.options = options
      local box = {}
      function box.start(_, fn) cro.start(function() fn(start_error) end) end
      function box.address() return "127.0.0.1", 4242 end
      function box.stats() return { connections = 3 } end
      function box.stop(_, now, fn)
        made.stops = (made.stops or "") .. (now and "now " or "drain ")
        if fn then made.stopped = fn end
      end
      return box
    end
    return made
  end

  it("reach the core with sizes in bytes and times in seconds", function()
    local made = stand_in()
    world.run(function()
      http.server { port = 0, application = app, limits = { body_bytes = "2M" }, timeouts = { header = 0.5 } }:start()
    end)
    assert.same({ 2097152, 0.5 }, { made.options.limits.body_bytes, made.options.timeouts.header })
    assert.is_function(made.options.application.handlers[1])
  end)

  it("start waits until it is bound", function()
    stand_in()
    world.run(function()
      local service = http.server { port = 0, application = app }
      assert.is_nil(service:address())
      assert.equal(service, service:start())
      assert.same({ "127.0.0.1", 4242 }, { service:address() })
      assert.equal(3, service:stats().connections)
      assert.error_matches(function() service:start() end, "already started")
    end)
  end)

  it("start raises at the caller's line, naming the address and the cure", function()
    stand_in {
      kind = "address_in_use", code = -14, op = "listen", address = "127.0.0.1:8080",
      message = "listen 127.0.0.1:8080: address already in use",
    }
    world.run(function()
      local service = http.server { host = "127.0.0.1", port = 8080, application = app }
      local line = debug.getinfo(1, "l").currentline + 1
      local ok, err = pcall(function() service:start() end)
      assert.is_false(ok)
      assert.equal(("spec/http/server_options_spec.lua:%d: address already in use: 127.0.0.1:8080; "
        .. "choose another port or stop the process that holds it"):format(line), tostring(err))
      assert.equal("address_in_use", err.kind)
      stand_in()
      service:start()
    end)
  end)

  it("stop gives the promise of the drain, which now or the timeout cut short", function()
    local made = stand_in()
    world.run(function()
      local service = http.server { port = 0, application = app }
      assert.error_matches(function() service:stop() end, "a missing :start()?", 1, true)
      service:start()
      local ended = service:ended()
      local promise = service:stop()
      assert.same({ "planned", promise }, { promise:status(), service:stop() })
      made.stopped()
      assert.is_true(cro.await(promise))
      assert.equal("kept", ended:status())
      service:start()
      promise = service:stop { timeout = 2 }
      cro.sleep(3)
      assert.equal("drain drain now ", made.stops)
      made.stopped()
      assert.is_false(cro.await(promise))
      service:start()
      promise = service:stop { now = true }
      made.stopped()
      assert.is_false(cro.await(promise))
    end)
    assert.equal(0, world.timers())
  end)

  local function answer_of(options, method, target, given)
    local made = stand_in()
    options.port, options.application = 0, options.application or app
    local answer
    world.run(function()
      http.server(options):start()
      answer = fake.send(made.options.application, method, target, given)
    end)
    return answer
  end

  it("before and after run for every request, functions and transforms alike", function()
    local lines = {}
    local answer = answer_of({
      before = { function(c) c:set_header("X-Before", "1") end },
      after = { function(c) c:set_header("X-After", tostring(c.response.status)) end,
        http.log.file { logs = { write = function(_, ...) lines[#lines + 1] = table.concat { ... } end,
          flush = function() end } } },
    }, "GET", "/none")
    assert.same({ 404, "1", "404" }, { answer.status, answer.header "X-Before", answer.header "X-After" })
    assert.same({ "[ERROR] 404 /none - 127.0.0.1 - 0.500 ms\n" }, lines)
  end)

  it("allowed_methods refuses the others", function()
    assert.equal(501, answer_of({ allowed_methods = { "GET" } }, "POST", "/").status)
    assert.equal(200, answer_of({ allowed_methods = { "GET" } }, "GET", "/").status)
  end)

  it("body parsers are added before the default ones, or replace them", function()
    local echo = r.route { r.post("/", function(c) c:text(type(cro.await(c:body()))) end) }
    local upper = {
      is_applicable = function(request) return request:header "content-type" == "x/y" end,
      parse = string.upper,
    }
    local json = { headers = { ["content-type"] = "application/json" }, body = "{}" }
    assert.equal("table", answer_of({ application = echo, add_body_parsers = { upper } }, "POST", "/", json).body)
    assert.equal(400, answer_of({ application = echo, body_parsers = { upper } }, "POST", "/", json).status)
    local only_blob = { application = echo, body_parsers = { http.parsers.blob } }
    assert.equal("string", answer_of(only_blob, "POST", "/", json).body)
  end)
end)
