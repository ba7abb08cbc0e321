--- Random compositions of an HTTP service, each served over TCP or TLS, with either version;
--- what asks it; and what must hold whatever was composed.
local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local property = require "spec.support.property"
local r = require "cro.http.router"
local trace = require "cro.pipeline.trace"

local compositions = {}

local BODY = "@README.md"

--- Transforms that pass on what comes, at once or later, one for each type.
local PASSES = {}
for kind, type_ in pairs { bytes = cro.tcp.Message, requests = http.Request, responses = http.Response } do
  PASSES[kind] = {
    same = cro.map(type_, type_, function(message) return message end),
    late = cro.map(type_, type_, function(message)
      cro.sleep(0)
      return message
    end),
    block = cro.transform {
      name = "Block " .. kind, consumes = type_, produces = type_,
      transformer = function(_, messages)
        return cro.supply(function() cro.whenever(messages, cro.emit) end)
      end,
    },
  }
end

local LATE = 0.03

--- Each way to answer; `arrived` is told of every request.
local APPLICATIONS = {}

function APPLICATIONS.routes(arrived)
  return r.route {
    r.get("/now/{n}", function(c, n) arrived(n); c:text "now" end),
    r.get("/late/{n}", function(c, n) arrived(n); cro.sleep(LATE); c:text "late" end),
    r.get("/hang", function() cro.sleep(0.3) end),
    r.post("/echo/{n}", function(c, n) arrived(n); c:text(cro.await(c:body_text())) end),
    r.post("/unread/{n}", function(c, n) arrived(n); c:text "unread" end),
    r.get("/stream/{n}", function(c, n)
      arrived(n)
      c:stream("text/plain", cro.Supply.interval(0.002):head(3):map(tostring))
    end),
  }
end

local function answer_to(request)
  if request.path:find "^/echo" then return cro.await(request:body_text()) end
  return "said"
end

local function answer(request, text)
  return http.Response { request = request, status = 200, content_type = "text/plain", body = text }
end

--- Answers when the answer is there, in whatever order.
function APPLICATIONS.block(arrived)
  return cro.transform {
    name = "App", consumes = http.Request, produces = http.Response,
    transformer = function(_, requests)
      return cro.supply(function()
        cro.whenever(requests, function(request)
          local what, n = request.path:match "^/(%a+)/?(%d*)"
          if n ~= "" then arrived(n) end
          local seconds = what == "late" and LATE or what == "hang" and 0.3 or 0
          cro.whenever(cro.Promise.after(seconds), function() cro.emit(answer(request, answer_to(request))) end)
        end)
      end)
    end,
  }
end

--- One after the other; a request that is given up must not hold those behind it.
function APPLICATIONS.map(arrived)
  return cro.map(http.Request, http.Response, function(request)
    local what, n = request.path:match "^/(%a+)/?(%d*)"
    if n ~= "" then arrived(n) end
    if what == "late" then cro.sleep(LATE) end
    return answer(request, what == "hang" and "no" or answer_to(request))
  end)
end

local function some(kind, names)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = PASSES[kind][name]
  end
  return list
end

local function listener(given)
  if given.tls == "" then return cro.tcp.listener { host = "127.0.0.1" } end
  return cro.tls.listener(certificates.options { host = "127.0.0.1", alpn = { "h2", "http/1.1" } })
end

local function version(given)
  if given.tls ~= "" then return nil end
  return ({ ["--http1.1"] = "1.1", ["--http2-prior-knowledge"] = "2", ["--http2"] = { "1.1", "2" } })[given.option]
end

--- The service that a choice describes.
function compositions.service(given, arrived)
  local groups = {
    some("bytes", given.before), { http.request_parser { http = version(given) } },
    some("requests", given.requests), { APPLICATIONS[given.application](arrived) },
    some("responses", given.responses), { http.response_serializer() }, some("bytes", given.after),
  }
  local parts = { listener(given), trace = given.trace, label = "composed" }
  for _, group in ipairs(groups) do
    if given.nested and #group > 1 then group = { cro.compose(group) } end
    for _, part in ipairs(group) do
      parts[#parts + 1] = part
    end
  end
  return cro.compose(parts)
end

local WRITE = "%{url_effective} %{http_code} %{exitcode}\n"

--- What curl is asked to do for the requests from `first` to `last`.
local function words_for(given, url, first, last)
  local words = { "curl" }
  if given.parallel then words[2] = "-Z" end
  for i = first, last do
    local ask = given.asks[i]
    for _, word in ipairs { "-sS", "-k", "--max-time", "5", given.option, "-w", WRITE, "-o", "/dev/null" } do
      words[#words + 1] = word
    end
    if ask == "echo" or ask == "unread" then words[#words + 1], words[#words + 2] = "--data-binary", BODY end
    words[#words + 1] = ("%s/%s/%d"):format(url, ask, i)
    if i < last then words[#words + 1] = "--next" end
  end
  return words
end

--- What came of each request, by its number. This curl can use a connection only once when
--- it has known HTTP/2 before.
local function asked(given, url)
  local answers, count = {}, #given.asks
  local each = given.option == "--http2-prior-knowledge" and 1 or math.max(count, 1)
  for first = 1, count, each do
    local ran = clients.run(unpack(words_for(given, url, first, first + each - 1)))
    answers.said = ("%s%s (%d)"):format(ran.stdout, ran.stderr, ran.code)
    for n, status, code in ran.stdout:gmatch "/(%d+) (%d+) (%d+)\n" do
      answers[n] = { status = tonumber(status), code = tonumber(code) }
    end
  end
  return answers
end

--- Nothing of it is left, soon.
local function left_behind(before)
  local names = { "tcp", "listeners", "timers", "pending_writes", "lingers" }
  local wrong
  for _ = 1, 300 do
    local now = cro.stats()
    wrong = nil
    for _, name in ipairs(names) do
      if now[name] > before[name] then wrong = ("%s: %d, were %d"):format(name, now[name], before[name]) end
    end
    if not wrong then return nil end
    cro.sleep(0.01)
  end
  return wrong
end

local function check_answers(given, seen, answers)
  for i, ask in ipairs(given.asks) do
    local n = tostring(i)
    local got = answers[n] or { status = 0, code = -1 }
    if given.stop == "after" then
      assert(got.status == 200, ("%s %d came to %d: %s"):format(ask, i, got.status, answers.said))
    elseif seen[n] and given.stop == "between" then
      assert(got.status == 200, ("%s %d had arrived, and came to %d: %s"):format(ask, i, got.status, answers.said))
    end
  end
end

--- Serves, asks and stops as the choice says; raises when something does not hold.
---@async
function compositions.run(given)
  local before, seen, first = cro.stats(), {}, cro.Promise.new()
  local service = compositions.service(given, function(n)
    seen[n] = true
    if first:status() == "planned" then first:keep() end
  end)
  service:start()
  local url = ("%s://localhost:%d"):format(given.tls == "" and "http" or "https", select(2, service:address()))
  local given_up = given.abort and cro.start(function()
    return clients.run("curl", "-sk", "--max-time", "0.05", given.option, url .. "/hang").code
  end)
  local asking = cro.start(function() return asked(given, url) end)
  if given.stop == "after" or #given.asks == 0 then
    cro.await(asking)
    if given_up then cro.await(given_up) end
  else
    cro.await(cro.Promise.any_of { first, asking })
  end
  local began = cro.now()
  local clean = cro.await(service:stop { now = given.stop == "now" })
  assert(cro.now() - began < 3, "the stop took " .. cro.now() - began)
  assert(clean or given.stop == "now", "something was cut off")
  check_answers(given, seen, cro.await(asking))
  if given_up then cro.await(given_up) end
  local left = left_behind(before)
  assert(not left, left)
end

local passes = property.list(property.one_of { "same", "late", "block" }, 2)

--- Choices.
compositions.generator = property.record {
  tls = property.one_of { "", "tls" },
  option = property.one_of { "--http1.1", "--http2", "--http2-prior-knowledge" },
  before = passes, requests = passes, responses = passes, after = passes,
  application = property.one_of { "routes", "block", "map" },
  nested = property.one_of { false, true },
  trace = property.one_of { false, false, true },
  parallel = property.one_of { false, true },
  abort = property.one_of { false, true },
  asks = property.list(property.one_of { "now", "late", "echo", "unread", "stream" }, 4),
  stop = property.one_of { "after", "between", "now" },
}

--- Traces of what is composed go nowhere.
---@return fun() restore
function compositions.quiet()
  local write = trace.write
  trace.write = function() end
  return function() trace.write = write end
end

return compositions
