local cro = require "cro"
local folder = require "spec.support.folder"
local program = require "spec.support.program"
local await, broken = cro.await, folder.broken
local file = cro.file

describe("cro.file: names and folders #loop", function()
  local dir = folder.each(before_each, after_each)

  it("renames over what is there, or not", function()
    program.write(dir.at "a", "a")
    program.write(dir.at "b", "b")
    broken("exists", file.rename(dir.at "a", dir.at "b", { exclusive = true }))
    assert.equal("b", program.read(dir.at "b"))
    await(file.rename(dir.at "a", dir.at "b"))
    assert.equal("a", program.read(dir.at "b"))
    await(file.rename(dir.at "b", dir.at "c", { exclusive = true }))
    assert.same({ "c" }, await(file.list(dir.path)))
  end)

  it("copies content and permissions, and says how much", function()
    program.write(dir.at "a", ("0123456789"):rep(100000))
    await(file.chmod(dir.at "a", 493))
    assert.equal(1000000, await(file.copy(dir.at "a", dir.at "b")))
    assert.equal(program.read(dir.at "a"), program.read(dir.at "b"))
    assert.equal(493, await(file.stat(dir.at "b")).mode)
    program.write(dir.at "short", "s")
    assert.equal(1, await(file.copy(dir.at "short", dir.at "b")))
    assert.equal("s", program.read(dir.at "b"))
    broken("exists", file.copy(dir.at "a", dir.at "b", { exclusive = true }))
  end)

  it("copies files without a size, and never a file onto itself", function()
    assert.is_true(await(file.copy("/proc/self/status", dir.at "status")) > 100)
    assert.matches("VmRSS", program.read(dir.at "status"), 1, true)
    program.write(dir.at "a", "keep me")
    broken("exists", file.copy(dir.at "a", dir.at "a"))
    assert.equal("keep me", program.read(dir.at "a"))
  end)

  it("leaves no half copy behind", function()
    broken("is_directory", file.copy(dir.path, dir.at "b"))
    program.write(dir.at "script.lua", [[
      local cro = require "cro"
      print(select(2, cro.pawait(cro.file.copy("in/a", "in/b"))).kind, #cro.await(cro.file.list "in"))
    ]])
    program.shell(dir.path, "mkdir in && head -c 100000 /dev/zero >in/a")
    local run = program.shell(dir.path, "ulimit -f 8 && exec " .. program.crolua() .. " script.lua")
    assert.equal("too_large\t1\n", run.out, run.err)
  end)

  it("removes files, links, empty folders; more only when told", function()
    program.write(dir.at "f", "x")
    await(file.symlink(dir.at "f", dir.at "link"))
    await(file.remove(dir.at "link"))
    assert.is_true(await(file.exists(dir.at "f")))
    await(file.remove(dir.at "f"))
    broken("not_found", file.remove(dir.at "f"))
    assert.is_true(await(file.remove(dir.at "f", { missing_ok = true })))
    await(file.mkdir(dir.at "d"))
    await(file.remove(dir.at "d"))
  end)

  it("removes a tree, but nothing a link in it points to", function()
    await(file.mkdir(dir.at "keep"))
    program.write(dir.at "keep/f", "x")
    await(file.mkdir(dir.at "tree/a/b/c", { parents = true }))
    for i = 1, 300 do
      program.write(dir.at("tree/a/b/" .. i), "x")
    end
    await(file.symlink(dir.at "keep", dir.at "tree/a/link"))
    await(file.remove(dir.at "tree", { recursive = true }))
    assert.same({ "keep" }, await(file.list(dir.path)))
    assert.equal("x", program.read(dir.at "keep/f"))
  end)

  it("makes folders, with those above them when told", function()
    broken("not_found", file.mkdir(dir.at "a/b"))
    await(file.mkdir(dir.at "a//b/c/", { parents = true }))
    await(file.mkdir(dir.at "a/b/c", { parents = true }))
    await(file.mkdir(dir.at "p", { mode = 448 }))
    assert.equal(448, await(file.stat(dir.at "p")).mode)
    program.write(dir.at "f", "x")
    broken("exists", file.mkdir(dir.at "f", { parents = true }))
    broken("not_directory", file.mkdir(dir.at "f/g/h", { parents = true }))
  end)

  it("lists names in the order of their bytes", function()
    program.write(dir.at "b", "")
    program.write(dir.at "B", "")
    program.write(dir.at ".hidden", "")
    await(file.mkdir(dir.at "a"))
    assert.same({ ".hidden", "B", "a", "b" }, await(file.list(dir.path)))
    local entries = await(file.list(dir.path, { details = true }))
    assert.same({ name = "a", path = dir.at "a", type = "directory" }, entries[3])
    assert.equal("file", entries[4].type)
    assert.same({}, await(file.list(dir.at "a")))
    broken("not_found", file.list(dir.at "nope"))
  end)

  it("walks a tree: folders before what is in them, links told and not followed", function()
    await(file.mkdir(dir.at "a/deep/er", { parents = true }))
    program.write(dir.at "a/z", "")
    await(file.symlink(dir.path, dir.at "a/loop"))
    local function walked(given)
      local seen = {}
      for entry in file.walk(dir.path, given):each() do
        seen[#seen + 1] = ("%d %s %s"):format(entry.depth, entry.type, entry.path:sub(#dir.path + 2))
      end
      return seen
    end
    assert.same({
      "1 directory a", "2 directory a/deep", "3 directory a/deep/er", "2 link a/loop", "2 file a/z",
    }, walked())
    assert.same({ "1 directory a", "2 directory a/deep", "2 link a/loop", "2 file a/z" }, walked { depth = 2 })
    local here = walked { enter = function(entry) return entry.name ~= "deep" end }
    assert.same({ "1 directory a", "2 directory a/deep", "2 link a/loop", "2 file a/z" }, here)
  end)

  it("ends a walk with an error where a folder cannot be read, unless somebody hears of it", function()
    local errs = {}
    broken("not_found", file.walk(dir.at "nope"):list())
    await(file.walk(dir.at "nope", { on_error = function(err) errs[#errs + 1] = err.kind end }):list())
    assert.same({ "not_found" }, errs)
  end)

  it("goes on through a tree that shrinks meanwhile", function()
    for i = 1, 20 do
      await(file.mkdir(dir.at(("%02d/sub"):format(i)), { parents = true }))
    end
    local seen = 0
    cro.react(function()
      cro.whenever(file.walk(dir.path), function()
        seen = seen + 1
        if seen == 1 then await(file.remove(dir.at "10", { recursive = true })) end
      end)
    end)
    assert.equal(39, seen)
  end)

  it("finds paths by a pattern", function()
    for _, name in ipairs { "a.lua", "b.lua", "c.txt", ".x.lua" } do
      program.write(dir.at(name), "")
    end
    assert.same({ dir.at "a.lua", dir.at "b.lua" }, await(file.glob(dir.at "*.lua")))
    assert.same({}, await(file.glob(dir.at "*.c")))
  end)

  it("links, and says where links lead", function()
    program.write(dir.at "f", "x")
    await(file.link(dir.at "f", dir.at "second"))
    assert.equal(2, await(file.stat(dir.at "f")).nlink)
    await(file.symlink("f", dir.at "soft"))
    assert.equal("f", await(file.readlink(dir.at "soft")))
    assert.equal(await(file.realpath(dir.at "f")), await(file.realpath(dir.at "./soft")))
    broken("invalid", file.readlink(dir.at "f"))
    broken("exists", file.symlink("f", dir.at "soft"))
  end)

  it("tells size, type, permissions and times; of a link its own or its target's", function()
    program.write(dir.at "f", "12345")
    await(file.chmod(dir.at "f", 416))
    await(file.utime(dir.at "f", 1000.5, 2000.25))
    await(file.symlink("f", dir.at "link"))
    local stat = await(file.stat(dir.at "link"))
    assert.equal("file", stat.type)
    assert.equal(5, stat.size)
    assert.equal(416, stat.mode)
    assert.equal(1000.5, stat.atime)
    assert.equal(2000.25, stat.mtime)
    assert.is_true(math.abs(stat.ctime - os.time()) < 100)
    assert.equal("link", await(file.lstat(dir.at "link")).type)
    assert.equal("directory", await(file.stat(dir.path)).type)
    assert.equal("character device", await(file.stat "/dev/null").type)
    await(file.chown(dir.at "f", stat.uid, nil))
    await(file.utime(dir.at "link", 1, 2, { follow = false }))
    assert.equal(2, await(file.lstat(dir.at "link")).mtime)
    assert.equal(2000.25, await(file.stat(dir.at "f")).mtime)
  end)

  it("cuts a file off, or fills it up", function()
    program.write(dir.at "f", "12345")
    await(file.truncate(dir.at "f", 2))
    assert.equal("12", program.read(dir.at "f"))
    await(file.truncate(dir.at "f", 4))
    assert.equal("12\0\0", program.read(dir.at "f"))
    await(file.truncate(dir.at "f"))
    assert.equal("", program.read(dir.at "f"))
  end)

  it("knows whether something is there", function()
    program.write(dir.at "f", "x")
    assert.is_true(await(file.exists(dir.at "f")))
    assert.is_false(await(file.exists(dir.at "g")))
    assert.is_false(await(file.exists(dir.at "f/g")))
    await(file.symlink("nowhere", dir.at "dangling"))
    assert.is_false(await(file.exists(dir.at "dangling")))
  end)
end)
