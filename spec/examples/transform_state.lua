--- Says more when it was answered.
local two_pieces = [[python3 -c '
import os, socket
s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), 20)
answers = s.makefile()
for piece in (b"abc", b"de"):
    s.sendall(piece)
    print(answers.readline(), end="")
']]

return {
  port = true,
  clients = {
    { run = two_pieces, out = "1 messages, 3 bytes\n2 messages, 5 bytes\n" },
    { run = "printf x | nc -N $HOST $PORT", out = "1 messages, 1 bytes\n" },
  },
}
