describe("require 'cro'", function()
  local cro = require "cro"

  it("has every name of the reactive core and of pipelines", function()
    for _, name in ipairs {
      "Promise", "Supplier", "Supply", "await", "pawait", "pcall", "start", "defer", "sleep", "shield", "now",
      "react", "supply", "whenever", "emit", "done", "last", "closing",
      "transform", "source", "sink", "connector", "map", "message", "connection_type", "compose", "conditional",
      "run", "on_error",
    } do
      assert.is_truthy(cro[name], name)
    end
    assert.is_string(cro.version)
  end)

  it("is the same module for every name, loaded once", function()
    assert.equal(cro.transform, cro.transform)
    assert.equal(require("cro.pipeline").compose, cro.compose)
    assert.equal(require("cro.reactive").react, cro.react)
  end)

  it("has the modules of values by their names", function()
    for _, name in ipairs { "uri", "media_type", "timeout", "json" } do
      assert.equal(require("cro." .. name), cro[name])
    end
    assert.equal("example.com", cro.uri.of("http://example.com/").host)
    assert.equal(5, cro.timeout.new({ connect = 5 }, { connect = 60 }):get(0, "connect"))
  end)

  it("declares each of its names for editors, and no other", function()
    local file = assert(io.open "lua/cro/init.lua")
    local text = file:read "*a"
    file:close()
    local declared = {}
    for name in text:gmatch "\n%-%-%-@field (%w[%w_]*) " do
      declared[name] = true
      assert.is_truthy(cro[name], name .. " is declared and not there")
    end
    for name in text:gmatch '\n  ([%w_]+) = "cro[%w_.]*",' do
      assert.is_true(declared[name], name .. " is not declared")
    end
    for name in pairs(cro) do
      assert.is_true(declared[name], name .. " is not declared")
    end
  end)

  it("has no name that does not exist, and sets no global", function()
    assert.is_nil(cro.no_such_name)
    assert.is_nil(rawget(_G, "cro"))
  end)

  it("loads what a script does not name only when it is named", function()
    local program = [[
      package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
      local cro = require "cro"
      assert(not package.loaded["cro.pipeline"], "pipelines loaded at start")
      assert(not package.loaded["cro.run"], "cro.run loaded at start")
      assert(not package.loaded["cro.uri"], "cro.uri loaded at start")
      local T = cro.message { name = "T" }
      cro.compose { cro.map(T, T, function(m) return m end) }
      assert(not package.loaded["cro.pipeline.native"], "native parts loaded without one")
      assert(not package.loaded["cro.pipeline.service"], "services loaded without one")
    ]]
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(program)
    file:close()
    local status = os.execute("luajit " .. name)
    os.remove(name)
    assert.equal(0, status)
  end)
end)
