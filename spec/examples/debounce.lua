return {
  virtual = true,
  arguments = "0.05",
  out = "searching lua\nsearching luajit\nsearching luajit ffi\nresults for \"luajit ffi\"\n",
}
