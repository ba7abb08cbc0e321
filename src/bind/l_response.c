/* l_response.c - the response box: building, streaming, hearing of the end. */
#include "bind/answer.h"
#include "bind/body_reader.h"
#include "bind/pairs.h"

#include <stdio.h>

static lcro_exchange *self(lua_State *L, const char *what)
{
  return lcro_check_box(L, 1, LCRO_RESPONSE, what);
}

/* --- the head
 * -------------------------------------------------------------------------- */

/* response:set_header(name, value): replaces all of that name; raises for what may not
 * be sent. */
static int l_response_set_header(lua_State *L)
{
  lcro_answer_header(L, self(L, "set_header"), false, "set_header");
  return 0;
}

/* response:append_header(name, value): one more of that name; raises likewise. */
static int l_response_append_header(lua_State *L)
{
  lcro_answer_header(L, self(L, "append_header"), true, "append_header");
  return 0;
}

/* response:remove_header(name) -> how many went */
static int l_response_remove_header(lua_State *L)
{
  lcro_exchange *x = self(L, "remove_header");
  cro_bytes name = lcro_checkbytes(L, 2);

  if (x->response->state != CRO_RESPONSE_OPEN)
    lcro_answer_check(L, CRO_E_STATE, "remove_header");
  if (cro_bytes_ieq(name, CRO_B("content-type"))) {
    lua_pushinteger(L, x->response->type.len > 0);
    x->response->type.len = 0;
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)cro_headers_remove(&x->response->headers, name));
  return 1;
}

/* response:header(name) -> string or nil */
static int l_response_header(lua_State *L)
{
  lcro_exchange *x = self(L, "header");
  cro_bytes name = lcro_checkbytes(L, 2);
  const cro_header *header;

  if (cro_bytes_ieq(name, CRO_B("content-type"))) {
    if (x->response->type.len == 0)
      return 0;
    lcro_pushbytes(L, x->response->type);
    return 1;
  }
  header = cro_headers_find(&x->response->headers, name);
  if (header == NULL)
    return 0;
  lcro_pushbytes(L, header->value);
  return 1;
}

/* response:headers() -> iterator over name, value in the order set */
static int l_response_headers(lua_State *L)
{
  return lcro_push_header_iterator(L, &self(L, "headers")->response->headers);
}

/* response:set_body(string) */
static int l_response_set_body(lua_State *L)
{
  lcro_answer_body(L, self(L, "set_body"), 2, "set_body");
  return 0;
}

/* response:body_length() -> bytes of the complete body, or written so far */
static int l_response_body_length(lua_State *L)
{
  const cro_response *response = self(L, "body_length")->response;

  lua_pushnumber(L, response->streams ? (lua_Number)response->written
                                      : (lua_Number)response->body.len);
  return 1;
}

/* response:body_text() -> the complete body built so far */
static int l_response_body_text(lua_State *L)
{
  lcro_pushbytes(L, self(L, "body_text")->response->body);
  return 1;
}

/* --- streaming
 * ------------------------------------------------------------------------- */

/* response:start_stream([length]): the head goes out; write, then finish. Of a
 * pipeline composed by hand the head goes out when the response is emitted. */
static int l_response_start_stream(lua_State *L)
{
  lcro_exchange *x = self(L, "start_stream");
  cro_response *response = x->response;
  lua_Number length = luaL_optnumber(L, 2, -1);

  if (x->released)
    lcro_answer_check(L, CRO_E_GONE, "start_stream");
  if (response->state != CRO_RESPONSE_OPEN)
    lcro_answer_check(L, CRO_E_STATE, "start_stream");
  luaL_argcheck(L, length >= -1 && length < 9e15, 2, "a length in bytes expected");
  response->streams = true;
  response->length = length < 0 ? -1 : (int64_t)length;
  if (response->status == 0)
    response->status = 200;
  x->answered = true;
  if (x->server != NULL)
    cro_server_respond(x->request);
  return 0;
}

static const char not_streaming[] =
    "%s: nothing streams; call start_stream first (and emit the response, when the "
    "pipeline is composed by hand)";

static bool streaming(lua_State *L, lcro_exchange *x, const char *what)
{
  if (x->response->state == CRO_RESPONSE_OPEN && !x->released)
    luaL_error(L, not_streaming, what);
  return x->response->state == CRO_RESPONSE_STREAMING && !x->released;
}

/* nil, and an error that says how much was announced and how much there is. */
static int other_length(lua_State *L, const lcro_exchange *x, int rc, const char *op,
                        uint64_t length)
{
  char text[128];

  (void)snprintf(text, sizeof text, "%s: %lld bytes were announced, %llu written", op,
                 (long long)x->response->length, (unsigned long long)length);
  lua_pushnil(L);
  lcro_push_error(L, rc, op, (cro_bytes){ NULL, 0 });
  lua_pushstring(L, text);
  lua_setfield(L, -2, "message");
  return 2;
}

/* response:write(string) -> true, or false: taken, but wait for on_drain; or nil, err
 */
static int l_response_write(lua_State *L)
{
  lcro_exchange *x = self(L, "write");
  cro_bytes part = lcro_checkbytes(L, 2);
  int rc = CRO_E_GONE;

  if (streaming(L, x, "write"))
    rc = x->response->ops->write(x->response, part);
  if (rc == CRO_E_TOO_LONG)
    return other_length(L, x, rc, "write", x->response->written + part.len);
  if (rc < 0)
    return lcro_fail(L, rc, "write", (cro_bytes){ NULL, 0 });
  lua_pushboolean(L, rc == 0);
  return 1;
}

/* response:finish() -> true, or nil, err */
static int l_response_finish(lua_State *L)
{
  lcro_exchange *x = self(L, "finish");
  int rc = CRO_E_GONE;

  if (streaming(L, x, "finish"))
    rc = x->response->ops->end(x->response);
  if (rc == CRO_E_SHORT)
    return other_length(L, x, rc, "finish", x->response->written);
  if (rc < 0)
    return lcro_fail(L, rc, "finish", (cro_bytes){ NULL, 0 });
  lua_pushboolean(L, 1);
  return 1;
}

/* response:begun() -> whether write may be called: the head has come to the writer.
 * on_drain tells when, too. */
static int l_response_begun(lua_State *L)
{
  const lcro_exchange *x = self(L, "begun");

  lua_pushboolean(L, x->released || x->response->state != CRO_RESPONSE_OPEN);
  return 1;
}

/* response:abort(): the body can't be completed; the connection is reset */
static int l_response_abort(lua_State *L)
{
  lcro_exchange *x = self(L, "abort");

  if (streaming(L, x, "abort"))
    x->response->ops->abort(x->response);
  return 0;
}

/* --- events
 * ------------------------------------------------------------------------------ */

static void push_error_or_nil(lua_State *L, int err)
{
  if (err < 0)
    lcro_push_error(L, err, "write", (cro_bytes){ NULL, 0 });
  else
    lua_pushnil(L);
}

static int drain_open(lua_State *L, lcro_entry *entry)
{
  lcro_waiter *waiter = (lcro_waiter *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, waiter->fn);
  push_error_or_nil(L, waiter->err);
  return 2;
}

static void waiter_left(lua_State *L, lcro_entry *entry, bool failed)
{
  (void)failed;
  lcro_waiter_done(L, (lcro_waiter *)entry);
}

static const lcro_entry_ops drain_ops = { .open = drain_open, .left = waiter_left };

static void on_drain(cro_response *response, int err)
{
  lcro_exchange *x = response->drain_arg;
  lcro_waiter *waiter = x->drain;

  response->on_drain = NULL;
  x->drain = NULL;
  waiter->err = err;
  (void)lcro_fiber_deliver(x->app, &waiter->entry);
}

/* response:on_drain(fn(err or nil)): once, when a write that answered false may go on
 */
static int l_response_on_drain(lua_State *L)
{
  lcro_exchange *x = self(L, "on_drain");

  if (x->drain != NULL)
    return luaL_error(L, "on_drain: somebody waits already");
  x->drain = lcro_waiter_create(L, x, 2, &drain_ops);
  x->response->drain_arg = x;
  x->response->on_drain = on_drain;
  if (x->released || x->response->state == CRO_RESPONSE_ENDED)
    on_drain(x->response, CRO_E_GONE);
  return 0;
}

static int finished_open(lua_State *L, lcro_entry *entry)
{
  lcro_waiter *waiter = (lcro_waiter *)entry;

  (void)drain_open(L, entry);
  lua_pushnumber(L, (lua_Number)waiter->exchange->response->written);
  return 3;
}

static const lcro_entry_ops finished_ops = { .open = finished_open,
                                             .left = waiter_left };

/* response:on_finished(fn(err or nil, bytes)): once, when the answer is written or
 * lost */
static int l_response_on_finished(lua_State *L)
{
  lcro_exchange *x = self(L, "on_finished");
  lcro_waiter *waiter;

  if (x->finished != NULL)
    return luaL_error(L, "on_finished: somebody waits already");
  waiter = lcro_waiter_create(L, x, 2, &finished_ops);
  if (!x->released) {
    x->finished = waiter;
    return 0;
  }
  (void)lcro_fiber_deliver(x->app, &waiter->entry);
  return 0;
}

/* response:after_handler(fn(c)): runs on the request's fiber when the handler has
 * returned, before the answer is sent. One slot. */
static int l_response_after_handler(lua_State *L)
{
  lcro_exchange *x = self(L, "after_handler");

  luaL_checktype(L, 2, LUA_TFUNCTION);
  if (x->after != LUA_NOREF)
    return luaL_error(L, "after_handler: this answer has its body already");
  x->after = lcro_anchor(L, 2);
  return 0;
}

/* response:append_trailer(name, value): sent behind the body, until that has ended;
 * raises for what may not come there. HTTP/1.0 gets none. */
static int l_response_append_trailer(lua_State *L)
{
  lcro_answer_trailer(L, self(L, "append_trailer"), "append_trailer");
  return 0;
}

static const luaL_Reg methods[] = {
  { "set_header", l_response_set_header },
  { "append_header", l_response_append_header },
  { "append_trailer", l_response_append_trailer },
  { "remove_header", l_response_remove_header },
  { "header", l_response_header },
  { "headers", l_response_headers },
  { "set_body", l_response_set_body },
  { "body_length", l_response_body_length },
  { "body_text", l_response_body_text },
  { "start_stream", l_response_start_stream },
  { "write", l_response_write },
  { "finish", l_response_finish },
  { "abort", l_response_abort },
  { "begun", l_response_begun },
  { "on_drain", l_response_on_drain },
  { "on_finished", l_response_on_finished },
  { "after_handler", l_response_after_handler },
  { NULL, NULL },
};

/* --- fields
 * -------------------------------------------------------------------------------- */

static int get_status(lua_State *L, lcro_exchange *x)
{
  if (x->response->status == 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, x->response->status);
  return 1;
}

static void set_status(lua_State *L, lcro_exchange *x, int value)
{
  lcro_answer_status(L, x, value, "response.status");
}

static int get_type(lua_State *L, lcro_exchange *x)
{
  if (x->response->type.len == 0)
    lua_pushnil(L);
  else
    lcro_pushbytes(L, x->response->type);
  return 1;
}

static void set_type(lua_State *L, lcro_exchange *x, int value)
{
  lcro_answer_type(L, x, lcro_checkbytes(L, value), "response.content_type");
}

static int get_request(lua_State *L, lcro_exchange *x)
{
  lcro_push_box(L, x, LCRO_REQUEST);
  return 1;
}

static int get_streams(lua_State *L, lcro_exchange *x)
{
  lua_pushboolean(L, x->response->streams);
  return 1;
}

static const lcro_field fields[] = {
  { "status", get_status, set_status },
  { "content_type", get_type, set_type },
  { "request", get_request, NULL },
  { "streams", get_streams, NULL },
  { NULL, NULL, NULL },
};

/* core.response([request]) -> the response that answers a request, or a loose one */
static int l_core_response(lua_State *L)
{
  lcro_app *app = lcro_app_of(L);
  lcro_exchange *x;

  if (!lua_isnoneornil(L, 1)) {
    lcro_push_box(L, lcro_check_box(L, 1, LCRO_REQUEST, "response"), LCRO_RESPONSE);
    return 1;
  }
  x = lcro_exchange_script(L, app);
  lcro_push_box(L, x, LCRO_RESPONSE);
  lcro_exchange_drop(L, x);
  return 1;
}

void lcro_open_response(lua_State *L)
{
  lcro_box_class(L, LCRO_RESPONSE, methods, fields);
  lua_pushcfunction(L, l_core_response);
  lua_setfield(L, -2, "response");
}

void lcro_open_message(lua_State *L)
{
  lcro_open_context(L);
  lcro_open_request(L);
  lcro_open_response(L);
}
