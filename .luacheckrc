-- One dialect per folder; no globals of our own anywhere.
std = "luajit"
cache = false
max_line_length = 120
unused_args = true
self = false -- a method need not use its object

files["spec"] = {
  std = "+busted",
  max_line_length = 150, -- rows of cases
  ignore = { "512" }, -- a for loop left at its first value is a case of its own
}
files["bench/load"] = { globals = { "init", "request", "response", "done" }, read_globals = { "wrk" } }
files["lua/cro/meta"] = { ignore = { "211", "212", "241" } } -- declarations only

exclude_files = { "build", "build-*", ".deps", ".luarocks" }
