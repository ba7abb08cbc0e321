local both = "curl -s --cacert ca.pem https://localhost:$PORT"

return {
  port = true,
  before = "$CROLUA dev-cert --dir .",
  out = { '"GET / HTTP/2.0" 200 42', '"GET / HTTP/1.1" 200 42', '"POST /upper HTTP/2.0" 200 5' },
  clients = {
    { run = both .. "/", out = "Hello from Cro, over HTTP/2.0 and TLSv1.3\n" },
    { run = both .. "/ --http1.1", out = "Hello from Cro, over HTTP/1.1 and TLSv1.3\n" },
    { run = both .. "/ --tls-max 1.2", out = "Hello from Cro, over HTTP/2.0 and TLSv1.2\n" },
    { run = both .. "/upper -d shout -H 'Content-Type: text/plain'", out = "SHOUT" },
    -- two streams of one connection: the quick one does not wait for the slow one
    {
      run = "nghttp -nv https://localhost:$PORT/slow/0.3 https://localhost:$PORT/slow/0.01 | "
        .. "grep -o 'recv DATA frame <length=[0-9]*'",
      out = "recv DATA frame <length=13\nrecv DATA frame <length=12\n",
    },
    { run = "curl -s $URL/", out = "This port speaks HTTPS: ask for https://, please.\n" },
  },
  err = { "no TLS handshake with 127.0.0.1: the peer speaks plain HTTP" },
}
