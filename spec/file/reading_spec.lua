local cro = require "cro"
local folder = require "spec.support.folder"
local children = require "spec.support.children"
local program = require "spec.support.program"
local await, broken, refused = cro.await, folder.broken, folder.refused
local file = cro.file

describe("a file as a supply #loop", function()
  local dir = folder.each(before_each, after_each)

  local function pieces(supply)
    local list = await(supply:list())
    list.n = nil
    return list
  end

  it("comes in pieces, in order, to the end", function()
    program.write(dir.at "f", "0123456789")
    assert.same({ "0123", "4567", "89" }, pieces(file.stream(dir.at "f", { chunk = 4 })))
    assert.same({ "0123456789" }, pieces(file.stream(dir.at "f")))
    program.write(dir.at "g", "")
    assert.same({}, pieces(file.stream(dir.at "g")))
  end)

  it("comes from an offset up to before another", function()
    program.write(dir.at "f", "0123456789")
    assert.same({ "234", "56" }, pieces(file.stream(dir.at "f", { from = 2, to = 7, chunk = 3 })))
    assert.same({ "789" }, pieces(file.stream(dir.at "f", { from = 7 })))
    assert.same({ "01" }, pieces(file.stream(dir.at "f", { to = 2 })))
    assert.same({}, pieces(file.stream(dir.at "f", { from = 20 })))
    assert.same({}, pieces(file.stream(dir.at "f", { from = 5, to = 3 })))
  end)

  it("is read anew by each tap", function()
    program.write(dir.at "f", "text")
    local supply = file.stream(dir.at "f")
    assert.same({ "text" }, pieces(supply))
    assert.same({ "text" }, pieces(supply))
  end)

  it("quits when it cannot be opened or read", function()
    broken("not_found", file.stream(dir.at "nope"):list())
    broken("is_directory", file.stream(dir.path):list())
    broken("invalid", file.stream "a\0b":list())
    refused("file.stream: argument 1: expected string", file.stream)
    refused("1 to 16 MiB", file.stream, "f", { chunk = 0 })
  end)

  it("comes in lines", function()
    program.write(dir.at "f", "one\r\ntwo\n\nlast")
    assert.same({ "one", "two", "", "last" }, pieces(file.lines(dir.at "f")))
    assert.same({ "one\r\n", "two\n", "\n", "last" }, pieces(file.lines(dir.at "f", { chomp = false })))
    broken("too_long", file.lines(dir.at "f", { max = 2 }):list())
    broken("not_found", file.lines(dir.at "nope"):list())
  end)

  it("is read on only when the last piece was handled", function()
    program.write(dir.at "f", ("x"):rep(1000))
    local seen = 0
    cro.react(function()
      cro.whenever(file.stream(dir.at "f", { chunk = 100 }), function()
        seen = seen + 1
        if seen == 2 then await(file.truncate(dir.at "f", 150)) end
      end)
    end)
    assert.equal(2, seen)
  end)

  it("is closed when its tap is, wherever that was", function()
    program.write(dir.at "f", ("x"):rep(1000000))
    for pause = 0, 3 do
      local seen = 0
      local tap = file.stream(dir.at "f", { chunk = 1000 }):tap(function() seen = seen + 1 end)
      if pause > 0 then cro.sleep(pause / 1000) end
      tap:close()
      local at_close = seen
      folder.settled()
      assert.equal(at_close, seen)
    end
    assert.same({ ("x"):rep(10) }, pieces(file.stream(dir.at "f", { chunk = 10 }):head(1)))
  end)

  it("is closed when a handler fails", function()
    program.write(dir.at "f", ("x"):rep(1000))
    local ok, err = pcall(cro.react, function()
      cro.whenever(file.stream(dir.at "f", { chunk = 10 }), function() error("enough", 0) end)
    end)
    assert.is_false(ok)
    assert.matches("enough", tostring(err))
    folder.settled()
  end)

  it("of an open file begins where that stands and leaves it open", function()
    program.write(dir.at "f", "skip\none\ntwo\n")
    local handle = await(file.open(dir.at "f"))
    await(handle:read(5))
    assert.same({ "one", "two" }, pieces(handle:lines()))
    assert.same({ "ki" }, pieces(handle:supply { from = 1, to = 3 }))
    await(handle:seek "set")
    local all = {}
    for piece in handle:supply({ chunk = 6 }):each() do
      all[#all + 1] = piece
    end
    assert.same({ "skip\no", "ne\ntwo", "\n" }, all)
    await(handle:close())
    broken("closed", handle:supply():list())
  end)

  it("takes no more memory however large it is", function()
    local size = 256 * 1024 * 1024
    os.execute(("truncate -s %d %s"):format(size, dir.at "large"))
    local function resident()
      return tonumber(await(file.read "/proc/self/status"):match "VmRSS:%s*(%d+)") * 1024
    end
    local before, most, got, pieces_seen = resident(), 0, 0, 0
    cro.react(function()
      cro.whenever(file.stream(dir.at "large"), function(piece)
        got, pieces_seen = got + #piece, pieces_seen + 1
        if pieces_seen % 256 == 0 then
          cro.sleep(0.005)
          most = math.max(most, resident())
        end
      end)
    end)
    assert.equal(size, got)
    if children.sanitized() then return end -- which keeps freed memory
    assert.is_true(most - before < 16 * 1024 * 1024, ("grew by %d MiB"):format((most - before) / 1048576))
  end)
end)
