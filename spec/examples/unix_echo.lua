--- Says two lines in pieces, the end without a newline, and reads until the end.
local client = [[python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["SOCKET"])
for piece in (b"one\ntw", b"o\nthree"): s.sendall(piece)
s.shutdown(socket.SHUT_WR)
heard = b""
while True:
    more = s.recv(100)
    if not more: break
    heard += more
print(heard.decode().replace(str(os.getuid()) + ":", "me:"), end="")
']]

return {
  socket = true,
  out = { "Listening at ", "/socket\n" },
  clients = {
    { run = client, out = "me: ONE\nme: TWO\nme: THREE\n" },
    { run = client, out = "me: ONE\nme: TWO\nme: THREE\n" },
    { run = "stat -c %a $SOCKET", out = "600\n" },
  },
}
