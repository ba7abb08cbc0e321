return {
  virtual = true,
  arguments = "0.1",
  out = {
    "tick 0\t0.0 s", "tick 1\t0.1 s", "tick 2\t0.2 s", "tick 5", "closed\t0.",
    "tock 0", "tock 1", "half way", "tock 2",
  },
}
