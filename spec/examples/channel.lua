return {
  arguments = "6",
  out = { "1 squared is 1", "4 squared is 16", "5: not_found", "6 squared is 36", "5 found, 1 not" },
}
