--- The Lua files that the program carries as bytecode: which of a file and its bytecode
--- runs, and that it cannot be told from the outside.
local program = require "spec.support.program"

describe("the bytecode in crolua #loop", function()
  local folder, tree

  --- A module on which no other depends.
  local FILE = "cro/timeout.lua"

  local function sh(command, ...)
    command = command:format(...)
    local result = program.shell(folder, command)
    assert.equal("", result.err)
    return result.out
  end

  local function crolua(chunk)
    return program.shell(folder, "./bin/crolua -e " .. program.quote(chunk))
  end

  --- Appends a line that leaves a mark, in the place of as many bytes of comment when the
  --- size is to stay.
  local function mark(name, keep_size)
    local path = tree .. "/" .. name
    local text = program.read(path)
    local line = "_G.marked = true "
    if keep_size then
      local comment = assert(text:match("%-%-%-[^\n]+"))
      assert.is_true(#comment > #line)
      text = line .. ("-"):rep(#comment - #line) .. text:sub(#comment + 1)
      assert.equal(#program.read(path), #text)
    else
      text = line .. text
    end
    program.write(path, text)
  end

  before_each(function()
    folder = program.folder()
    tree = folder .. "/share/lua/5.1"
    sh("mkdir -p bin share/lua && cp %s bin/crolua", program.crolua())
  end)

  after_each(function() program.remove(folder) end)

  local function install(how) sh("cp %s %s/lua %s", how, os.getenv "PWD", tree) end

  local SHOW = "require 'cro.timeout' print(marked)"

  it("runs for a file with the size and the time of the compiled one", function()
    install "-Rp"
    -- Nothing else shows that bytecode ran: the file is another one in secret.
    sh("cp -p %s/%s kept", tree, FILE)
    mark(FILE, true)
    sh("touch -r kept %s/%s", tree, FILE)
    assert.equal("nil\n", crolua(SHOW).out)
  end)

  for _, how in ipairs { "-R", "-Rp" } do
    it("gives way to an edited file of a copy made by cp " .. how, function()
      install(how)
      assert.equal("nil\n", crolua(SHOW).out)
      mark(FILE)
      assert.equal("true\n", crolua(SHOW).out)
    end)

    it("gives way to an edit that keeps the size, in a copy made by cp " .. how, function()
      install(how)
      mark(FILE, true)
      assert.equal("true\n", crolua(SHOW).out)
    end)

    it("gives way to an edited cro/boot.lua, in a copy made by cp " .. how, function()
      install(how)
      mark("cro/boot.lua", true)
      assert.equal("true\n", crolua("print(marked)").out)
    end)
  end

  it("says of a function where it is in the file", function()
    install "-R"
    local result = crolua [[
      local found = require("cro.timeout").new
      local info = debug.getinfo(found, "S")
      local name = assert(package.searchpath("cro.timeout", package.path))
      assert(info.source == "@" .. name, info.source)
      local same = {}
      for line in io.lines(name) do same[#same + 1] = line end
      print(info.short_src == debug.getinfo(assert(loadfile(name)), "S").short_src)
      print(same[info.linedefined]:match "function", same[info.lastlinedefined]:match "end")
      print(debug.getlocal(found, 1))
    ]]
    assert.equal("", result.err)
    assert.equal(0, result.status)
    assert.matches("^true\nfunction\tend\n%a", result.out)
  end)

  it("shows file and line in the traceback of an error", function()
    install "-R"
    local result = crolua [[
      local options = require "cro.options"
      local ok, text = xpcall(options.check, debug.traceback, "f", 1, {})
      print(text)
    ]]
    local line = result.out:match "share/lua/5%.1/cro/options%.lua:(%d+): in function"
    assert.is_string(line, result.out)
    local at, text = 0, nil
    for each in io.lines(tree .. "/cro/options.lua") do
      at = at + 1
      if at == tonumber(line) then text = each end
    end
    assert.matches("misuse", text)
  end)

  it("tells a syntax error of an edited file as ever", function()
    install "-Rp"
    program.write(tree .. "/" .. FILE, "local = 1")
    local result = crolua(SHOW)
    assert.equal(1, result.status)
    assert.matches("error loading module 'cro.timeout' from file '" .. tree .. "/" .. FILE, result.err, 1, true)
    assert.matches("timeout.lua:1: '<name>' expected near '='", result.err, 1, true)
  end)

  it("is no stand-in for a file that is gone", function()
    install "-Rp"
    os.remove(tree .. "/" .. FILE)
    local result = crolua(SHOW)
    assert.matches("module 'cro.timeout' not found:", result.err, 1, true)
    assert.matches("no file '" .. tree .. "/" .. FILE .. "'", result.err, 1, true)
  end)

  it("gives way to a module of the same name in the folder of the script", function()
    install "-Rp"
    sh "mkdir cro"
    program.write(folder .. "/" .. FILE, "marked = 'the stranger' return {}")
    assert.equal("the stranger\n", crolua(SHOW).out)
  end)

  it("gives way to what a script puts before it in package.path", function()
    install "-Rp"
    sh "mkdir -p other/cro"
    program.write(folder .. "/other/" .. FILE, "marked = ... return {}")
    assert.equal("cro.timeout\n", crolua("package.path = 'other/?.lua;' .. package.path " .. SHOW).out)
    assert.equal("nil\n", crolua("package.path = package.path .. ';other/?.lua' " .. SHOW).out)
  end)

  it("leaves package.loaders with the four of Lua 5.1, which a script may replace", function()
    install "-Rp"
    assert.equal("4\n", crolua("print(#package.loaders)").out)
    local result = crolua("package.loaders[2] = function(name) return function() marked = name return {} end end "
      .. SHOW)
    assert.equal("cro.timeout\n", result.out)
  end)

  it("leaves odd names and paths to the stock searcher", function()
    install "-Rp"
    local result = crolua [[
      print(pcall(require, "cro." .. ("x"):rep(5000)))
      package.path = ";;" .. package.path .. ";;" .. ("?"):rep(5000)
      print(type(require "cro.timeout"))
      package.path = nil
      print(pcall(require, "cro.tcp"))
    ]]
    assert.equal("", result.err)
    assert.matches("^false\tmodule 'cro%.xxx", result.out)
    assert.matches("\ntable\nfalse\t'package.path' must be a string\n$", result.out)
  end)
end)
