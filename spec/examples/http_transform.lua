return {
  port = true,
  out = { "[OK] 200 /a - 127.0.0.1", "[OK] 200 /b - 127.0.0.1", "[OK] 200 /c - 127.0.0.1" },
  clients = {
    {
      run = "curl -s $URL/a $URL/b",
      out = "request 1 of this connection: /a\nrequest 2 of this connection: /b\n",
    },
    { run = "curl -s $URL/c", out = "request 1 of this connection: /c\n" },
  },
}
