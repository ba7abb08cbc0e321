/* l_context.c - `c`, what a handler gets: its request and the answer it builds. */
#include "bind/answer.h"
#include "bind/body_reader.h"
#include "bind/json.h"
#include "bind/server.h"

static const cro_bytes plain = CRO_B_INIT("text/plain");
static const cro_bytes html = CRO_B_INIT("text/html");

static lcro_exchange *self(lua_State *L, const char *what)
{
  return lcro_check_box(L, 1, LCRO_CONTEXT, what);
}

/* A body that is no string goes through core.methods.context.serialize(c, type, body):
 * its results (body, type) replace those at index 3 and 2; no result means that it has
 * set the response up itself (a stream). */
static bool serialize(lua_State *L)
{
  if (lua_type(L, 3) == LUA_TSTRING)
    return true;
  lua_getfield(L, 1, "serialize");
  if (!lua_isfunction(L, -1))
    luaL_error(L, "content: a string body expected, got %s", luaL_typename(L, 3));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_call(L, 3, 2);
  if (lua_isnil(L, -2))
    return false;
  if (lua_isnil(L, -1))
    lua_pop(L, 1);
  else
    lua_replace(L, 2);
  lua_replace(L, 3);
  return true;
}

static void set_content(lua_State *L, lcro_exchange *x, const char *what)
{
  lua_settop(L, 3);
  if (!serialize(L))
    return;
  lcro_answer_type(L, x, lcro_checkbytes(L, 2), what);
  lcro_answer_body(L, x, 3, what);
}

static void default_status(lcro_exchange *x)
{
  if (x->response->status == 0)
    x->response->status = 200;
}

/* c:content(type, body) */
static int l_context_content(lua_State *L)
{
  lcro_exchange *x = self(L, "content");

  set_content(L, x, "content");
  default_status(x);
  return 0;
}

static int fixed_type(lua_State *L, cro_bytes type, const char *what)
{
  lcro_exchange *x = self(L, what);

  lcro_answer_type(L, x, type, what);
  lcro_answer_body(L, x, 2, what);
  default_status(x);
  return 0;
}

/* c:text(body) */
static int l_context_text(lua_State *L)
{
  return fixed_type(L, plain, "text");
}

/* c:html(body) */
static int l_context_html(lua_State *L)
{
  return fixed_type(L, html, "html");
}

/* c:json(value) */
static int l_context_json(lua_State *L)
{
  lcro_exchange *x = self(L, "json");
  cro_buf *scratch = lcro_scratch(x->app);
  const char *reason = NULL;
  int rc;

  luaL_checkany(L, 2);
  rc = lcro_json_encode(L, 2, scratch, &reason);
  if (rc == CRO_E_NOMEM)
    lcro_answer_check(L, rc, "json");
  if (rc != 0)
    return luaL_error(L, "json: %s", reason);
  lcro_answer_type(L, x, CRO_B("application/json"), "json");
  lcro_answer_check(L, cro_response_body(x->response, cro_buf_bytes(scratch)), "json");
  lcro_scratch_done(scratch);
  default_status(x);
  return 0;
}

/* c:status(n [, type, body]) */
static int l_context_status(lua_State *L)
{
  lcro_exchange *x = self(L, "status");

  lcro_answer_status(L, x, 2, "status");
  if (lua_gettop(L) < 3)
    return 0;
  lua_remove(L, 2);
  set_content(L, x, "status");
  return 0;
}

/* c:set_header(name, value): replaces all of that name; raises for what may not be
 * sent. */
static int l_context_set_header(lua_State *L)
{
  lcro_answer_header(L, self(L, "set_header"), false, "set_header");
  return 0;
}

/* c:append_header(name, value): one more of that name; raises likewise. */
static int l_context_append_header(lua_State *L)
{
  lcro_answer_header(L, self(L, "append_header"), true, "append_header");
  return 0;
}

/* c:append_trailer(name, value): as that of the response. */
static int l_context_append_trailer(lua_State *L)
{
  lcro_answer_trailer(L, self(L, "append_trailer"), "append_trailer");
  return 0;
}

/* The status an error value asks for: its own, 413 over a limit, else 500. */
int lcro_error_status(lua_State *L, int index)
{
  int status = 0;
  const char *kind;

  if (lua_isstring(L, index))
    return strstr(lua_tostring(L, index), "not enough memory") != NULL ? 503 : 500;
  if (!lua_istable(L, index))
    return 500;
  lua_getfield(L, index, "status");
  if (lua_type(L, -1) == LUA_TNUMBER)
    status = (int)lua_tointeger(L, -1);
  lua_getfield(L, index, "kind");
  kind = lua_tostring(L, -1);
  if (status < 400 || status > 599)
    status = kind != NULL && strcmp(kind, "limit") == 0 ? 413 : 500;
  lua_pop(L, 2);
  return status;
}

/* c:fail(err): what happens when err leaves the handler. */
static int l_context_fail(lua_State *L)
{
  lcro_exchange *x = self(L, "fail");
  char what[192];
  int status;

  luaL_checkany(L, 2);
  status = lcro_error_status(L, 2);
  if (status >= 500) {
    x->app->handler_errors++;
    luaL_traceback(L, L, NULL, 1);
    lua_pushvalue(L, 2);
    lcro_exchange_describe(x, what, sizeof what);
    lcro_report_of(x->app, L, lua_tostring(L, -2), what);
  }
  lcro_release(L, &x->after);
  if (x->response->state == CRO_RESPONSE_STREAMING)
    lcro_exchange_fail(x, status);
  else
    cro_response_fail(x->response, status);
  return 0;
}

static void copy_headers(lua_State *L, lcro_exchange *x, const cro_response *from)
{
  for (uint32_t i = 0; i < from->headers.count; i++) {
    const cro_header *header = &from->headers.at[i];

    lcro_answer_check(L, cro_response_add(x->response, header->name, header->value),
                      "respond");
  }
}

/* c:respond(response): another response's status, headers, type and body. */
static int l_context_respond(lua_State *L)
{
  lcro_exchange *x = self(L, "respond");
  lcro_exchange *other = lcro_check_box(L, 2, LCRO_RESPONSE, "respond");
  const cro_response *from = other->response;

  if (other == x)
    return 0;
  if (from->streams)
    return luaL_error(L, "respond: a streaming response answers its own request only; "
                         "write to c.response instead");
  if (x->released || x->response->state != CRO_RESPONSE_OPEN)
    lcro_answer_check(L, x->released ? CRO_E_GONE : CRO_E_STATE, "respond");
  x->response->status = from->status;
  x->response->headers.count = 0;
  copy_headers(L, x, from);
  if (from->type.len > 0)
    lcro_answer_type(L, x, from->type, "respond");
  lcro_answer_check(L, cro_response_body(x->response, from->body), "respond");
  return 0;
}

/* c:timeout(seconds): 503 and cancellation when the handler takes longer. */
static int l_context_timeout(lua_State *L)
{
  lcro_exchange *x = self(L, "timeout");
  lua_Number seconds = luaL_checknumber(L, 2);

  luaL_argcheck(L, seconds > 0 && seconds < 1e9, 2, "seconds above 0 expected");
  if (x->app->loop != NULL && !x->released)
    cro_loop_arm(x->app->loop, &x->deadline,
                 cro_loop_now(x->app->loop) + (uint64_t)(seconds * 1000));
  return 0;
}

/* Most bodies name JSON like this; any other spelling takes the way through Lua. */
static bool is_plain_json(const cro_request *request)
{
  const cro_header *type = cro_headers_find(&request->headers, CRO_B("Content-Type"));

  return type != NULL &&
         (cro_bytes_ieq(type->value, CRO_B("application/json")) ||
          cro_bytes_ieq(type->value, CRO_B("application/json; charset=utf-8")));
}

static bool has_stored(lua_State *L, const char *key)
{
  bool there;

  lua_getfenv(L, 1);
  lua_getfield(L, -1, key);
  there = !lua_isnil(L, -1);
  lua_pop(L, 2);
  return there;
}

/* Does anything ask for this body in another way than by default? */
static bool reads_by_default(lua_State *L, const lcro_exchange *x)
{
  const cro_body *body = &x->request->body;

  if (body->state != CRO_BODY_ENDED || body->on_change != NULL || x->reader != NULL ||
      body->received > lcro_limits_of(x)->body_bytes)
    return false;
  return !lcro_test_box(L, 1, LCRO_CONTEXT)->stored ||
         (!has_stored(L, "max_body") && !has_stored(L, "body_parsers"));
}

/* c:json_body(depth): the value of a body that is JSON, is there, and is not to be read
 * in any special way, or nil and what is wrong where; else nothing. */
static int l_context_json_body(lua_State *L)
{
  lcro_exchange *x = self(L, "json_body");
  int depth = (int)luaL_checkinteger(L, 2);

  if (!is_plain_json(x->request) || !reads_by_default(L, x))
    return 0;
  return lcro_json_decode(L, cro_buf_bytes(&x->request->body.held), depth);
}

static const luaL_Reg methods[] = {
  { "content", l_context_content },
  { "text", l_context_text },
  { "html", l_context_html },
  { "json", l_context_json },
  { "status", l_context_status },
  { "set_header", l_context_set_header },
  { "append_header", l_context_append_header },
  { "append_trailer", l_context_append_trailer },
  { "fail", l_context_fail },
  { "respond", l_context_respond },
  { "timeout", l_context_timeout },
  { "json_body", l_context_json_body },
  { NULL, NULL },
};

/* --- fields --------------------------------------------------------------------------
 */

static int get_request(lua_State *L, lcro_exchange *x)
{
  lcro_keep_context(L, x, 1);
  lcro_push_box(L, x, LCRO_REQUEST);
  return 1;
}

static int get_response(lua_State *L, lcro_exchange *x)
{
  lcro_keep_context(L, x, 1);
  lcro_push_box(L, x, LCRO_RESPONSE);
  return 1;
}

static int get_method(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, cro_method_name(x->request->method));
  return 1;
}

static int get_path(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, x->request->path);
  return 1;
}

static int get_target(lua_State *L, lcro_exchange *x)
{
  lcro_pushbytes(L, x->request->target);
  return 1;
}

static int get_peer(lua_State *L, lcro_exchange *x)
{
  cro_bytes host;
  int port;

  if (lcro_peer_of(x, &host, &port))
    lcro_pushbytes(L, host);
  else
    lua_pushnil(L);
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

static int get_done(lua_State *L, lcro_exchange *x)
{
  lua_pushboolean(L, x->response->status != 0);
  return 1;
}

static int get_application(lua_State *L, lcro_exchange *x)
{
  if (x->server == NULL)
    lua_pushnil(L);
  else
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->server->application);
  return 1;
}

static const lcro_field fields[] = {
  { "request", get_request, NULL },
  { "response", get_response, NULL },
  { "method", get_method, NULL },
  { "path", get_path, NULL },
  { "target", get_target, NULL },
  { "peer", get_peer, NULL },
  { "secure", get_secure, NULL },
  { "scheme", get_scheme, NULL },
  { "done", get_done, NULL },
  { "application", get_application, NULL },
  { NULL, NULL, NULL },
};

/* core.context(request): the context of a request that no server dispatched. */
static int l_core_context(lua_State *L)
{
  lcro_exchange *x = lcro_check_box(L, 1, LCRO_REQUEST, "context");

  if (!x->scripted && x->refs[LCRO_CONTEXT] == LUA_NOREF)
    return luaL_error(L, "context: this request has its own context, c");
  lcro_push_box(L, x, LCRO_CONTEXT);
  return 1;
}

void lcro_open_context(lua_State *L)
{
  lcro_box_class(L, LCRO_CONTEXT, methods, fields);
  lua_pushcfunction(L, l_core_context);
  lua_setfield(L, -2, "context");
  lua_pushcfunction(L, lcro_l_kind);
  lua_setfield(L, -2, "kind");
}
