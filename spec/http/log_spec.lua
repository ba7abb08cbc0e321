local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("cro.http.log", function()
  local function sink()
    local lines = { flushed = 0 }
    function lines:write(...) self[#self + 1] = table.concat { ... } end
    function lines:flush() self.flushed = self.flushed + 1 end
    return lines
  end

  local function request(middleware, target, headers)
    local routes = r.route {
      r.after(middleware),
      r.get("/ok", function(c) c:text "fine" end),
      r.get("/bad", function() error "bad" end),
    }
    world.run(function() fake.send(routes:application(), "GET", target, { headers = headers }) end)
  end

  it("writes one line per answer, those of 400 and above elsewhere", function()
    local logs, failures = sink(), sink()
    local log = http.log.file { logs = logs, errors = failures }
    request(log, "/ok?x=1")
    request(log, "/none")
    request(log, "/bad")
    assert.same({ "[OK] 200 /ok?x=1 - 127.0.0.1 - 0.500 ms\n" }, { logs[1] })
    assert.same({ "[ERROR] 404 /none - 127.0.0.1 - 0.500 ms\n", "[ERROR] 500 /bad - 127.0.0.1 - 0.500 ms\n" }, { failures[1], failures[2] })
  end)

  it("writes both to logs when that is all that was given", function()
    local logs = sink()
    local log = http.log.file { logs = logs }
    request(log, "/ok")
    request(log, "/none")
    assert.equal(2, #logs)
  end)

  it("flushes each line unless told otherwise", function()
    local flushed, kept = sink(), sink()
    request(http.log.file { logs = flushed }, "/ok")
    request(http.log.file { logs = kept, flush = false }, "/ok")
    assert.same({ 1, 0 }, { flushed.flushed, kept.flushed })
  end)

  it("appends to a file by its path", function()
    local path = os.tmpname()
    local file = io.open(path, "w")
    file:write "before\n"
    file:close()
    request(http.log.file { logs = path }, "/ok")
    assert.equal("before\n[OK] 200 /ok - 127.0.0.1 - 0.500 ms\n", io.open(path):read "*a")
    os.remove(path)
  end)

  it("writes common, combined and JSON lines, with the bytes sent", function()
    local logs = sink()
    local headers = { ["user-agent"] = 'x"y\\', referer = "/from" }
    request(http.log.file { logs = logs, format = "common" }, "/ok", headers)
    request(http.log.file { logs = logs, format = "combined" }, "/ok", headers)
    request(http.log.file { logs = logs, format = "json" }, "/ok", headers)
    local common = '127.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET /ok HTTP/1.1" 200 4'
    assert.equal(common .. " 0.000500\n", logs[1])
    assert.equal(common .. ' "/from" "x\\x22y\\x5C" 0.000500\n', logs[2])
    local entry = require("cjson").decode(logs[3])
    assert.same({ 200, 4, "GET", "2023-11-14T22:13:20Z" }, { entry.status, entry.bytes, entry.method, entry.time })
    assert.equal(0.0005, entry.duration)
  end)

  it("takes a function of the entry as format", function()
    local logs = sink()
    request(http.log.file { logs = logs, format = function(entry) return entry.method .. entry.bytes end }, "/ok")
    assert.equal("GET4\n", logs[1])
  end)

  it("is a transform that lets every response pass", function()
    local logs = sink()
    local log = http.log.file { logs = logs }
    assert.same({ http.Response, http.Response }, { log.consumes, log.produces })
    world.run(function()
      local given = http.Response { request = http.Request { target = "/t" }, status = 201 }
      local came = cro.await(log:transformer(cro.Supply.from_list { given }))
      assert.equal(given, came)
    end)
    assert.equal("[OK] 201 /t - 127.0.0.1 - 0.500 ms\n", logs[1])
  end)

  it("refuses a path it cannot write to, and unknown formats and options", function()
    assert.error_matches(function() http.log.file { logs = "/nonexistent/x.log" } end,
      'http.log.file: option "logs": cannot write to /nonexistent/x.log: No such file')
    assert.error_matches(function() http.log.file { logs = 5 } end, "expected a path or an open file, got the number 5")
    assert.error_matches(function() http.log.file { format = "xml" } end, "expected cro, common, combined or json")
    assert.error_matches(function() http.log.file { log = "x" } end, 'unknown option "log"; did you mean "logs"?')
  end)
end)
