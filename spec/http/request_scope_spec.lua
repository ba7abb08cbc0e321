--- What a handler opens and starts ends with its request, when that ends badly.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local children = require "spec.support.children"
local await, Promise = cro.await, cro.Promise

describe("what the handler of a request opens #loop", function()
  local service, port, target, target_tap, log, began

  local function open_all(c, what)
    local connection = await(cro.tcp.connect(target.host, target.port))
    cro.Supply.interval(50):on_close(function() log[#log + 1] = "tap" end):tap()
    cro.start(function()
      cro.defer(function() log[#log + 1] = "job" end)
      cro.sleep(100)
    end)
    Promise.after(100):and_then(error)
    cro.defer(function() log[#log + 1] = connection:fd() and "open" or "closed" end)
    cro.sleep(0)
    began:keep(connection)
    if what == "fails" then error "no" end
    if what == "waits" then cro.sleep(100) end
    c:text "fine"
  end

  before_each(function()
    log, began = {}, Promise.new()
    local listener = cro.tcp.listen("127.0.0.1", 0)
    target_tap = listener:tap(function(connection) connection:supply():tap { quit = function() end } end)
    target = await(listener:address())
    service = http.server { host = "127.0.0.1", port = 0,
      application = r.route { r.get("/{what}", open_all) } }
    service:start()
    port = select(2, service:address())
    cro.on_error(function() end)
  end)

  after_each(function()
    cro.on_error(nil)
    target_tap:close()
    await(service:stop { now = true })
  end)

  local function ask(path)
    local client = await(cro.tcp.connect("127.0.0.1", port))
    await(client:write(("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path)))
    return client
  end

  for path, how in pairs { waits = "its client has gone", fails = "it raises" } do
    it("is closed and cancelled when " .. how, function()
      local timers = cro.stats().timers
      local client = ask(path)
      local connection = await(began)
      if path == "waits" then client:abort() end
      assert.is_true(await(connection:closed()))
      table.sort(log)
      assert.same({ "job", "open", "tap" }, log)
      client:abort()
      children.eventually(function() return cro.stats().timers <= timers + 2 end) -- none is left
    end)
  end

  it("goes on when it answers", function()
    local client = ask "answers"
    local connection = await(began)
    cro.sleep(0.02)
    assert.same({ "open" }, log)
    assert.is_truthy(connection:fd())
    connection:close()
    client:close()
  end)
end)
