--- Two clients at once: the second is answered while the first is still connected. The
--- trace goes to the file that the shell of the run keeps.
local two_at_once = [[python3 -c '
import os, socket
def client(): return socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), 5)
def ask(s, text):
    s.sendall(text)
    got = b""
    while len(got) < len(text): got += s.recv(100)
    return got.decode()
one, two = client(), client()
print(ask(one, b"Hello"), ask(two, b"World!"), ask(one, b"Uryyb"))
two.shutdown(socket.SHUT_WR)
print(repr(two.recv(1)))
print(ask(one, b"still here"))
']]

return {
  env = "CRO_TRACE=1",
  port = true,
  clients = { { run = two_at_once, out = "Uryyb Jbeyq! Hello\nb''\nfgvyy urer\n" } },
  err = {
    "[TRACE(rot13)] TCP Listener EMIT TCP Connection",
    "[TRACE(rot13)] TCP Connection EMIT TCP Message\n  48 65 6c 6c 6f ",
    "Hello\n",
    "[TRACE(rot13)] Rot13 EMIT TCP Message\n  55 72 79 79 62 ",
    "Uryyb\n",
    "[TRACE(rot13)] Rot13 DONE",
  },
}
