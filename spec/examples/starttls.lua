local client = [[python3 -c '
import os, smtplib, ssl
c = smtplib.SMTP("localhost", int(os.environ["PORT"]))
print(c.help().decode())
c.starttls(context=ssl.create_default_context(cafile="ca.pem"))
print(c.help().decode())
print(c.docmd("STARTTLS"), c.docmd("NOOP"))
c.quit()
']]

--- A command in the clear, sent along with STARTTLS, is not taken for one said under TLS.
local injection = [[python3 -c '
import os, socket
s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), 5)
s.sendall(b"STARTTLS\r\nHELP\r\n")
heard = b""
while True:
    more = s.recv(100)
    if not more: break
    heard += more
print(heard)
']]

return {
  port = true,
  before = "$CROLUA dev-cert --dir .",
  err = { "have not been read" },
  clients = {
    {
      run = client,
      out = "in plain text\nTLSv1.3\n(503, b'this is TLS already') (502, b'no such command here')\n",
    },
    { run = injection, out = "b'220 127.0.0.1 ready\\r\\n220 go ahead\\r\\n'\n" },
  },
}
