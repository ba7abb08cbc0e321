---@meta
--- The boxes of a request that C gives to Lua: its context, itself and its answer. They are
--- empty once the request has ended; later use is an error. cro.http.context adds more.

--- The answer to one request, being made; what Lua adds is in cro.http.context.
---@class cro.http.Context
local context = {}

--- Answers 200 with a body of that type.
---@param media_type string
---@param body string
function context:content(media_type, body) end

--- Answers with text/plain in UTF-8.
---@param body string
function context:text(body) end

--- Answers with text/html in UTF-8.
---@param body string
function context:html(body) end

--- Answers with the JSON of a value.
---@param value any
function context:json(value) end

--- The value of a body that is JSON, is there, and is not to be read in any special way;
--- nil and what is wrong where; else nothing. `c:body()` is what asks.
---@package
---@param depth integer nesting accepted
---@return any value
---@return string|nil reason
function context:json_body(depth) end

--- Sets the status, and a body when one is given.
---@param code integer 100 to 599
---@param media_type string|nil
---@param body any
function context:status(code, media_type, body) end

--- Replaces all headers of that name. Raises for what may not be sent.
---@param name string
---@param value string|number
function context:set_header(name, value) end

--- Adds one more header of that name. Raises likewise.
---@param name string
---@param value string|number
function context:append_header(name, value) end

--- Adds a trailer, which is sent behind the body; HTTP/1.0 gets none. Raises for what may
--- not come there, and once the body has ended.
---@param name string
---@param value string|number
function context:append_trailer(name, value) end

--- Answers as when an error leaves the handler.
---@param err any
function context:fail(err) end

--- Answers with another response's status, headers, type and body.
---@param response cro.http.Response
function context:respond(response) end

--- Answers 503 and cancels the handler when it takes longer.
---@param seconds number
function context:timeout(seconds) end

---@class cro.http.Request what was asked
---@field method string
---@field target string path and query as sent
---@field original_target string before a prefix was taken off
---@field path string percent-encoded
---@field query_string string|nil
---@field version string "1.0", "1.1" or "2.0"
---@field authority string|nil
---@field secure boolean it came over TLS
---@field scheme "http"|"https"
---@field stream_id integer|nil of HTTP/2
---@field pushed boolean nobody asked: `c:push` has promised the answer
---@field tls cro.http.TlsInfo|nil
---@field response cro.http.Response
local request = {}

--- The value of a header, those of several joined.
---@param name string
---@return string|nil
function request:header(name) end

--- The value of a trailer; complete when the body has ended.
---@param name string
---@return string|nil
function request:trailer(name) end

--- The values of every header of that name.
---@param name string
---@return string[]
function request:header_list(name) end

--- Is there a header of that name?
---@param name string
---@return boolean
function request:has_header(name) end

--- Iterates over name and value, in the order sent.
---@return fun(): string, string
function request:headers() end

--- Adds a header to a request that a script made.
---@param name string
---@param value string|number
function request:append_header(name, value) end

--- Keys and values of the query in one list, decoded; or nil and what is wrong.
---@return string[]|nil
---@return string|nil reason
function request:query_pairs() end

--- Names and values of the cookies in one list; or nil and what is wrong.
---@return string[]|nil
---@return string|nil reason
function request:cookie_pairs() end

--- Promises the answer to a GET ahead; scripts call `c:push`.
---@package
---@param path string
---@param headers string[] names and values in turn
---@return boolean|nil promised
---@return string|nil wrong what is, with the path or a header
function request:send_push(path, headers) end

--- Sends an interim answer; scripts call `c:inform`.
---@package
---@param status integer 102 to 199
---@param headers string[] names and values in turn
function request:send_interim(status, headers) end

--- What was agreed on in the handshake; scripts read `request.tls`.
---@package
---@return cro.http.TlsInfo|nil
function request:tls_info() end

--- The client's address, also when it has gone; nil for a request a script made.
---@return string|nil host
---@return integer|nil port
function request:peer() end

--- When its head was complete.
---@return number|nil seconds as `core.now()`; nil unless `core.time_requests()` came before
function request:began() end

--- Bytes of the body that were announced.
---@return integer|nil
function request:content_length() end

--- Was a body announced?
---@return boolean
function request:has_body() end

--- The whole body when it is there; nil and an error; or false, and `fn` gets (text) or
--- (nil, err) later. Without `fn` nothing waits.
---@param limit integer|nil bytes; nil: limits.body_bytes
---@param fn fun(text: string|nil, err: cro.Error|nil)|nil
---@return string|false|nil
---@return cro.Error|nil
function request:collect(limit, fn) end

--- `fn` gets ("value", bytes)..., then ("done") or ("quit", err); the peer waits while it
--- does.
---@param fn fun(kind: string, value: any)
function request:stream(fn) end

--- Sets the body of a request that a script made.
---@param body string
function request:set_body(body) end

---@class cro.http.Response what is answered
---@field status integer
---@field content_type string
---@field request cro.http.Request|nil
---@field streams boolean its body is written part by part
local response = {}

--- Replaces all headers of that name. Raises for what may not be sent.
---@param name string
---@param value string|number
function response:set_header(name, value) end

--- Adds one more header of that name. Raises likewise.
---@param name string
---@param value string|number
function response:append_header(name, value) end

--- Removes all headers of that name.
---@param name string
---@return integer count
function response:remove_header(name) end

--- The value of a header.
---@param name string
---@return string|nil
function response:header(name) end

--- Iterates over name and value, in the order set.
---@return fun(): string, string
function response:headers() end

--- Adds a trailer, as that of the context.
---@param name string
---@param value string|number
function response:append_trailer(name, value) end

--- Sets the complete body.
---@param body string
function response:set_body(body) end

--- Bytes of the complete body, or written so far.
---@return integer
function response:body_length() end

--- The complete body built so far.
---@return string
function response:body_text() end

--- Sends the head; write, then finish. In a pipeline composed by hand it goes out when
--- the response is emitted.
---@param length integer|nil bytes of the body, when they are known
function response:start_stream(length) end

--- May `write` be called? The head is on its way to the connection first, through whatever
--- stands between; `on_drain` tells when it is there.
---@return boolean
function response:begun() end

--- Sends part of the body: true; false when it was taken but on_drain should be waited
--- for; or nil and why not.
---@param data string
---@return boolean|nil
---@return cro.Error|nil
function response:write(data) end

--- Ends the body: true, or nil and why not.
---@return true|nil
---@return cro.Error|nil
function response:finish() end

--- The body cannot be completed: the connection is reset.
function response:abort() end

--- Calls a function once, when a write that answered false may go on.
---@param fn fun(err: cro.Error|nil)
function response:on_drain(fn) end

--- Calls a function once, when the answer is written or lost.
---@param fn fun(err: cro.Error|nil, bytes: integer)
function response:on_finished(fn) end

--- Calls a function on the request's fiber when the handler has returned, before the
--- answer is sent. One slot.
---@param fn fun(c: cro.http.Context)
function response:after_handler(fn) end
