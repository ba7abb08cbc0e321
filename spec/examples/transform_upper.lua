return {
  port = true,
  clients = {
    { run = "{ printf 'one\\ntw'; sleep 0.2; printf 'o\\nthree'; } | nc -N $HOST $PORT", out = "ONE\nTWO\nTHREE\n" },
  },
}
