rockspec_format = "3.0"
package = "crolua"
version = "scm-1"
source = { url = "git+https://github.com/crolua/crolua.git" }
description = {
  summary = "Reactive services in Lua: promises, supplies, typed pipelines, HTTP",
  detailed = [[
A C core (LuaJIT, libuv, llhttp) and a Lua surface. Installs the program `crolua`, a
drop-in `lua` whose main chunk may wait, and the library `cro`.
]],
  license = "MIT",
}
dependencies = { "lua == 5.1" }
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "RelWithDebInfo",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    CMAKE_INSTALL_BINDIR = "$(BINDIR)",
    CRO_LUA_DIR = "$(LUADIR)",
    CRO_LUA_CDIR = "$(LIBDIR)",
    CRO_TESTS = "OFF",
  },
}
-- A program, not a Lua script to be wrapped.
deploy = { wrap_bin_scripts = false }
