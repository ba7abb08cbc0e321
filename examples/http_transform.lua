--- An application without routes: a transform of requests to responses.
local cro = require "cro"
local http = require "cro.http"
local emit, supply, whenever = cro.emit, cro.supply, cro.whenever

local Counter = cro.transform {
  name = "Counter",
  consumes = http.Request,
  produces = http.Response,
  transformer = function(_, requests)
    local count = 0 -- one per connection: the transform is run for each
    return supply(function()
      whenever(requests, function(request)
        count = count + 1
        local response = http.Response { request = request, status = 200, content_type = "text/plain" }
        response:set_body(("request %d of this connection: %s\n"):format(count, request.path))
        emit(response)
      end)
    end)
  end,
}

cro.run(http.server {
  host = os.getenv "HOST" or "127.0.0.1",
  port = tonumber(os.getenv "PORT" or 8080),
  application = Counter,
  after = http.log.file(),
})
