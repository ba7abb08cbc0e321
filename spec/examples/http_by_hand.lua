return {
  port = true,
  out = { "[OK] 200 /x - 127.0.0.1", "[OK] 200 /y - 127.0.0.1" },
  clients = {
    { run = "curl -s -i $URL/x", out = { "HTTP/1.1 200 OK", "Content-Type: text/plain", "Hello from Cro\n" } },
    { run = "curl -s -d body $URL/y", out = "Hello from Cro\n" },
    { run = "printf 'GET / HTTP/1.1\\r\\nBad name: x\\r\\n\\r\\n' | nc -q 1 $HOST $PORT", out = { "HTTP/1.1 400" } },
  },
}
