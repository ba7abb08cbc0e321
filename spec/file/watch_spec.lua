local cro = require "cro"
local folder = require "spec.support.folder"
local program = require "spec.support.program"
local await, broken, refused = cro.await, folder.broken, folder.refused
local file = cro.file

describe("file.watch #loop", function()
  local dir = folder.each(before_each, after_each)

  --- Watches; what it was told, without the folder's path.
  local function watched(path, given)
    local told, ready = {}, cro.Promise.new()
    local opts = { ready = function() ready:keep() end }
    for key, value in pairs(given or {}) do
      opts[key] = value
    end
    local tap = file.watch(path, opts):tap {
      value = function(event)
        local short = event.path == dir.path and "." or event.path:sub(#dir.path + 2)
        told[#told + 1] = event.event .. " " .. short .. (event.exists and "" or " gone")
      end,
      done = function() told[#told + 1] = "done" end,
      quit = function(err)
        told[#told + 1] = "quit " .. err.kind
        if ready:status() == "planned" then ready:keep() end
      end,
    }
    await(ready)
    return told, tap
  end

  --- Waits until that many events were told, and a little longer, in case more follow.
  local function settle(told, count)
    pcall(folder.eventually, function() return #told >= count end)
    cro.sleep(0.03)
    return told
  end

  local function sorted(list)
    table.sort(list)
    return list
  end

  local function close(tap)
    tap:close()
    assert.equal(0, cro.stats().watches)
  end

  it("tells what is made, changed, renamed and removed in a folder", function()
    local told, tap = watched(dir.path)
    program.write(dir.at "a", "x")
    settle(told, 2)
    await(file.rename(dir.at "a", dir.at "b"))
    await(file.chmod(dir.at "b", 384))
    settle(told, 5)
    await(file.remove(dir.at "b"))
    await(file.mkdir(dir.at "sub"))
    settle(told, 7)
    program.write(dir.at "sub/unseen", "x")
    assert.same({ "renamed a", "changed a", "renamed a gone", "renamed b", "changed b", "renamed b gone",
      "renamed sub" }, settle(told, 7))
    close(tap)
  end)

  it("hears everything from the moment it is tapped", function()
    local told = {}
    local tap = file.watch(dir.path):tap(function(event) told[#told + 1] = event.path end)
    program.write(dir.at "at once", "")
    settle(told, 1)
    assert.equal(dir.at "at once", told[1])
    close(tap)
  end)

  it("names what is not there, and what it was given wrongly", function()
    local err = broken("not_found", file.watch(dir.at "nope"):list())
    assert.equal("file.watch", err.op)
    assert.equal("ENOENT", err.errno)
    assert.equal(("file.watch %s: no such file or directory"):format(dir.at "nope"), tostring(err))
    broken("invalid", file.watch "a\0b":list())
    refused("file.watch: argument 1: expected string", file.watch)
    refused('option "debounce": expected seconds above 0', file.watch, "x", { debounce = 0 })
    assert.equal(0, cro.stats().watches)
  end)

  it("is done when the folder goes", function()
    await(file.mkdir(dir.at "sub"))
    local told = watched(dir.at "sub")
    await(file.remove(dir.at "sub"))
    assert.same({ "renamed sub gone", "done" }, settle(told, 2))
    assert.equal(0, cro.stats().watches)
    await(file.mkdir(dir.at "sub"))
    told = watched(dir.at "sub", { recursive = true })
    await(file.rename(dir.at "sub", dir.at "elsewhere"))
    assert.same({ "renamed sub gone", "done" }, settle(told, 2))
    assert.equal(0, cro.stats().watches)
  end)

  describe("of a single file", function()
    before_each(function() program.write(dir.at "f", "x") end)

    it("sees changes of it alone", function()
      local told, tap = watched(dir.at "f")
      program.write(dir.at "other", "x")
      await(file.append(dir.at "f", "more"))
      assert.same({ "changed f" }, settle(told, 1))
      close(tap)
    end)

    it("follows those who save by writing another and renaming it", function()
      local told, tap = watched(dir.at "f")
      for i = 1, 3 do
        await(file.write(dir.at "f", "new", { atomic = true }))
        settle(told, i)
      end
      await(file.append(dir.at "f", "!"))
      assert.same({ "renamed f", "renamed f", "renamed f", "changed f" }, settle(told, 4))
      await(file.remove(dir.at "f"))
      settle(told, 5)
      program.write(dir.at "f", "back")
      settle(told, 6)
      assert.equal("renamed f gone", told[5])
      assert.equal("renamed f", told[6])
      close(tap)
    end)

    it("sees through a link, also when that is set to another file", function()
      await(file.mkdir(dir.at "sub"))
      program.write(dir.at "sub/one", "1")
      program.write(dir.at "sub/two", "2")
      await(file.symlink("sub/one", dir.at "link"))
      local told, tap = watched(dir.at "link")
      await(file.append(dir.at "sub/one", "x"))
      assert.same({ "changed link" }, settle(told, 1))
      await(file.symlink("sub/two", dir.at "link.new"))
      await(file.rename(dir.at "link.new", dir.at "link"))
      assert.same({ "changed link", "renamed link" }, settle(told, 2))
      await(file.append(dir.at "sub/one", "x"))
      await(file.append(dir.at "sub/two", "x"))
      assert.same({ "changed link", "renamed link", "changed link" }, settle(told, 3))
      close(tap)
    end)

    it("is done when its folder goes", function()
      await(file.mkdir(dir.at "sub"))
      program.write(dir.at "sub/f", "x")
      local told = watched(dir.at "sub/f")
      await(file.remove(dir.at "sub", { recursive = true }))
      settle(told, 3)
      assert.equal("done", told[#told])
      assert.equal("renamed sub/f gone", told[#told - 1])
      assert.equal(0, cro.stats().watches)
    end)
  end)

  describe("recursive", function()
    it("hears of folders that were there and of those that come", function()
      await(file.mkdir(dir.at "old/deep", { parents = true }))
      local told, tap = watched(dir.path, { recursive = true })
      program.write(dir.at "old/deep/f", "")
      settle(told, 1)
      await(file.mkdir(dir.at "new"))
      settle(told, 2)
      program.write(dir.at "new/g", "")
      assert.same({ "renamed old/deep/f", "renamed new", "renamed new/g" }, settle(told, 3))
      assert.equal(4, cro.stats().watches)
      close(tap)
    end)

    it("loses nothing of folders that are made and filled at once, and tells it once", function()
      local told, tap = watched(dir.path, { recursive = true })
      local expected = {}
      for i = 1, 20 do
        local path = ("d%d/e/f"):format(i)
        os.execute(("mkdir -p %s && touch %s/x %s/y"):format(dir.at(path), dir.at(path), dir.at(("d%d"):format(i))))
        for _, name in ipairs { "", "/e", "/e/f", "/e/f/x", "/y" } do
          expected[#expected + 1] = ("renamed d%d%s"):format(i, name)
        end
        if i % 5 == 0 then cro.sleep(0.001) end
      end
      settle(told, #expected)
      local made = {}
      for _, line in ipairs(told) do -- touch sets times, which are changes, where it is heard in time
        if line:find "^renamed" then made[#made + 1] = line end
      end
      assert.same(sorted(expected), sorted(made))
      close(tap)
    end)

    it("lets go of folders that are removed or moved away, and takes up those moved in", function()
      await(file.mkdir(dir.at "in/a/b", { parents = true }))
      await(file.mkdir(dir.at "out"))
      program.write(dir.at "in/a/b/f", "")
      local told, tap = watched(dir.at "in", { recursive = true })
      assert.equal(3, cro.stats().watches)
      await(file.rename(dir.at "in/a", dir.at "out/a"))
      assert.same({ "renamed in/a gone" }, settle(told, 1))
      assert.equal(1, cro.stats().watches)
      program.write(dir.at "out/a/b/g", "")
      assert.equal(1, #settle(told, 1))
      await(file.rename(dir.at "out/a", dir.at "in/again"))
      settle(told, 5)
      assert.same({ "renamed in/a gone", "renamed in/again", "renamed in/again/b", "renamed in/again/b/f",
        "renamed in/again/b/g" }, told)
      await(file.remove(dir.at "in/again", { recursive = true }))
      settle(told, 9)
      assert.equal("renamed in/again gone", told[#told])
      assert.equal(1, cro.stats().watches)
      close(tap)
    end)

    it("does not follow links, nor goes in a circle", function()
      await(file.mkdir(dir.at "a"))
      await(file.symlink(dir.path, dir.at "a/loop"))
      local told, tap = watched(dir.path, { recursive = true })
      assert.equal(2, cro.stats().watches)
      program.write(dir.at "a/f", "")
      assert.same({ "renamed a/f" }, settle(told, 1))
      close(tap)
    end)

    it("hears each of a thousand files", function()
      local told, tap = watched(dir.path, { recursive = true, buffer = 5000 })
      local script = 'mkdir %s; for i in $(seq 1000); do : >%s/$i; done'
      os.execute(script:format(dir.at "many", dir.at "many"))
      settle(told, 1001)
      local names = {}
      for _, line in ipairs(told) do
        names[line] = (names[line] or 0) + 1
      end
      assert.equal(1001, #told)
      for i = 1, 1000 do
        assert.equal(1, names["renamed many/" .. i])
      end
      close(tap)
    end)
  end)

  it("may be many at once, of the same folder too", function()
    local taps, heard = {}, 0
    for i = 1, 100 do
      await(file.mkdir(dir.at("d" .. i)))
    end
    for i = 1, 200 do
      taps[i] = file.watch(dir.at("d" .. (i % 100 + 1))):tap(function() heard = heard + 1 end)
    end
    assert.equal(100, cro.stats().watches)
    for i = 1, 100 do
      await(file.mkdir(dir.at("d" .. i .. "/x")))
    end
    folder.eventually(function() return heard >= 200 end)
    settle({}, 0)
    assert.equal(200, heard)
    for i = 1, 200 do
      taps[i]:close()
    end
    assert.equal(0, cro.stats().watches)
  end)

  --- More than the system keeps, while the loop has no time to take any.
  local function flood(name)
    for _ = 1, 4500 do -- four events each
      os.rename(dir.at(name), dir.at(name .. "2"))
      os.rename(dir.at(name .. "2"), dir.at(name))
    end
  end

  local function last_of(told, line)
    for _, other in ipairs(told) do
      if other == line then return true end
    end
  end

  it("finds folders again that went and came while events were lost", function()
    await(file.mkdir(dir.at "a/deep", { parents = true }))
    program.write(dir.at "x", "")
    local told, tap = watched(dir.path, { recursive = true, buffer = 50000 })
    flood "x"
    os.execute(("rm -r %s; mkdir -p %s %s"):format(dir.at "a", dir.at "a/deep", dir.at "new/deep"))
    folder.eventually(function() return last_of(told, "overflow .") and cro.stats().watches == 5 end)
    folder.settled()
    for _, name in ipairs { "a/deep/f", "new/deep/f" } do
      program.write(dir.at(name), "")
      folder.eventually(function() return last_of(told, "renamed " .. name) end)
    end
    close(tap)
  end)

  for what, name in pairs { ["of the folder itself"] = "in", ["of a file with its folder"] = "in/f" } do
    it("is done when the end " .. what .. " was among the events that were lost", function()
      await(file.mkdir(dir.at "in"))
      program.write(dir.at "in/f", "")
      program.write(dir.at "in/x", "")
      local told = watched(dir.at(name), { buffer = 50000 })
      flood "in/x"
      os.execute(("rm -r %s; mkdir %s; touch %s"):format(dir.at "in", dir.at "in", dir.at "in/f"))
      folder.eventually(function() return told[#told] == "done" end)
      assert.equal("overflow " .. name, told[#told - 1])
      assert.equal(0, cro.stats().watches)
    end)
  end

  it("says that events were lost when the system's own queue was full, and goes on", function()
    program.write(dir.at "a", "")
    local told, tap = watched(dir.path, { buffer = 50000 })
    flood "a"
    settle(told, 16385)
    local overflows = 0
    for _, line in ipairs(told) do
      if line == "overflow ." then overflows = overflows + 1 end
    end
    assert.equal(1, overflows)
    local before = #told
    program.write(dir.at "after", "")
    settle(told, before + 1)
    assert.equal("renamed after", told[#told])
    close(tap)
  end)

  it("says what the system allows when it allows no more", function()
    program.write(dir.at "script.lua", [[
      local cro = require "cro"
      for i = 1, 5 do
        cro.await(cro.file.mkdir("sub/" .. i, { parents = true }))
      end
      local list, err = cro.pawait(cro.file.watch("sub", { recursive = true }):list())
      print(err.kind, err.errno, err.message:match "fs.inotify.max_user_watches=%d+", cro.stats().watches)
    ]])
    local run = program.shell(dir.path, ("unshare -Ur sh -c 'echo 3 >/proc/sys/user/max_inotify_watches && "
      .. "exec %s script.lua' || echo cannot try"):format(program.crolua()))
    if run.out == "cannot try\n" then return end
    assert.equal("limit\tENOSPC\tfs.inotify.max_user_watches=524288\t0\n", run.out, run.err)
  end)

  it("goes on in the core when what takes the events has failed", function()
    local core, taken, calls, w = require "cro.core", {}, 0, nil
    local report = cro.on_error(function() end)
    w = assert(core.watch(function()
      calls = calls + 1
      local id, _, name = w:take()
      while id do
        taken[#taken + 1] = name
        if calls < 3 then error "no more for now" end
        id, _, name = w:take()
      end
    end))
    assert(w:add(dir.path, true, false))
    for i = 1, 5 do
      await(file.mkdir(dir.at("d" .. i)))
    end
    folder.eventually(function() return #taken == 5 end)
    cro.on_error(report)
    assert.equal("d1 d2 d3 d4 d5", table.concat(taken, " "))
    w:close()
    w:close()
    assert.is_false((pcall(w.take, w)))
  end)

  it("keeps the program waiting while it is tapped, and no longer", function()
    program.write(dir.at "script.lua", [[
      local cro = require "cro"
      cro.react(function()
        local function ready() os.execute "(sleep 0.1; mkdir sub) &" end
        cro.whenever(cro.file.watch(".", { ready = ready }), function(event)
          print(event.event, event.path)
          cro.done()
        end)
      end)
    ]])
    local run = program.shell(dir.path, program.crolua() .. " script.lua")
    assert.matches("renamed\t./sub", run.out, 1, true)
    assert.equal(0, run.status)
  end)
end)
