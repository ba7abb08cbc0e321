local cro = require "cro"
local folder = require "spec.support.folder"
local program = require "spec.support.program"
local await, broken, refused = cro.await, folder.broken, folder.refused
local file = cro.file

local function user()
  local pipe = assert(io.popen "id -u")
  local id = pipe:read "*l"
  pipe:close()
  return id
end
local is_root = user() == "0"

describe("cro.file #loop", function()
  local dir = folder.each(before_each, after_each)

  it("reads what it wrote, every byte", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local text = table.concat(bytes):rep(5000)
    assert.is_true(await(file.write(dir.at "all", text)))
    assert.is_true(text == await(file.read(dir.at "all")))
    await(file.write(dir.at "all", ""))
    assert.equal("", await(file.read(dir.at "all")))
  end)

  it("does what was asked without anybody waiting for it", function()
    file.write(dir.at "a", "a")
    folder.settled()
    assert.equal("a", program.read(dir.at "a"))
  end)

  it("writes what nobody waited for, although the program ends", function()
    program.write(dir.at "script.lua", [[
      local cro = require "cro"
      local handle = cro.await(cro.file.open("b", "w"))
      for i = 1, 100 do
        handle:write(i .. " ")
      end
      for i = 1, 30 do
        cro.file.write("a" .. i, ("x"):rep(1000000))
      end
    ]])
    assert.equal("", program.shell(dir.path, program.crolua() .. " script.lua").err)
    for i = 1, 30 do
      assert.equal(1000000, await(file.stat(dir.at("a" .. i))).size)
    end
    assert.matches("99 100 $", program.read(dir.at "b"))
  end)

  describe("an error", function()
    it("names its kind, the operation, the path, the system's name and the number", function()
      local err = broken("not_found", file.read(dir.at "nope"))
      assert.equal("file.read", err.op)
      assert.equal(dir.at "nope", err.path)
      assert.equal("ENOENT", err.errno)
      assert.equal("number", type(err.code))
      assert.equal(("file.read %s: no such file or directory"):format(dir.at "nope"), tostring(err))
    end)

    it("names both paths where there are two", function()
      local err = broken("not_found", file.rename(dir.at "from", dir.at "to"))
      assert.equal(dir.at "from", err.path)
      assert.equal(dir.at "to", err.to)
      assert.equal(("file.rename %s to %s: no such file or directory"):format(err.path, err.to), tostring(err))
    end)

    it("tells the kinds apart", function()
      program.write(dir.at "f", "x")
      broken("is_directory", file.read(dir.path))
      broken("is_directory", file.write(dir.path, "x"))
      broken("not_directory", file.read(dir.at "f/below"))
      broken("not_directory", file.list(dir.at "f"))
      broken("not_empty", file.remove(dir.path))
      broken("exists", file.mkdir(dir.path))
      broken("too_long", file.read(dir.at(("n"):rep(300))))
      await(file.symlink("loop", dir.at "loop"))
      broken("link_loop", file.read(dir.at "loop"))
      broken("no_space", file.write("/dev/full", "x"))
    end)

    local unless_root = is_root and pending or it
    unless_root("tells of missing permission", function()
      program.write(dir.at "f", "x")
      await(file.chmod(dir.at "f", 0))
      broken("access", file.read(dir.at "f"))
    end)

    it("is one of kind invalid for a path with a NUL, which the system would cut", function()
      program.write(dir.at "f", "x")
      assert.matches("f\\0.png", tostring(broken("invalid", file.read(dir.at "f\0.png"))), 1, true)
      broken("invalid", file.remove(dir.at "f\0"))
      assert.equal("x", program.read(dir.at "f"))
    end)

    it("is raised at once for what only a programmer does", function()
      refused("file.read: argument 1: expected string, got nothing", file.read)
      refused('file.read: unknown option "maxx"; did you mean "max"?', file.read, "x", { maxx = 1 })
      refused("file.write: argument 2: expected a string or a supply, got nothing", file.write, "x")
      refused("append and atomic exclude each other", file.write, "x", "", { append = true, atomic = true })
      refused('file.open: a mode such as "r"', file.open, "x", "rw")
      refused("file.utime: argument 2: seconds since 1970 expected", file.utime, "x", 0 / 0, 0)
      refused("file.append: expected a table of options, got the string", file.append, "x", "", "sync")
      refused("file.chmod: permission bits", file.chmod, "x", 9999)
      refused("file.truncate: argument 2: a number from 0 to 2^53 expected, got -1", file.truncate, "x", -1)
    end)
  end)

  describe("read", function()
    it("refuses more than max, whole, and says how else", function()
      program.write(dir.at "f", "12345")
      assert.equal("12345", await(file.read(dir.at "f", { max = 5 })))
      local err = broken("limit", file.read(dir.at "f", { max = 4 }))
      assert.matches("max, 4 bytes; give a larger max, or read it piece by piece with file.stream", tostring(err))
    end)

    it("reads files that say they have no size", function()
      assert.matches("VmRSS", await(file.read "/proc/self/status"), 1, true)
      broken("limit", file.read("/proc/self/status", { max = 10 }))
    end)

    it("reads devices and pipes up to their end or max", function()
      assert.equal("", await(file.read "/dev/null"))
      broken("limit", file.read("/dev/zero", { max = 200000 }))
    end)

    it("waits for the writer of a pipe, without holding a thread", function()
      os.execute("mkfifo " .. dir.at "pipe")
      local waiting = {}
      for i = 1, 20 do -- more than the pool has threads
        waiting[i] = file.read(dir.at "pipe")
      end
      cro.sleep(0.02)
      assert.equal("planned", waiting[1]:status())
      assert.is_true(await(file.exists(dir.path)))
      for i = 2, 20 do
        waiting[i]:cancel()
      end
      cro.sleep(0.02)
      os.execute(("sh -c 'echo one; sleep 0.05; echo two' >%s &"):format(dir.at "pipe"))
      assert.equal("one\ntwo\n", await(waiting[1]))
    end)

    it("that is cancelled leaves nothing behind", function()
      program.write(dir.at "big", ("x"):rep(20 * 1024 * 1024))
      for _ = 1, 30 do
        local promise = file.read(dir.at "big")
        promise:cancel()
        broken("cancelled", promise)
      end
      local late = file.read(dir.at "big")
      cro.sleep(0.001)
      late:cancel()
      folder.settled()
    end)
  end)

  describe("write", function()
    it("replaces, appends, or refuses what is there", function()
      await(file.write(dir.at "f", "long text"))
      await(file.write(dir.at "f", "new"))
      await(file.write(dir.at "f", "er", { append = true }))
      await(file.append(dir.at "f", "!"))
      assert.equal("newer!", program.read(dir.at "f"))
      broken("exists", file.write(dir.at "f", "x", { exclusive = true }))
      broken("exists", file.write(dir.at "f", "x", { exclusive = true, atomic = true }))
      assert.equal("newer!", program.read(dir.at "f"))
      await(file.write(dir.at "g", "x", { exclusive = true, atomic = true }))
      await(file.append(dir.at "h", "made"))
      assert.equal("xmade", program.read(dir.at "g") .. program.read(dir.at "h"))
    end)

    it("gives a new file the permissions that were asked for", function()
      await(file.write(dir.at "f", "x", { mode = 384 }))
      await(file.write(dir.at "g", "x", { mode = 384, atomic = true }))
      assert.equal(384, await(file.stat(dir.at "f")).mode)
      assert.equal(384, await(file.stat(dir.at "g")).mode)
    end)

    it("takes a supply, one piece after the other", function()
      local pieces = cro.Supply.from_list { "a", "", "bc" }
      await(file.write(dir.at "f", pieces))
      assert.equal("abc", program.read(dir.at "f"))
      await(file.append(dir.at "f", pieces))
      await(file.write(dir.at "g", pieces, { atomic = true }))
      assert.equal("abcabc", program.read(dir.at "f"))
      assert.equal("abc", program.read(dir.at "g"))
    end)

    it("holds a supply back while a piece is written", function()
      local given, ahead = 0, 0
      local source = cro.Supply.on_demand(function(emitter)
        for _ = 1, 100 do
          given = given + 1
          local before = given
          emitter:emit(("x"):rep(1000))
          ahead = math.max(ahead, given - before)
        end
        emitter:done()
      end)
      await(file.write(dir.at "f", source))
      assert.equal(100000, #program.read(dir.at "f"))
      assert.equal(0, ahead)
    end)

    it("breaks with what broke its supply; an atomic one leaves the old file as it was", function()
      await(file.write(dir.at "f", "old"))
      local source = cro.supply(function()
        cro.emit "half"
        error("no more", 0)
      end)
      local _, err = cro.pawait(file.write(dir.at "f", source, { atomic = true }))
      assert.matches("no more", tostring(err))
      assert.equal("old", program.read(dir.at "f"))
      assert.same({ "f" }, await(file.list(dir.path)))
      _, err = cro.pawait(file.write(dir.at "f", cro.Supply.from_list { "a", 7 }, { atomic = true }))
      assert.matches("strings expected from the supply, got the number 7", tostring(err), 1, true)
      assert.same({ "f" }, await(file.list(dir.path)))
    end)

    it("of a supply ends when it is cancelled, and leaves no half file", function()
      local never, begun, closed = cro.Promise.new(), cro.Promise.new(), false
      local source = cro.supply(function()
        cro.closing(function() closed = true end)
        cro.emit "part"
        begun:keep()
        cro.whenever(never, function() end)
      end)
      local writing = file.write(dir.at "f", source, { atomic = true })
      await(begun)
      writing:cancel()
      broken("cancelled", writing)
      assert.is_true(closed)
      assert.same({}, await(file.list(dir.path)))
      for pause = 0, 3 do
        writing = file.write(dir.at "f", cro.Supply.from_list { "a" }, { atomic = true })
        cro.sleep(pause / 3000)
        writing:cancel()
        if writing:status() == "planned" then cro.pawait(writing) end
        for _, name in ipairs(await(file.list(dir.path))) do
          assert.equal("f", name)
        end
      end
    end)

    it("says when a file grows beyond what the process may write, and lives on", function()
      local script = [[
        local cro = require "cro"
        local value, err = cro.pawait(cro.file.write("big", ("x"):rep(100000)))
        print(value, err.kind, err.errno)
        value, err = cro.pawait(cro.file.write("other", ("x"):rep(100000), { atomic = true }))
        print(value, err.kind, #cro.await(cro.file.list "."))
      ]]
      program.write(dir.at "script.lua", script)
      local run = program.shell(dir.path, "mkdir in && cd in && ulimit -f 8 && exec " .. program.crolua()
        .. " ../script.lua")
      assert.equal("nil\ttoo_large\tEFBIG\nnil\ttoo_large\t1\n", run.out, run.err)
    end)
  end)

  describe("an atomic write", function()
    it("shows a reader the old file or the new one, never a part", function()
      local old, new = ("a"):rep(300000), ("b"):rep(400000)
      await(file.write(dir.at "f", old))
      local stop, seen = false, {}
      local reader = cro.start(function()
        while not stop do
          local text = await(file.read(dir.at "f"))
          seen[text == old and "old" or text == new and "new" or "part"] = true
        end
      end)
      for _ = 1, 15 do
        await(file.write(dir.at "f", new, { atomic = true, sync = false }))
        await(file.write(dir.at "f", old, { atomic = true, sync = false }))
      end
      stop = true
      await(reader)
      assert.is_nil(seen.part)
      assert.is_true(seen.old or seen.new)
    end)

    it("keeps the permissions of the file and the links that point to it", function()
      await(file.write(dir.at "f", "old"))
      await(file.chmod(dir.at "f", 416))
      await(file.symlink("f", dir.at "link"))
      await(file.write(dir.at "link", "new", { atomic = true }))
      assert.equal("new", program.read(dir.at "f"))
      assert.equal(416, await(file.stat(dir.at "f")).mode)
      assert.equal("link", await(file.lstat(dir.at "link")).type)
      await(file.write(dir.at "link", cro.Supply.from_list { "newer" }, { atomic = true }))
      assert.equal("newer", program.read(dir.at "f"))
      assert.equal(416, await(file.stat(dir.at "f")).mode)
      assert.same({ "f", "link" }, await(file.list(dir.path)))
    end)

    it("works for the longest name", function()
      local name = ("n"):rep(255)
      await(file.write(dir.at(name), "x", { atomic = true }))
      assert.equal("x", program.read(dir.at(name)))
    end)
  end)

  it("refuses more operations than may wait, and does the others", function()
    local promises, refusals = {}, 0
    for i = 1, 16500 do
      promises[i] = file.exists(dir.path)
    end
    for i = 1, 16500 do
      local found, err = cro.pawait(promises[i])
      if not found then
        refusals = refusals + 1
        assert.equal("limit", err.kind)
        assert.matches("await some of them before you start more", tostring(err), 1, true)
      end
    end
    assert.is_true(refusals > 0 and refusals <= 200)
  end)
end)
