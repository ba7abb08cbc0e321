local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

--- A client of HTTP/2 that asks for /late, takes it back, and may leave its connection.
local TAKES_BACK = [[
import h2.connection, h2.config, socket, ssl, sys, time
port, how = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
if len(sys.argv) > 3: context.load_cert_chain(sys.argv[3], sys.argv[4])
sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
conn = h2.connection.H2Connection(h2.config.H2Configuration())
conn.initiate_connection()
conn.send_headers(1, [(":method", "GET"), (":scheme", "https"), (":path", "/late"),
                      (":authority", "localhost")], end_stream=True)
sock.sendall(conn.data_to_send())
time.sleep(0.1)
if how == "reset": conn.reset_stream(1)
else: conn.close_connection()
sock.sendall(conn.data_to_send())
if how == "reset": time.sleep(0.3)
]]

describe("a request that has ended #loop", function()
  local service, port, told

  local function facts(c)
    local q, tls = c.request, c.tls
    return {
      c.secure, c.scheme, q.secure, q.scheme, q.version, c.peer, (q:peer()), tls and tls.version,
      tls and tls.peer and tls.peer.common_name,
    }
  end

  --- Once it has ended: the handler goes on, shielded.
  local function start(options)
    told = cro.Promise.new()
    options.host, options.port = "127.0.0.1", 0
    options.application = r.route {
      r.get("/late", function(c)
        cro.shield(function()
          cro.sleep(0.5)
          told:keep(facts(c))
        end)
      end),
    }
    service = http.server(options)
    service:start()
    port = select(2, service:address())
  end

  after_each(function() cro.await(service:stop { now = true }) end)

  for _, how in ipairs { "reset", "leave" } do
    it("over HTTP/2 still tells where it came from: " .. how, function()
      local who = certificates.issue { name = "alice", names = false, usage = "clientAuth" }
      start { tls = certificates.options { verify = "require", ca_file = certificates.ca() } }
      clients.python(TAKES_BACK, tostring(port), how, who.certificate_file, who.private_key_file)
      assert.same({ true, "https", true, "https", "2.0", "127.0.0.1", "127.0.0.1", "TLSv1.3", "alice" },
        cro.await(told))
    end)
  end

  it("over TLS and HTTP/1.1 still tells where it came from", function()
    start { tls = certificates.options() }
    clients.run("curl", "-sk", "--http1.1", "--max-time", "0.2", ("https://localhost:%d/late"):format(port))
    assert.same({ true, "https", true, "https", "1.1", "127.0.0.1", "127.0.0.1", "TLSv1.3" }, cro.await(told))
  end)

  it("in the clear still tells where it came from", function()
    start {}
    local conn = cro.await(cro.tcp.connect("127.0.0.1", port))
    cro.await(conn:write "GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
    while service:stats().running == 0 do
      cro.sleep(0.005)
    end
    conn:close()
    assert.same({ false, "http", false, "http", "1.1", "127.0.0.1", "127.0.0.1" }, cro.await(told))
  end)
end)
