return {
  stdin = ("x"):rep(3000000),
  arguments = "stdin copied",
  out = { " 10 %", " 50 %", "100 %", "copied 3000000 bytes" },
}
