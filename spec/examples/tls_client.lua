--- The peer answers once over TLS and closes; what it was asked is part of its answer.
local peer = [[python3 -c '
import os, socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server-crt.pem", "server-key.pem")
s = socket.create_server(("127.0.0.1", int(os.environ["PEER_PORT"])))
while True:
    plain, _ = s.accept()
    try: c = context.wrap_socket(plain, server_side=True)
    except (ssl.SSLError, OSError): continue
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        more = c.recv(1000)
        if not more: break
        asked += more
    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nasked: " + asked)
    c.unwrap()
    c.close()
']]

return {
  before = "$CROLUA dev-cert --dir .",
  beside = peer,
  arguments = "$HOST $PEER_PORT ca.pem",
  out = "HTTP/1.0 200 OK\r\n\r\nasked: GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
  err = { "TLSv1.3, TLS_", "certificate of ", "CN=" },
}
