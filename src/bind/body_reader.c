#include "bind/body_reader.h"

#include "base/alloc.h"
#include "bind/server.h"

const cro_http_limits *lcro_limits_of(const lcro_exchange *x)
{
  return x->server != NULL && x->server->server != NULL
             ? cro_server_limits(x->server->server)
             : &cro_http_limits_default;
}

lcro_exchange *lcro_exchange_script(lua_State *L, lcro_app *app)
{
  cro_request *request = cro_request_create(NULL);
  lcro_exchange *x = request != NULL ? lcro_exchange_create(app, request) : NULL;

  if (request != NULL)
    cro_arena_drop(request->arena); /* the exchange holds it now */
  if (x == NULL) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  x->scripted = true;
  request->method = CRO_GET;
  request->target = request->path = CRO_B("/");
  request->minor = 1;
  return x;
}

/* --- whole
 * ---------------------------------------------------------------------------- */

/* Pushes the text, or nil and the error; how many. The body has ended or failed. */
static int push_outcome(lua_State *L, cro_body *body)
{
  if (body->state == CRO_BODY_FAILED)
    return lcro_fail(L, body->err, "body", (cro_bytes){ NULL, 0 });
  lcro_pushbytes(L, cro_buf_bytes(&body->held));
  return 1;
}

static int collect_open(lua_State *L, lcro_entry *entry)
{
  lcro_waiter *waiter = (lcro_waiter *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, waiter->fn);
  return 1 + push_outcome(L, &waiter->exchange->request->body);
}

static void collect_left(lua_State *L, lcro_entry *entry, bool failed)
{
  lcro_waiter *waiter = (lcro_waiter *)entry;

  (void)failed;
  waiter->exchange->reader = NULL;
  lcro_waiter_done(L, waiter);
}

static const lcro_entry_ops collect_ops = { .open = collect_open,
                                            .left = collect_left };

static void collect_change(cro_body *body)
{
  lcro_exchange *x = body->reader;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  (void)lcro_fiber_deliver(x->app, &x->reader->entry);
}

static void check_free(lua_State *L, lcro_exchange *x)
{
  if (x->reader != NULL || x->request->body.on_change != NULL)
    luaL_error(L, "the body is being read already: it can be read once at a time");
}

int lcro_body_collect(lua_State *L, lcro_exchange *x, uint64_t limit, int index)
{
  cro_body *body = &x->request->body;
  int rc;

  check_free(L, x);
  rc = cro_body_want(body, limit, limit < SIZE_MAX ? (size_t)limit + 1 : SIZE_MAX);
  if (rc != 0)
    return lcro_fail(L, rc, "body", (cro_bytes){ NULL, 0 });
  if (body->state != CRO_BODY_OPEN)
    return push_outcome(L, body);
  lua_pushboolean(L, 0);
  if (index == 0)
    return 1;
  x->reader = lcro_waiter_create(L, x, index, &collect_ops);
  body->reader = x;
  body->on_change = collect_change;
  return 1;
}

/* --- part by part
 * ----------------------------------------------------------------------- */

/* Which event is due, looked at inside the fiber. */
static int stream_open(lua_State *L, lcro_entry *entry)
{
  lcro_waiter *waiter = (lcro_waiter *)entry;
  cro_body *body = &waiter->exchange->request->body;
  cro_buf part = { 0 };

  lua_rawgeti(L, LUA_REGISTRYINDEX, waiter->fn);
  if (body->held.len > 0) {
    lua_pushliteral(L, "value");
    lcro_pushbytes(L, cro_buf_bytes(&body->held)); /* may raise: still held then */
    cro_body_take(body, &part);
    cro_buf_free(&part);
    return 3;
  }
  waiter->err = 1; /* the last event is on its way */
  if (body->state == CRO_BODY_ENDED) {
    lua_pushliteral(L, "done");
    return 2;
  }
  lua_pushliteral(L, "quit");
  lcro_push_error(L, body->err, "body", (cro_bytes){ NULL, 0 });
  return 3;
}

/* A fiber is in it, or will be. */
static bool inside(const lcro_entry *entry)
{
  return entry->fiber != NULL || !cro_list_empty(&entry->soon);
}

static void stream_pump(lcro_exchange *x)
{
  const cro_body *body = &x->request->body;

  if (inside(&x->reader->entry) ||
      (body->held.len == 0 && body->state == CRO_BODY_OPEN))
    return;
  (void)lcro_fiber_deliver(x->app, &x->reader->entry);
}

static void stream_change(cro_body *body)
{
  stream_pump(body->reader);
}

static void stream_left(lua_State *L, lcro_entry *entry, bool failed)
{
  lcro_waiter *waiter = (lcro_waiter *)entry;
  lcro_exchange *x = waiter->exchange;

  if (!failed && waiter->err == 0) {
    stream_pump(x); /* Lua runs: delivered by the loop */
    return;
  }
  x->request->body.on_change = NULL;
  x->reader = NULL;
  lcro_waiter_done(L, waiter);
}

static const lcro_entry_ops stream_ops = { .open = stream_open, .left = stream_left };

int lcro_body_stream(lua_State *L, lcro_exchange *x, int index)
{
  cro_body *body = &x->request->body;

  check_free(L, x);
  x->reader = lcro_waiter_create(L, x, index, &stream_ops);
  body->reader = x;
  body->on_change = stream_change;
  (void)cro_body_want(body, UINT64_MAX, CRO_BODY_WINDOW);
  stream_pump(x);
  return 0;
}
