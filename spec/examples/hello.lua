return {
  port = true,
  out = {
    "Serving on http://127.0.0.1:", "curl http://127.0.0.1:", "Ctrl-C stops it.",
    "[OK] 200 / - 127.0.0.1", "[OK] 200 /hello/you - 127.0.0.1",
  },
  err = { "[ERROR] 404 /none - 127.0.0.1 - ", " ms\n" },
  clients = {
    { run = "curl -s $URL/", out = "Hello from Cro\n" },
    { run = "curl -s $URL/hello/you", out = "Hello, you\n" },
    { run = "curl -s $URL/add/2/40", out = '{"sum":42}' },
    { run = [[curl -s -H 'Content-Type: application/json' -d '{"lua":true}' $URL/echo]], out = '{"lua":true}' },
    { run = "curl -sN $URL/ticks | head -n 1", out = "data: 0\n" },
    { run = "curl -s $URL/none", out = "Not Found" },
  },
}
