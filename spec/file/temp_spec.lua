local cro = require "cro"
local folder = require "spec.support.folder"
local await, broken, refused = cro.await, folder.broken, folder.refused
local file = cro.file

describe("temporary files #loop", function()
  local dir = folder.each(before_each, after_each)

  it("are new, open, for their owner alone, and named as wished", function()
    local a = await(file.temp_file { dir = dir.path, prefix = "up-", suffix = ".txt" })
    local b = await(file.temp_file { dir = dir.path .. "/" })
    assert.matches("^" .. dir.path:gsub("%p", "%%%0") .. "/up%-%w+%.txt$", a.path)
    assert.not_equal(a.path, b.path)
    assert.equal(384, await(a:stat()).mode)
    await(a:write "hello")
    assert.equal("hello", await(a:read(10, 0)))
    await { a:remove(), b:remove() }
    assert.same({}, await(file.list(dir.path)))
  end)

  it("are removed once, and stay where they were moved to", function()
    local a = await(file.temp_file { dir = dir.path })
    await(a:write "kept")
    await(file.rename(a.path, dir.at "kept"))
    local removal = a:remove()
    assert.equal(removal, a:remove())
    assert.is_true(await(removal))
    broken("closed", a:write "late")
    assert.same({ "kept" }, await(file.list(dir.path)))
  end)

  it("may be folders, which go with what is in them", function()
    local folder_made = await(file.temp_dir { dir = dir.path, prefix = "work-" })
    assert.equal(448, await(file.stat(folder_made.path)).mode)
    assert.equal("folder " .. folder_made.path, tostring(folder_made))
    await(file.mkdir(folder_made.path .. "/a/b", { parents = true }))
    await(file.write(folder_made.path .. "/a/b/f", "x"))
    assert.is_true(await(folder_made:remove()))
    assert.equal(folder_made:remove(), folder_made:remove())
    assert.same({}, await(file.list(dir.path)))
  end)

  it("say where they cannot be made", function()
    local err = broken("not_found", file.temp_file { dir = dir.at "nope" })
    assert.equal("file.temp_file", err.op)
    broken("not_found", file.temp_dir { dir = dir.at "nope" })
    refused('option "prefix": expected a part of a name', file.temp_file, { prefix = "a/b" })
  end)
end)
