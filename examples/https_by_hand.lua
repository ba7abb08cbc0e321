--- HTTPS by swapping the listener: the pipeline of http_by_hand.lua behind another first
--- part. Over the clear listener it speaks HTTP/1.1; over this one the client chooses, and
--- `MyApp` need not know. `crolua dev-cert --dir .` makes the two files.
local cro = require "cro"
local http = require "cro.http"
local emit, supply, whenever = cro.emit, cro.supply, cro.whenever

local host, port = os.getenv "HOST" or "127.0.0.1", tonumber(os.getenv "PORT" or 8443)

local listeners = {
  clear = cro.tcp.listener { host = host, port = port },
  secure = cro.tls.listener {
    host = host,
    port = port,
    certificate_file = "server-crt.pem",
    private_key_file = "server-key.pem",
    alpn = { "h2", "http/1.1" },
  },
}

local MyApp = cro.transform {
  name = "MyApp",
  consumes = http.Request,
  produces = http.Response,
  transformer = function(_, requests)
    return supply(function()
      whenever(requests, function(request)
        local response = http.Response { request = request, status = 200 }
        response:append_header("Content-type", "text/plain")
        response:set_body(("Hello from Cro, %s/%s\n"):format(request.scheme, request.version))
        emit(response)
      end)
    end)
  end,
}

cro.run(cro.compose {
  listeners[arg[1] or "secure"],
  http.request_parser(),
  MyApp,
  http.log.file { format = "common" },
  http.response_serializer(),
})
