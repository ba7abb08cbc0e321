---@meta cro.core
--- What C gives to Lua: `require "cro.core"`. For the modules of this library, and for
--- editors; scripts use what they return instead. In plain luajit there is no event loop:
--- what needs one raises. tools/docs-coverage compares these names with what C registers.
---
--- Functions that are "called, on a fiber" may wait; what waits never holds the loop.

---@class cro.core
---@field running boolean there is an event loop: the program is crolua
---@field methods { context: table, request: table, response: table } where Lua adds methods to boxes
---@field json_null userdata what JSON's null is in Lua, both ways
---@field lazy { context: table, request: table, response: table } fields made by a function of the box when first read
local core = {}

--- Hands in the functions of cro.fiber that C calls, and the reporter of errors.
---@param hooks { turn: function, entry: function, dropped: function, cancel: function, report: function }
function core.install(hooks) end

--- The metatable of the errors that C makes.
---@param metatable table
function core.set_error_metatable(metatable) end

--- Something is runnable: the loop calls `turn` without waiting.
function core.notify() end

--- Does the caller run elsewhere than on `co`, or with a C function between, so that it
--- may not yield for it?
---@param co thread
---@return boolean
function core.is_misplaced(co) end

--- Seconds of a monotonic clock, read afresh.
---@return number
function core.now() end

--- Seconds since 1970-01-01 UTC.
---@return number
function core.wall() end

--- The Lua heap, and a new limit for it; nothing when another program owns the state.
---@param bytes number|nil
---@return number|nil used
---@return number|nil limit
function core.limit_memory(bytes) end

--- Bounds the accepted connections of the process.
---@param count integer
---@return integer count no more than there can be descriptors
function core.limit_connections(count) end

--- From now on requests know when they came.
function core.time_requests() end

--- Counters of the process; those of the loop are missing without one.
---@return table<string, number>
function core.stats() end

--- Calls a function once, on a fiber, never early.
---@param seconds number a negative one counts as 0
---@param fn fun()
---@return cro.core.Timer
function core.timer(seconds, fn) end

---@class cro.core.Timer
local timer = {}

--- The function is not called any more. Harmless later.
function timer:close() end

--- Calls a function, on a fiber, each time a signal comes; one call at a time.
---@param name string "SIGINT", "INT" or "2"
---@param fn fun(name: string)
---@return cro.core.Signal
---@param aside boolean|nil true: a program that waits for nothing else is stuck
function core.signal(name, fn, aside) end

--- Is there such a signal, and can it be caught?
---@param name string
---@return boolean known
---@return boolean catchable
function core.signal_known(name) end

---@class cro.core.Signal
local signal = {}

--- Lets the signal do again what it did before.
function signal:close() end

---@class cro.core.ChainOptions
---@field connection cro.core.Connection|nil
---@field parts table[] { kind =, options = }
---@field head string|nil "socket" or "lua"
---@field tail string|nil "socket" or "lua"
---@field on_event fun(kind: string, value: any) "value", "drain", "done", "quit"

--- A run of stages in C between a socket or Lua at its head and at its tail; `on_event`
--- gets what comes out of it. See cro.pipeline.native.
---@param options cro.core.ChainOptions
---@return cro.core.Chain
function core.chain(options) end

---@class cro.core.Chain
local chain = {}

--- Reading begins, when the head is a socket.
function chain:start() end

--- Gives it a message: true; false when it was taken but "drain" should be waited for; or
--- nil and why not.
---@param message any
---@return boolean|nil
---@return cro.Error|nil
function chain:push(message) end

--- No more will be pushed.
function chain:finish() end

--- What was pushed is all there will be, by somebody's fault.
---@param err any
function chain:fail(err) end

--- The input ends as if the peer had said so, at a message's end.
function chain:drain() end

--- No event follows.
function chain:close() end

--- An HTTP server that does not listen yet; cro.http.server checks the options and has
--- their list.
---@param options table
---@return cro.core.Server
function core.server(options) end

---@class cro.core.Server
local server = {}

--- Binds and listens; `fn` gets nothing, or why it cannot.
---@param fn fun(err: cro.Error|nil)
function server:start(fn) end

--- Drains, or with `now` aborts; `fn` is called when the first stop has ended. A second
--- call with `now` and without `fn` cuts a drain short.
---@param now boolean
---@param fn fun()|nil
function server:stop(now, fn) end

--- Where it listens; nothing when it does not.
---@return string|nil host
---@return integer|nil port
function server:address() end

---@return cro.http.ServerStats
function server:stats() end

--- An empty router.
---@return cro.core.Router
function core.router() end

---@class cro.core.Router
local router = {}

--- Adds a route by its number: true, or nil and the number of the route it clashes with.
---@param method string
---@param segments table[] each { kind =, text =, type =, optional = }
---@param number integer
---@param conditional boolean more than the path decides
---@return true|nil
---@return integer|nil clashing
function router:add(method, segments, number, conditional) end

--- The built-in types of segments.
---@return table<string, true>
function router:types() end

--- Every route that fits, the most specific first, and what Allow would say; or nil, nil,
--- 400.
---@param c cro.http.Context
---@param all boolean|nil of any method
---@return table[]|nil each { number, captures..., n = }
---@return string|nil allowed
---@return integer|nil status
function router:candidates(c, all) end

--- The route of a path and what it captured; or nil, 404, 405 or 400, and what is
--- allowed.
---@param method string
---@param path string
---@return integer|nil number
---@return any ...
function router:find(method, path) end

--- The context of a request that no server dispatched.
---@param request cro.http.Request
---@return cro.http.Context
function core.context(request) end

--- A request that a script makes.
---@param given { method: string|nil, target: string|nil }
---@return cro.http.Request
function core.request(given) end

--- The response that answers a request, or a loose one.
---@param request cro.http.Request|nil
---@return cro.http.Response
function core.response(request) end

--- Which box it is, nil for anything else.
---@param value any
---@return "context"|"request"|"response"|nil
function core.kind(value) end

--- The JSON of a value. Raises for what cannot be said in JSON.
---@param value any
---@return string
function core.json_encode(value) end

--- The value of JSON, or nil and what is wrong where. Every array is marked, null is
--- `cro.json.null`, of a repeated key the last value counts.
---@param text string
---@param depth integer nesting accepted
---@return any value
---@return string|nil reason
function core.json_decode(text, depth) end

--- Marks a table as an array even when it is empty.
---@param value table
---@return table
function core.json_array(value) end

--- A media type, in lower case but for the values of parameters; or nil and a reason.
---@param text string
---@return cro.http.MediaType|nil
---@return string|nil reason
function core.media_parse(text) end

--- The value of a parameter, in quotes where it needs them.
---@param value string
---@return string
function core.media_quote(value) end

---@class cro.core.CookieOptions
---@field expires number|nil seconds since 1970
---@field max_age number|nil seconds
---@field domain string|nil
---@field path string|nil
---@field secure boolean|nil
---@field http_only boolean|nil
---@field same_site string|nil

--- The text of a Set-Cookie header, or nil and a reason.
---@param name string
---@param value string
---@param options cro.core.CookieOptions
---@return string|nil
---@return string|nil reason
function core.cookie_format(name, value, options) end

--- The parts that are there; or nil, a reason and its position.
---@param text string
---@return table|nil
---@return string|nil reason
---@return integer|nil position
function core.uri_parse(text) end

--- A reference made absolute (RFC 3986 5.2).
---@param base string
---@param reference string
---@return string
function core.uri_resolve(base, reference) end

--- A URI in normal form (RFC 3986 6.2.2).
---@param text string
---@return string
function core.uri_normalise(text) end

--- An IRI as a URI; nil when it is no UTF-8 or has control characters.
---@param text string
---@return string|nil
function core.uri_from_iri(text) end

--- The segments of a path, decoded; nil for a broken escape.
---@param path string
---@return string[]|nil
function core.uri_segments(path) end

--- Text without percent-escapes; nil for a broken one.
---@param text string
---@return string|nil
function core.uri_decode(text) end

--- Text with percent-escapes for what may not stand there.
---@param text string
---@param part "component"|"segment"|"path"|"query"
---@return string
function core.uri_encode(text, part) end

return core
