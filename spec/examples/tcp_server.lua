--- One client breaks off with a reset; the next is answered as the first was.
local reset = [[python3 -c '
import os, socket, struct
s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), 5)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
']]

return {
  port = true,
  clients = {
    { run = "curl -s -i $URL/", out = "HTTP/1.0 200 OK\r\nContent-type: text/plain\r\n\r\nWow a HTTP response!\n" },
    { run = reset },
    { run = "curl -s $URL/again", out = "Wow a HTTP response!\n" },
  },
}
