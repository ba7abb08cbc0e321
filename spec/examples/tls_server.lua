--- One client breaks off in its handshake, one speaks no TLS; the next is answered as the
--- first was.
local broken = [[python3 -c '
import os, socket, struct
s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), 5)
s.sendall(b"\x16\x03\x01")
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
']]

return {
  port = true,
  before = "$CROLUA dev-cert --dir .",
  err = { "TLS listener 127.0.0.1:", "the peer speaks plain HTTP" },
  clients = {
    {
      run = "curl -s -i --cacert ca.pem https://localhost:$PORT/",
      out = "HTTP/1.0 200 OK\r\nContent-type: text/plain\r\n\r\nWow a HTTP response!\n",
    },
    { run = broken },
    { run = "curl -s $URL/", status = 52 },
    { run = "curl -s --cacert ca.pem https://127.0.0.1:$PORT/again", out = "Wow a HTTP response!\n" },
  },
}
