--- What `http.server` is made of: bytes to requests, an application, a log, and back.
local cro = require "cro"
local http = require "cro.http"
local emit, supply, whenever = cro.emit, cro.supply, cro.whenever

local MyApp = cro.transform {
  name = "MyApp",
  consumes = http.Request,
  produces = http.Response,
  transformer = function(_, requests)
    return supply(function()
      whenever(requests, function(request)
        local response = http.Response { request = request, status = 200 }
        response:append_header("Content-type", "text/plain")
        response:set_body "Hello from Cro\n"
        emit(response)
      end)
    end)
  end,
}

local service = cro.compose {
  cro.tcp.listener {
    host = os.getenv "HOST" or "127.0.0.1",
    port = tonumber(os.getenv "PORT" or 8080),
  },
  http.request_parser(),
  MyApp,
  http.log.file(),
  http.response_serializer(),
}

cro.run(service)
