local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

describe("c:push #loop", function()
  local service, url, said, promised, none, again

  local function start(application, options)
    options = options or {}
    options.host, options.port, options.application = "127.0.0.1", 0, application
    options.http = options.http or "2"
    service = http.server(options)
    service:start()
    url = ("http://127.0.0.1:%d"):format(select(2, service:address()))
  end

  before_each(function() said, promised, none, again = {}, nil, nil, nil end)
  after_each(function() cro.await(service:stop { now = true }) end)

  --- Frames as nghttp shows them, and the bodies it has got, by path.
  local function nghttp(path, option)
    return clients.run("nghttp", option or "-v", "-v", url .. path).stdout
  end

  local function page()
    return r.route {
      r.before(function(c) c:set_header("X-Before", tostring(c.request.pushed)) end),
      r.after(function(c) said[#said + 1] = c.path .. " " .. tostring(c.response.status) end),
      r.get("/", function(c)
        promised = c:push("/style.css?v=1", { Accept = "text/css", ["X-List"] = { "a", "b" } })
        c:html "page"
      end),
      r.get("/style.css", { query = { v = "int" } }, function(c)
        local q = c.request
        c:content("text/css", ("%s %s %s %d"):format(q.method, q:header "accept", q:header "x-list", c.query.v))
      end),
      r.get("/more", function(c)
        none = c:push "/none"
        c:push("/slow", { headers = { accept = "x" } })
        c:text "more"
      end),
      r.get("/slow", function(c)
        cro.sleep(0.05)
        c:text "slow"
      end),
    }
  end

  it("sends what is promised through routes and middleware, before it is asked for", function()
    start(page())
    local out = nghttp "/"
    assert.is_true(promised)
    assert.same({ "/ 200", "/style.css 200" }, said)
    assert.matches(":path: /style.css%?v=1", out)
    assert.matches("accept: text/css", out)
    assert.matches("x%-before: true", out)
    assert.matches("GET text/css a, b 1", out)
    local promise, answer = out:find("recv PUSH_PROMISE", 1, true), out:find("x-before: false", 1, true)
    assert.is_true(promise < answer)
  end)

  it("promises what is answered late, and what is not there", function()
    start(page())
    local out = nghttp "/more"
    assert.is_true(none)
    table.sort(said)
    assert.same({ "/more 200", "/none 404", "/slow 200" }, said)
    assert.matches("slow", out)
    assert.equal(0, service:stats().running)
  end)

  it("answers false to a client that takes no promises", function()
    start(page())
    local out = nghttp("/", "--no-push")
    assert.is_false(promised)
    assert.same({ "/ 200" }, said)
    assert.is_nil(out:find("PUSH_PROMISE", 1, true))
  end)

  it("does nothing over HTTP/1.1", function()
    start(page(), { http = "1.1" })
    assert.equal("page", (clients.curl(url)))
    assert.is_false(promised)
    assert.same({ "/ 200" }, said)
  end)

  it("promises nothing for what was promised itself", function()
    start(r.route {
      r.get("/", function(c)
        c:push "/a"
        c:text "page"
      end),
      r.get("/a", function(c)
        again = c:push "/b"
        c:text "a"
      end),
    })
    nghttp "/"
    assert.is_false(again)
  end)

  it("refuses what is no request, at the line of the script", function()
    local errors = {}
    start(r.route {
      r.get("/", function(c)
        for _, given in ipairs {
          { "style.css" }, { "/x y" }, { "/a", { ["bad name"] = "x" } }, { "/a", { A = "x\r\ny" } },
          { "/a", { ["Content-Length"] = "3" } }, { "/a", "text/css" }, { 5 },
        } do
          errors[#errors + 1] = tostring(select(2, pcall(c.push, c, given[1], given[2])))
        end
        c:text "went on"
      end),
    })
    local out = nghttp "/"
    assert.matches("went on", out)
    assert.is_nil(out:find("PUSH_PROMISE", 1, true))
    local wanted = {
      'the path "style.css" does not begin with a slash', 'the path "/x y" has a blank', "malformed header 'bad name'",
      "malformed header 'A'",
      "the header 'Content-Length' is written by the server itself", "argument 2: expected table", "argument 1: expected string",
    }
    for i, text in ipairs(wanted) do
      assert.truthy(errors[i]:find(text, 1, true), errors[i])
    end
  end)

  it("names mistakes whatever the client speaks", function()
    local errors = {}
    local function tries(c)
      for _, given in ipairs {
        { "/x", { Host = "evil" } }, { "/x", { ["Transfer-Encoding"] = "chunked" } }, { "/\195\182" },
        { "/" .. ("a"):rep(9000) }, { "/x", { { "A B", "1" } } },
      } do
        errors[#errors + 1] = tostring(select(2, pcall(function()
          return (c:push(given[1], given[2]))
        end)))
      end
      c:text "went on"
    end
    start(r.route { r.get("/", tries) }, { http = { "1.1", "2" } })
    for _, version in ipairs { "--http1.1", "--http2-prior-knowledge" } do
      errors = {}
      assert.equal("went on", (clients.curl(version, url)))
      for i, text in ipairs {
        "c:push: the header 'Host' is written by the server itself", "c:push: the header 'Transfer-Encoding'",
        'c:push: the path "/\195\182" has a blank, a control byte', "c:push: the path has 9001 bytes",
        "c:push: malformed header 'A B'",
      } do
        assert.truthy(errors[i]:find(text, 1, true), errors[i])
      end
    end
  end)

  it("is part of pipelines composed by hand", function()
    local App = cro.transform {
      name = "App", consumes = http.Request, produces = http.Response,
      transformer = function(_, requests)
        return requests:map(function(request)
          if request.path == "/" then promised = request:push "/pushed" end
          return http.Response {
            request = request, status = 200, content_type = "text/plain",
            body = request.path .. " " .. tostring(request.pushed),
          }
        end)
      end,
    }
    start(App)
    local out = nghttp "/"
    assert.is_true(promised)
    assert.matches("/ false", out)
    assert.matches("/pushed true", out)
  end)
end)
