/* l_request.c - the request box: what was asked, read on demand. */
#include "bind/answer.h"
#include "bind/body_reader.h"
#include "bind/pairs.h"
#include "http/url.h"

static lcro_exchange *self(lua_State *L, const char *what)
{
  return lcro_check_box(L, 1, LCRO_REQUEST, what);
}

/* --- headers -------------------------------------------------------------------------
 */

/* Pushes the values of all fields of that name joined by ", ", or nil. */
static int push_joined(lua_State *L, const cro_headers *headers, cro_bytes name)
{
  uint32_t from = 0;
  const cro_header *header = cro_headers_next(headers, name, &from);
  luaL_Buffer joined;

  if (header == NULL) {
    lua_pushnil(L);
    return 1;
  }
  luaL_buffinit(L, &joined);
  for (;;) {
    luaL_addlstring(&joined, header->value.at, header->value.len);
    header = cro_headers_next(headers, name, &from);
    if (header == NULL)
      break;
    luaL_addlstring(&joined, ", ", 2);
  }
  luaL_pushresult(&joined);
  return 1;
}

/* request:header(name) -> string or nil */
static int l_request_header(lua_State *L)
{
  lcro_exchange *x = self(L, "header");

  return push_joined(L, &x->request->headers, lcro_checkbytes(L, 2));
}

/* request:trailer(name) -> string or nil; complete when the body has ended */
static int l_request_trailer(lua_State *L)
{
  lcro_exchange *x = self(L, "trailer");

  return push_joined(L, &x->request->trailers, lcro_checkbytes(L, 2));
}

/* request:header_list(name) -> array of values */
static int l_request_header_list(lua_State *L)
{
  lcro_exchange *x = self(L, "header_list");
  cro_bytes name = lcro_checkbytes(L, 2);
  const cro_header *header;
  uint32_t from = 0;
  int count = 0;

  lua_newtable(L);
  while ((header = cro_headers_next(&x->request->headers, name, &from)) != NULL) {
    lcro_pushbytes(L, header->value);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* request:has_header(name) -> boolean */
static int l_request_has_header(lua_State *L)
{
  lcro_exchange *x = self(L, "has_header");

  lua_pushboolean(L, cro_headers_find(&x->request->headers, lcro_checkbytes(L, 2)) !=
                         NULL);
  return 1;
}

/* request:headers() -> iterator over name, value in the order sent */
static int l_request_headers(lua_State *L)
{
  lcro_exchange *x = self(L, "headers");

  return lcro_push_header_iterator(L, &x->request->headers);
}

/* request:append_header(name, value): on a request a script made. */
static int l_request_append_header(lua_State *L)
{
  lcro_exchange *x = self(L, "append_header");
  cro_bytes name = lcro_checkbytes(L, 2), value = lcro_checkbytes(L, 3);
  cro_arena *arena = x->request->arena;

  if (!cro_header_name_ok(name) || !cro_header_value_ok(value))
    return luaL_error(L, "append_header: malformed header '%s'", name.at);
  if (cro_arena_copy(arena, name, &name) != 0 ||
      cro_arena_copy(arena, value, &value) != 0)
    lcro_answer_check(L, CRO_E_NOMEM, "append_header");
  lcro_answer_check(L, cro_headers_add(&x->request->headers, arena, name, value),
                    "append_header");
  return 0;
}

/* --- target
 * --------------------------------------------------------------------------- */

/* request:query_pairs() -> { key, value, ... } decoded, or nil, reason */
static int l_request_query_pairs(lua_State *L)
{
  lcro_exchange *x = self(L, "query_pairs");
  uint64_t max = lcro_limits_of(x)->query_params;

  return lcro_push_query_pairs(L, x->request->query, max);
}

/* request:cookie_pairs() -> { name, value, ... }, or nil, reason */
static int l_request_cookie_pairs(lua_State *L)
{
  lcro_exchange *x = self(L, "cookie_pairs");
  uint64_t max = lcro_limits_of(x)->cookies;

  return lcro_push_cookie_pairs(L, &x->request->headers, max);
}

/* request:peer() -> host, port; nil when it came over no connection */
static int l_request_peer(lua_State *L)
{
  lcro_exchange *x = self(L, "peer");
  cro_bytes host;
  int port;

  if (!lcro_peer_of(x, &host, &port))
    return 0;
  lcro_pushbytes(L, host);
  lua_pushinteger(L, port);
  return 2;
}

/* request:began() -> seconds, as core.now(), when its head was complete; nil when that
 * was not noted */
static int l_request_began(lua_State *L)
{
  lcro_exchange *x = self(L, "began");

  if (x->began == 0)
    return 0;
  lua_pushnumber(L, (lua_Number)x->began / 1e9);
  return 1;
}

/* --- body
 * ------------------------------------------------------------------------------ */

/* request:content_length() -> bytes announced, or nil */
static int l_request_content_length(lua_State *L)
{
  lcro_exchange *x = self(L, "content_length");

  if (x->request->body.length < 0)
    return 0;
  lua_pushnumber(L, (lua_Number)x->request->body.length);
  return 1;
}

/* request:has_body() -> boolean: one was announced, if only an empty chunked one */
static int l_request_has_body(lua_State *L)
{
  lua_pushboolean(L, self(L, "has_body")->request->body.length != 0);
  return 1;
}

/* request:collect(limit or nil [, fn(text, err)]): see body_reader.h */
static int l_request_collect(lua_State *L)
{
  lcro_exchange *x = self(L, "collect");
  uint64_t limit = lcro_limits_of(x)->body_bytes;

  if (!lua_isnoneornil(L, 2))
    limit = (uint64_t)luaL_checknumber(L, 2);
  if (!lua_isnoneornil(L, 3))
    luaL_checktype(L, 3, LUA_TFUNCTION);
  return lcro_body_collect(L, x, limit, lua_isnoneornil(L, 3) ? 0 : 3);
}

/* request:stream(fn(kind, value)): see body_reader.h */
static int l_request_stream(lua_State *L)
{
  lcro_exchange *x = self(L, "stream");

  luaL_checktype(L, 2, LUA_TFUNCTION);
  return lcro_body_stream(L, x, 2);
}

/* request:set_body(string): on a request a script made. */
static int l_request_set_body(lua_State *L)
{
  lcro_exchange *x = self(L, "set_body");
  cro_body *body = &x->request->body;
  cro_bytes text = lcro_checkbytes(L, 2);

  if (!x->scripted || body->state != CRO_BODY_OPEN || body->received > 0)
    return luaL_error(L, "set_body: this request has its body already");
  body->length = (int64_t)text.len;
  body->window = text.len + 1;
  lcro_answer_check(L, cro_body_put(body, text), "set_body");
  cro_body_end(body);
  return 0;
}

static const luaL_Reg methods[] = {
  { "header", l_request_header },
  { "trailer", l_request_trailer },
  { "header_list", l_request_header_list },
  { "has_header", l_request_has_header },
  { "headers", l_request_headers },
  { "append_header", l_request_append_header },
  { "query_pairs", l_request_query_pairs },
  { "cookie_pairs", l_request_cookie_pairs },
  { "peer", l_request_peer },
  { "began", l_request_began },
  { "content_length", l_request_content_length },
  { "has_body", l_request_has_body },
  { "collect", l_request_collect },
  { "stream", l_request_stream },
  { "set_body", l_request_set_body },
  { "send_push", lcro_l_request_send_push },
  { "send_interim", lcro_l_request_send_interim },
  { "tls_info", lcro_l_request_tls_info },
  { NULL, NULL },
};

/* --- fields
 * ----------------------------------------------------------------------------- */

static int get_method(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, cro_method_name(x->request->method));
  return 1;
}

static void set_method(lua_State *L, lcro_exchange *x, int value)
{
  cro_method method = cro_method_find(lcro_checkbytes(L, value));

  if (method == CRO_METHOD_NONE)
    luaL_error(L, "request.method: '%s' is no known method (upper case?)",
               lua_tostring(L, value));
  x->request->method = method;
}

static int get_target(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, x->request->target);
  return 1;
}

/* The path and query follow. The first target stays as original_target. */
void lcro_request_retarget(lua_State *L, lcro_exchange *x, cro_bytes text)
{
  cro_request *request = x->request;
  cro_target target;

  if (cro_arena_copy(request->arena, text, &text) != 0)
    lcro_answer_check(L, CRO_E_NOMEM, "target");
  if (cro_target_parse(text, &target) != 0)
    luaL_error(L, "request.target: '%s' is no request target", text.at);
  if (x->original_target.len == 0)
    x->original_target = request->target;
  request->target = text;
  request->path = target.path;
  request->query = target.query;
}

static void set_target(lua_State *L, lcro_exchange *x, int value)
{
  lcro_request_retarget(L, x, lcro_checkbytes(L, value));
}

static int get_original_target(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L,
                 x->original_target.len > 0 ? x->original_target : x->request->target);
  return 1;
}

static int get_path(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, x->request->path);
  return 1;
}

static int get_query_string(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, x->request->query);
  return 1;
}

static int get_version(lua_State *L, lcro_exchange *x)
{
  const cro_request *request = x->request;
  const char *one = request->minor == 0 ? "1.0" : "1.1";

  lua_pushstring(L, request->major == 2 ? "2.0" : one);
  return 1;
}

static int get_stream_id(lua_State *L, lcro_exchange *x)
{
  if (x->request->stream == 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, x->request->stream);
  return 1;
}

static int get_pushed(lua_State *L, lcro_exchange *x)
{
  lua_pushboolean(L, x->request->pushed);
  return 1;
}

static int get_authority(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, x->request->authority);
  return 1;
}

static int get_secure(lua_State *L, lcro_exchange *x)
{
  lua_pushboolean(L, lcro_is_secure(x));
  return 1;
}

static int get_scheme(lua_State *L, lcro_exchange *x)
{
  lua_pushstring(L, lcro_is_secure(x) ? "https" : "http");
  return 1;
}

static int get_response(lua_State *L, lcro_exchange *x)
{
  lcro_push_box(L, x, LCRO_RESPONSE);
  return 1;
}

static const lcro_field fields[] = {
  { "method", get_method, set_method },
  { "target", get_target, set_target },
  { "original_target", get_original_target, NULL },
  { "path", get_path, NULL },
  { "query_string", get_query_string, NULL },
  { "version", get_version, NULL },
  { "authority", get_authority, NULL },
  { "secure", get_secure, NULL },
  { "scheme", get_scheme, NULL },
  { "stream_id", get_stream_id, NULL },
  { "pushed", get_pushed, NULL },
  { "response", get_response, NULL },
  { NULL, NULL, NULL },
};

/* core.request { method =, target = } -> a request a script makes */
static int l_core_request(lua_State *L)
{
  lcro_app *app = lcro_app_of(L);
  cro_bytes method, target;
  lcro_exchange *x;

  luaL_checktype(L, 1, LUA_TTABLE);
  method = lcro_opt_bytes(L, 1, "method", CRO_B("GET"));
  target = lcro_opt_bytes(L, 1, "target", CRO_B("/"));
  x = lcro_exchange_script(L, app);
  lcro_push_box(L, x, LCRO_REQUEST);
  lcro_exchange_drop(L, x);
  x->request->method = cro_method_find(method);
  if (x->request->method == CRO_METHOD_NONE)
    return luaL_error(L, "request: '%s' is no known method (upper case?)", method.at);
  lcro_request_retarget(L, x, target);
  x->original_target.len = 0;
  return 1;
}

void lcro_open_request(lua_State *L)
{
  lcro_box_class(L, LCRO_REQUEST, methods, fields);
  lua_pushcfunction(L, l_core_request);
  lua_setfield(L, -2, "request");
}
