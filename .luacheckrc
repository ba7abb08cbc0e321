-- One dialect per folder; no globals of our own anywhere.
std = "luajit"
cache = false
max_line_length = 120
unused_args = true
self = false -- a method need not use its object

files["spec"] = { std = "+busted" }
files["lua/cro/meta"] = { ignore = { "211", "212", "241" } } -- declarations only

exclude_files = { "build", "build-*", ".deps", ".luarocks" }
