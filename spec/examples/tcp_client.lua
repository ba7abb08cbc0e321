--- The peer answers once and closes; what it was asked is part of its answer.
local peer = [[python3 -c '
import os, socket
s = socket.create_server(("127.0.0.1", int(os.environ["PEER_PORT"])))
while True:
    c, _ = s.accept()
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        more = c.recv(1000)
        if not more: break
        asked += more
    if asked: c.sendall(b"HTTP/1.0 200 OK\r\n\r\nasked: " + asked)
    c.close()
']]

return {
  beside = peer,
  arguments = "$HOST $PEER_PORT",
  out = "HTTP/1.0 200 OK\r\n\r\nasked: GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
}
