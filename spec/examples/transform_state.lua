return {
  port = true,
  clients = {
    { run = "{ printf abc; sleep 0.3; printf de; sleep 0.3; } | nc -N $HOST $PORT",
      out = "1 messages, 3 bytes\n2 messages, 5 bytes\n" },
    { run = "printf x | nc -N $HOST $PORT", out = "1 messages, 1 bytes\n" },
  },
}
