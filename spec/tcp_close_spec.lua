local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"
local await, pawait, Promise = cro.await, cro.pawait, cro.Promise

--- Sends, waits long enough for a reset to have come, and reads all there is.
local function send_then_read_late(port, first, second)
  local client = await(cro.tcp.connect("127.0.0.1", port))
  local parts, ended = {}, Promise.new()
  await(client:write(first))
  cro.sleep(0.05)
  if second then await(client:write(second)) end
  cro.sleep(0.05)
  client:supply():tap {
    value = function(bytes) parts[#parts + 1] = bytes end,
    done = function() ended:keep "fin" end,
    quit = function(err) ended:keep(err.kind) end,
  }
  local how = await(ended)
  client:close()
  return table.concat(parts), how
end

--- The body of an `it`, in virtual time: "long enough" is until nothing more comes.
local function timed(fn)
  return function() cro.test.clock(fn) end
end

local function listen(handler)
  local bound = Promise.new()
  local tap = cro.tcp.listen("127.0.0.1", 0, { bound = function(_, port) bound:keep(port) end }):tap(handler)
  return await(bound), tap
end

describe("an orderly close #loop", function()
  local junk = ("x"):rep(20000)
  local answer = ("a"):rep(100000)

  it("delivers what was written to a peer whose input nobody has read", timed(function()
    local port, tap = listen(function(connection)
      connection:write(answer)
      connection:close()
    end)
    local got, how = send_then_read_late(port, junk, junk)
    assert.equal("fin", how)
    assert.is_true(got == answer)
    tap:close()
  end))

  it("delivers it to a peer that is read to the half and goes on sending", timed(function()
    local port, tap = listen(function(connection)
      local tapped
      tapped = connection:supply():tap(function()
        connection:write(answer)
        if tapped then tapped:close() else connection:close() end
      end)
    end)
    local got, how = send_then_read_late(port, junk, junk)
    assert.equal("fin", how)
    assert.is_true(#got >= #answer)
    tap:close()
  end))

  it("keeps closed() when all is sent, not when the peer has closed too", timed(function()
    local closed = Promise.new()
    local port, tap = listen(function(connection)
      connection:write "x"
      connection:close()
      closed:keep(connection:closed())
    end)
    local client = await(cro.tcp.connect("127.0.0.1", port))
    local before = cro.now()
    assert.is_true(await(await(closed)))
    assert.is_true(cro.now() - before < 1)
    assert.is_true(cro.stats().lingers >= 1)
    client:abort()
    tap:close()
  end))

  it("delivers a server's refusals, however much the peer has sent", timed(function()
    local application = r.route { r.post("/", { max_body = 10 }, function(c) c:text(await(c:body_text())) end) }
    local service = http.server {
      host = "127.0.0.1", port = 0, application = application, limits = { connections = 1 },
    }
    service:start()
    local _, port = service:address()
    local head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n"
    local got, how = send_then_read_late(port, head .. junk, junk)
    assert.matches("^HTTP/1.1 413 .*Payload Too Large$", (got:gsub("Content Too Large$", "Payload Too Large")))
    assert.equal("fin", how)
    got, how = send_then_read_late(port, "GET / HTTP/1.1\r\nBad name: x\r\n\r\n" .. junk, junk)
    assert.matches("^HTTP/1.1 400 .*Bad Request$", got)
    assert.equal("fin", how)
    local held = await(cro.tcp.connect("127.0.0.1", port))
    await(held:write "GET / HTTP/1.1\r\n")
    cro.sleep(0.02)
    got, how = send_then_read_late(port, head .. junk, junk)
    assert.matches("^HTTP/1.1 503 .*Service Unavailable$", got)
    assert.equal("fin", how)
    held:abort()
    await(service:stop { now = true })
  end))

  it("loses a connection to whoever writes on and on without waiting", function()
    local accepted = Promise.new()
    local port, tap = listen(function(connection) accepted:keep(connection) end) -- and does not read
    local client = await(cro.tcp.connect("127.0.0.1", port))
    await(accepted)
    local piece, refused = ("x"):rep(65536), nil
    for _ = 1, 1000 do
      local promise = client:write(piece)
      if promise:status() == "broken" then
        refused = promise
        break
      end
      promise:observe()
    end
    assert.is_truthy(refused)
    assert.matches("await connection:write", refused:cause().message, 1, true)
    for _, promise in ipairs { refused, client:closed(), client:write "more" } do
      local _, err = pawait(promise)
      assert.equal("limit", err.kind)
    end
    tap:close()
  end)
end)
