return {
  port = true,
  before = "$CROLUA dev-cert --dir .",
  out = { '"GET /x HTTP/2.0" 200', '"GET /y HTTP/1.1" 200' },
  clients = {
    { run = "curl -s --cacert ca.pem https://localhost:$PORT/x", out = "Hello from Cro, https/2.0\n" },
    { run = "curl -s --cacert ca.pem --http1.1 https://localhost:$PORT/y", out = "Hello from Cro, https/1.1\n" },
    {
      run = "nghttp https://localhost:$PORT/a https://localhost:$PORT/b",
      out = "Hello from Cro, https/2.0\nHello from Cro, https/2.0\n",
    },
  },
}
