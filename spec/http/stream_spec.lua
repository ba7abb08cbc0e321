local fake = require("spec.support.fake_http").install()
local world = require "spec.support.world"
local cro = require "cro"
local r = require "cro.http.router"
local stream = require "cro.http.stream"
require "cro.http"

describe("cro.http.stream", function()
  local function answer_of(handler, given)
    given = given or {}
    local routes = r.route { r.get("/", handler), given.after }
    local answer
    world.run(function() answer = fake.send(routes:application(), given.method or "GET", "/", given) end)
    return answer
  end

  local three = cro.Supply.from_list { "a", "", "b", "c" }

  it("sends what a supply emits, chunk by chunk, without the empty ones", function()
    local answer = answer_of(function(c) c:stream("text/csv", three) end)
    assert.same({ 200, "text/csv" }, { answer.status, answer.content_type })
    assert.same({ "a", "b", "c" }, answer.chunks)
    assert.is_true(answer.finished)
  end)

  it("keeps a status that was set", function()
    local answer = answer_of(function(c)
      c:status(202)
      c:stream("text/csv", three)
    end)
    assert.equal(202, answer.status)
  end)

  it("is what a supply as content becomes", function()
    local answer = answer_of(function(c) c:content("text/csv", three) end)
    assert.same({ "a", "b", "c" }, answer.chunks)
  end)

  it("begins after the middleware that sees the response", function()
    local before_body
    local answer = answer_of(function(c) c:stream("text/csv", three) end, {
      after = r.after(function(c)
        before_body = #fake.core.response(c.request):body_text()
        c:set_header("X-After", "yes")
      end),
    })
    assert.same({ 0, "yes", "abc" }, { before_body, answer.header "X-After", answer.body })
  end)

  it("taps nothing for a HEAD request", function()
    local tapped = false
    local supply = cro.supply(function() tapped = true end)
    local answer = answer_of(function(c) c:stream("text/csv", supply) end, { method = "HEAD" })
    assert.same({ false, true, "" }, { tapped, answer.finished, answer.body })
  end)

  it("holds the supply back while the peer does not read", function()
    local exchange, made = nil, {}
    local supply = cro.supply(function()
      for i = 1, 3 do
        made[#made + 1] = i
        cro.emit(tostring(i))
      end
    end)
    local seen
    local answer = answer_of(function(c) c:stream("text/csv", supply) end, {
      prepare = function(x)
        exchange, x.is_slow = x, true
        cro.start(function()
          cro.sleep(1)
          seen = #made
          exchange.is_slow = false
          exchange.answer.waits()
        end)
      end,
    })
    assert.equal(1, seen)
    assert.same({ "1", "2", "3" }, answer.chunks)
  end)

  it("ends in an error when the supply does, or when a chunk is no string", function()
    local answer = answer_of(function(c) c:stream("text/csv", cro.supply(function() error "broke" end)) end)
    assert.truthy(tostring(answer.broken):find "broke")
    assert.is_nil(answer.finished)
    answer = answer_of(function(c) c:stream("text/csv", cro.Supply.from_list { {} }) end)
    assert.truthy(tostring(answer.broken):find("a chunk of a body must be a string, got a table", 1, true))
  end)

  it("refuses what is no supply, at the call", function()
    fake.reports = {}
    assert.equal(500, answer_of(function(c) c:stream("text/csv", "text") end).status)
    assert.truthy(tostring(fake.reports[1]):find("c:stream: expected a supply", 1, true))
  end)

  describe("event", function()
    local rows = {
      { "hello", "data: hello\n\n" },
      { "two\nlines", "data: two\ndata: lines\n\n" },
      { "cr\r\nlf\rx", "data: cr\ndata: lf\ndata: x\n\n" },
      { { data = "x", event = "tick", id = 7, retry = 1.5 }, "event: tick\nid: 7\nretry: 1500\ndata: x\n\n" },
      { { data = { a = 1 } }, 'data: {"a":1}\n\n' },
      { { event = "end" }, "event: end\n\n" },
    }
    for _, row in ipairs(rows) do
      it(("is %q"):format(row[2]), function() assert.equal(row[2], stream.event(row[1])) end)
    end

    it("cannot smuggle a field in", function()
      assert.error_matches(function() stream.event { event = "a\ndata: evil" } end, 'the field "event" of an event')
      assert.error_matches(function() stream.event { id = "a\0b" } end, 'the field "id" of an event')
      assert.error_matches(function() stream.event { evnt = "a" } end, 'did you mean "event"?')
    end)
  end)

  describe("sse", function()
    it("sends events as they come, and comments while none do", function()
      local supply = cro.supply(function()
        cro.emit "one"
        cro.sleep(40)
        cro.emit { data = "two" }
      end)
      local answer = answer_of(function(c) c:sse(supply) end)
      assert.equal("data: one\n\n:\n\n:\n\ndata: two\n\n", answer.body)
      assert.same({ "text/event-stream", "no-cache" }, { answer.content_type, answer.header "Cache-Control" })
      assert.is_true(answer.finished)
    end)

    it("leaves no timer behind", function()
      answer_of(function(c) c:sse(cro.Supply.from_list { "x" }) end)
      assert.equal(0, world.timers())
    end)

    it("takes another interval, and keeps a Cache-Control", function()
      local supply = cro.supply(function() cro.sleep(2.5) end)
      local answer = answer_of(function(c)
        c:cache_control { no_store = true }
        c:sse(supply, { heartbeat = 1 })
      end)
      assert.equal(":\n\n:\n\n", answer.body)
      assert.equal("no-store", answer.header "Cache-Control")
    end)
  end)
end)
