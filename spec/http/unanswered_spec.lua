local certificates = require "spec.support.certificates"
local clients = require "spec.support.clients"
local cro = require "cro"
local http = require "cro.http"

describe("a pipeline with a request parser and no serializer #loop", function()
  it("speaks HTTP/1.1 by itself, and turns HTTP/2 away, which it cannot speak", function()
    local Raw = cro.map(http.Request, cro.tcp.Message, function(request)
      return cro.tcp.Message { data = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" .. request.version:sub(1, 1) .. "!" }
    end)
    local service = cro.compose {
      cro.tls.listener(certificates.options { host = "127.0.0.1", port = 0, alpn = { "h2", "http/1.1" } }),
      http.request_parser(), Raw,
    }
    service:start()
    local url = ("https://localhost:%d"):format(select(2, service:address()))
    local _, _, code = clients.curl("--http2", url)
    assert.is_true(code ~= 0)
    assert.equal("1!", (clients.curl("--http1.1", url)))
    cro.await(service:stop { now = true })
  end)
end)
