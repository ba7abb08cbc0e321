local cro = require "cro"
local program = require "spec.support.program"
local sockets = require "spec.support.sockets"
local unix = cro.unix
local await, pawait, Promise = cro.await, cro.pawait, cro.Promise
local read_all, broken, refused = sockets.read_all, sockets.broken, sockets.refused

--- Type and permissions of what is there, as `ls` has them; nil when nothing is.
local function mode_of(path)
  local pipe = assert(io.popen("ls -ld " .. program.quote(path) .. " 2>/dev/null"))
  local text = pipe:read "*l"
  pipe:close()
  return text and text:match "^%S+"
end

describe("unix sockets #loop", function()
  local folder, path

  before_each(function()
    folder = program.folder()
    path = folder .. "/s"
  end)
  after_each(function() program.remove(folder) end)

  local function listen(more, handler)
    local given = { path = path }
    for key, value in pairs(more or {}) do
      given[key] = value
    end
    local listener = unix.listen(given)
    local tap = listener:tap(handler or function(connection) connection:close() end)
    await(listener:address())
    return tap, listener
  end

  --- A socket file that nobody listens on: that of a process that was killed.
  local function leave_behind()
    local script = [[
      local cro = require "cro"
      local listener = cro.unix.listen(arg[1])
      listener:tap(function() end)
      cro.await(listener:address())
      os.execute("kill -9 $PPID")
      cro.sleep(5)
    ]]
    program.write(folder .. "/left.lua", script)
    program.shell(folder, program.quote(program.crolua()) .. " left.lua " .. program.quote(path))
    assert.matches("^s", mode_of(path))
  end

  it("carry bytes both ways, and the end of each half", function()
    local client, server, tap = sockets.unix_pair(path)
    assert.equal(9, await(client:write "ques\0tion"))
    client:shutdown()
    assert.equal("ques\0tion", read_all(server))
    server:write "late "
    server:write(42)
    server:close()
    assert.equal("late 42", read_all(client))
    assert.is_true(await(client:closed()))
    tap:close()
  end)

  it("know their path and who is at the other end", function()
    local client, server, tap = sockets.unix_pair(path)
    assert.equal(path, client.path)
    assert.equal(path, server.path)
    assert.equal("unix connection " .. path, tostring(server))
    assert.same({ "unix:", -1 }, { server.peer_host, server.peer_port })
    local us = server:peer_user()
    assert.is_true(us.pid > 1)
    assert.same(us, client:peer_user())
    assert.is_true(client:fd() > 2)
    client:nodelay(true) -- nothing to them
    client:keep_alive(5)
    assert.equal(2, cro.stats().unix_sockets)
    client:close()
    await(client:closed())
    local user, err = client:peer_user()
    assert.is_nil(user)
    assert.equal("closed", err.kind)
    server:close()
    await(server:closed())
    assert.equal(0, cro.stats().unix_sockets)
    tap:close()
  end)

  it("hold a writer whose reader waits, and lose nothing", function()
    local client, server, tap = sockets.unix_pair(path)
    local text = ("0123456789abcdef"):rep(256 * 1024)
    local got, sent = 0, client:write(text)
    assert.equal("planned", sent:status())
    client:close()
    cro.react(function()
      cro.whenever(server, function(bytes)
        if got == 0 then cro.sleep(0.01) end
        got = got + #bytes
      end)
    end)
    assert.equal(#text, got)
    assert.equal(#text, await(sent))
    server:close()
    tap:close()
  end)

  describe("listening", function()
    it("makes a file, and removes it when the tap is closed", function()
      local tap, listener = listen()
      assert.same({ path = path }, await(listener:address()))
      assert.matches("^s", mode_of(path))
      assert.equal(1, cro.stats().listeners)
      tap:close()
      assert.is_nil(mode_of(path))
      assert.equal(0, cro.stats().listeners)
    end)

    it("calls bound with the path", function()
      local bound = Promise.new()
      local tap = listen { bound = function(...) bound:keep { ... } end }
      assert.same({ path }, await(bound))
      tap:close()
    end)

    it("gives the file the permissions asked for", function()
      for octal, text in pairs { ["600"] = "srw-------", ["666"] = "srw-rw-rw-", ["777"] = "srwxrwxrwx" } do
        local tap = listen { mode = tonumber(octal, 8) }
        assert.equal(text, mode_of(path):sub(1, 10))
        tap:close()
      end
    end)

    it("quits where somebody listens, whatever is asked for", function()
      local tap = listen()
      local text = ("listen unix:%s: address already in use"):format(path)
      local cure = "; if nobody listens there any more, unlink = true replaces the file"
      broken(unix.listen(path):promise(), "address_in_use", text .. cure)
      broken(unix.listen(path, { unlink = true }):promise(), "address_in_use", text)
      local client = await(unix.connect(path))
      client:close()
      tap:close()
    end)

    it("leaves a file that was left behind alone, unless told to replace it", function()
      leave_behind()
      broken(unix.connect(path), "refused", ("connect unix:%s: connection refused"):format(path))
      broken(unix.listen(path):promise(), "address_in_use")
      assert.matches("^s", mode_of(path))
      local tap = listen { unlink = true }
      await(unix.connect(path)):close()
      tap:close()
      assert.is_nil(mode_of(path))
    end)

    it("never removes what is no socket", function()
      program.write(path, "precious")
      local err = broken(unix.listen(path, { unlink = true }):promise(), "exists")
      assert.matches("what is there is no socket, and is left alone", tostring(err), 1, true)
      broken(unix.listen(path):promise(), "address_in_use")
      assert.equal("precious", program.read(path))
      broken(unix.listen(folder, { unlink = true }):promise(), "exists")
      os.execute(("ln -s %s %s/link"):format(path, folder))
      broken(unix.listen(folder .. "/link", { unlink = true }):promise(), "exists")
      assert.equal("precious", program.read(path))
    end)

    it("does not remove a file that somebody has put in the place of its own", function()
      local tap = listen()
      os.remove(path)
      program.write(path, "precious")
      tap:close()
      assert.equal("precious", program.read(path))
    end)

    it("removes its file when the program ends", function()
      program.write(folder .. "/end.lua", [[
        local cro = require "cro"
        local listener = cro.unix.listen "s"
        listener:tap(function() end)
        cro.await(listener:address())
        print((io.popen("ls s"):read "*a"))
      ]])
      local result = program.shell(folder, program.quote(program.crolua()) .. " end.lua")
      assert.same({ out = "s\n\n", err = "", status = 0 }, result)
      assert.is_nil(mode_of(path))
    end)

    it("quits where no file can be", function()
      broken(unix.listen(folder .. "/no/s"):promise(), "not_found")
      local long = folder .. "/" .. ("x"):rep(107 - #folder)
      local text = ("a path of a unix socket"):gsub("^a path", "the path")
        .. " has at most 107 bytes, this one has 108; use a directory nearer to the root"
      local listener = unix.listen(long)
      broken(listener:promise(), "too_long", "listen: " .. text)
      broken(listener:address(), "too_long")
      broken(unix.connect(long), "too_long", "connect: " .. text)
      path = long:sub(1, 107)
      listen():close()
    end)

    it("outlives nothing: connections do", function()
      local client, server, tap = sockets.unix_pair(path)
      tap:close()
      server:write "still"
      server:close()
      assert.equal("still", read_all(client))
    end)
  end)

  describe("what a block or a job opens", function()
    local function counts()
      local stats = cro.stats()
      return { stats.unix_sockets, stats.listeners, stats.connecting }
    end

    local function expect(before)
      for _ = 1, 2000 do
        local now = counts()
        if now[1] == before[1] and now[2] == before[2] and now[3] == before[3] then return end
        cro.sleep(0.001)
      end
      assert.same(before, counts())
    end

    for _, how in ipairs { "is done", "fails", "is cancelled" } do
      it("is closed when it " .. how, function()
        local before, kept, go = counts(), {}, Promise.new()
        local job = cro.start(function()
          cro.react(function()
            local listener = unix.listen(path)
            cro.whenever(listener, function(connection) kept[#kept + 1] = connection end)
            await(listener:address())
            kept[#kept + 1] = await(unix.connect(path))
            cro.whenever(go, function()
              if how == "is done" then cro.done() end
              if how == "fails" then error "no" end
            end)
          end)
        end)
        while #kept < 2 do
          cro.sleep(0.001)
        end
        assert.equal(before[1] + 2, cro.stats().unix_sockets)
        if how == "is cancelled" then job:cancel() else go:keep(true) end
        pawait(job)
        expect(before)
        assert.is_nil(mode_of(path))
      end)
    end
  end)

  describe("names without a file", function()
    it("carry bytes as the others do", function()
      local name = "@crolua-spec-" .. folder
      local client, server, tap = sockets.unix_pair(name)
      client:write "hi"
      client:close()
      assert.equal("hi", read_all(server))
      server:close()
      broken(unix.listen(name, { unlink = true }):promise(), "address_in_use")
      tap:close()
      broken(unix.connect(name), "refused")
    end)
  end)

  describe("connecting", function()
    it("says what is wrong with the place", function()
      broken(unix.connect(path), "not_found", ("connect unix:%s: no such file or directory"):format(path))
      program.write(path, "no socket")
      broken(unix.connect { path = path }, "refused")
    end)

    it("waits for a listener that is behind, and ends with the time", function()
      -- A listener that takes nothing while its handler waits, with room for two.
      local free = Promise.new()
      local taken = 0
      local block = cro.start(function()
        cro.react(function()
          cro.whenever(unix.listen(path, { backlog = 1 }), function(connection)
            taken = taken + 1
            await(free)
            connection:close()
            if taken == 6 then cro.done() end
          end)
        end)
      end)
      while not mode_of(path) do
        cro.sleep(0.001)
      end
      local calls = {}
      for i = 1, 6 do
        calls[i] = unix.connect(path)
      end
      cro.sleep(0.05)
      assert.equal("planned", calls[6]:status())
      broken(unix.connect(path, { timeout = 0.03 }), "timeout")
      free:keep(true)
      for i = 1, 6 do
        await(calls[i]):close()
      end
      await(block)
    end)

    it("is given up when its promise is cancelled", function()
      local tap = listen()
      local promise = unix.connect(path)
      promise:cancel()
      broken(promise, "cancelled")
      tap:close()
    end)
  end)

  describe("options", function()
    local cases = {
      { "a path is there", 'cro.unix.listen: option "path" is required (the path of a socket, or @name)', unix.listen },
      { "a path is a text", 'cro.unix.connect: option "path": expected string, got the number 5', unix.connect, 5 },
      { "a path is not empty", "expected the path of a socket, or @name, got the string", unix.connect, "" },
      { "a path has no zero in it", "expected the path of a socket, or @name, got the string", unix.listen, "a\0b" },
      { "a name is more than its sign", "expected the path of a socket, or @name, got the string", unix.listen, "@" },
      { "a name is nearly right", 'cro.unix.listen: unknown option "mod"; did you mean "mode"?',
        unix.listen, { path = "x", mod = 5 } },
      { "a mode is one", 'option "mode": expected permissions, such as tonumber("660", 8), got the number 660',
        unix.listen, { path = "x", mode = 660 } },
      { "options are a table", "cro.unix.listen: a table of options expected after the path, got the number 3",
        unix.listen, "x", 3 },
    }
    for _, case in ipairs(cases) do
      it("are refused unless " .. case[1], function() refused(case[2], case[3], case[4], case[5]) end)
    end
  end)

  it("are parts of pipelines", function()
    local types = cro.tcp.Message
    local Upper = cro.transform {
      name = "Upper",
      consumes = types,
      produces = types,
      transformer = function(_, messages)
        return messages:map(function(message) return types { data = message.data:upper() } end)
      end,
    }
    local service = cro.compose { unix.listener { path = path, mode = tonumber("600", 8) }, Upper }
    service:start()
    assert.equal(path, (service:address()))
    assert.equal("srw-------", mode_of(path):sub(1, 10))
    local asked = cro.Supplier.new()
    local answers = cro.compose { Upper, unix.connector }:establish(asked:supply(), { path = path })
    local got = Promise.new()
    answers:tap(function(message) got:keep(message.data) end)
    while cro.stats().unix_sockets < 2 do
      cro.sleep(0.001)
    end
    asked:emit(types { data = "ping" })
    assert.equal("PING", await(got))
    asked:done()
    await(service:stop())
    assert.is_nil(mode_of(path))
    local ok, err = pcall(function() cro.compose({ unix.listener { path = folder }, Upper }):start() end)
    assert.is_false(ok)
    assert.equal("address_in_use", err.kind)
    assert.is_nil((pawait(unix.connect(path))))
  end)
end)
