local cro = require "cro"
local folder = require "spec.support.folder"
local program = require "spec.support.program"
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

  describe("belong to whoever made them", function()
    it("and go with their block, although they were closed", function()
      cro.react(function()
        local a = await(file.temp_file { dir = dir.path })
        await(a:write "x")
        await(a:close())
        await(file.temp_dir { dir = dir.path })
        assert.equal(2, #await(file.list(dir.path)))
      end)
      assert.same({}, await(file.list(dir.path)))
    end)

    it("although only their path is used", function()
      cro.react(function()
        local path = await(file.temp_file { dir = dir.path }).path
        collectgarbage()
        collectgarbage()
        assert.is_true(await(file.exists(path)))
      end)
      assert.same({}, await(file.list(dir.path)))
    end)

    it("and go with a job that fails or is cancelled, not with one that returns them", function()
      local kept = await(cro.start(function() return await(file.temp_file { dir = dir.path }) end))
      cro.pawait(cro.start(function()
        await(file.temp_file { dir = dir.path })
        error("enough", 0)
      end))
      local made = cro.Promise.new()
      local job = cro.start(function()
        made:keep(await(file.temp_dir { dir = dir.path }))
        cro.sleep(100)
      end)
      await(made)
      assert.equal(2, #await(file.list(dir.path)))
      job:cancel()
      cro.pawait(job)
      assert.same({ kept.path:match "[^/]+$" }, await(file.list(dir.path)))
      await(kept:remove())
    end)

    it("even when nobody waited until they were made", function()
      for pause = 0, 4 do
        for _, make in ipairs { file.temp_file, file.temp_dir } do
          local making = make { dir = dir.path }
          if pause > 0 then cro.sleep(pause / 4000) end
          making:cancel()
          if making:status() == "kept" then await(await(making):remove()) end
        end
      end
      folder.settled()
      assert.same({}, await(file.list(dir.path)))
    end)

    it("and go with the program, however that ends", function()
      program.write(dir.at "script.lua", [[
        local cro = require "cro"
        cro.await(cro.file.mkdir("in", { parents = true }))
        local made = cro.Promise.new()
        cro.start(function()
          made:keep(cro.await(cro.file.temp_file { dir = "in" }))
          cro.sleep(100)
        end)
        cro.await(cro.file.temp_dir { dir = "in" })
        cro.await(made)
        print(#cro.await(cro.file.list "in"))
        if arg[1] == "exit" then os.exit(0) end
        if arg[1] == "error" then error "enough" end
      ]])
      for _, how in ipairs { "return", "exit", "error" } do
        local run = program.shell(dir.path, program.crolua() .. " script.lua " .. how)
        assert.equal("2\n", run.out, run.err)
        assert.same({}, await(file.list(dir.at "in")))
      end
    end)
  end)
end)
