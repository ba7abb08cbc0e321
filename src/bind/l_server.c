/* l_server.c - core.server(): options in, requests to handlers, stop and drain. */
#include "base/alloc.h"
#include "base/check.h"
#include "bind/router.h"
#include "bind/server.h"
#include "bind/tls.h"
#include "pipe/trace.h"

#include <stddef.h>
#include <stdio.h>

static const char class[] = "cro.server";

lcro_server *lcro_check_server(lua_State *L, int index)
{
  return luaL_checkudata(L, index, class);
}

static lcro_server *self(lua_State *L)
{
  return lcro_check_server(L, 1);
}

/* --- requests
 * ---------------------------------------------------------------------------- */

/* One more Lua function of this request, after the handler: an answer's body. */
static int open_after(lua_State *L, lcro_exchange *x)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, x->after);
  lcro_release(L, &x->after);
  lcro_push_box(L, x, LCRO_CONTEXT);
  return 2;
}

static int open_route(lua_State *L, lcro_exchange *x)
{
  const cro_route_match *match = &x->call->match;

  lua_rawgeti(L, LUA_REGISTRYINDEX, x->server->handlers);
  lua_rawgeti(L, -1, (int)match->route);
  lcro_push_box(L, x, LCRO_CONTEXT);
  return 2 + lcro_push_captures(L, match); /* the handlers stay below */
}

static int open_miss(lua_State *L, lcro_exchange *x)
{
  char text[CRO_ALLOW_MAX];

  lua_rawgeti(L, LUA_REGISTRYINDEX, x->server->miss);
  lcro_push_box(L, x, LCRO_CONTEXT);
  lua_pushinteger(L, x->call->status);
  if (x->call->allowed == 0)
    lua_pushnil(L);
  else
    lcro_pushbytes(L, cro_router_allow_text(x->call->allowed, text));
  return 4;
}

static int open_call(lua_State *L, lcro_exchange *x)
{
  switch (x->call->hit) {
  case CRO_HIT_ROUTE:
    return open_route(L, x);
  case CRO_HIT_MISS:
    return open_miss(L, x);
  case CRO_HIT_CONDITIONAL:
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->server->conditional);
    break;
  case CRO_HIT_ALL:
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->server->enter);
    break;
  }
  lcro_push_box(L, x, LCRO_CONTEXT);
  return 2;
}

static int handler_open(lua_State *L, lcro_entry *entry)
{
  lcro_exchange *x = (lcro_exchange *)entry;
  cro_server_call call;

  if (x->after != LUA_NOREF)
    return open_after(L, x);
  if (!x->late)
    return open_call(L, x);
  cro_server_route(x->server->server, x->request, &call);
  x->call = &call;
  return open_call(L, x);
}

static bool handler_again(lcro_entry *entry)
{
  const lcro_exchange *x = (const lcro_exchange *)entry;

  return x->after != LUA_NOREF && !x->released;
}

/* Errors that carry a status below 500 are the peer's fault and not reported. */
static bool handler_failed(lua_State *L, lcro_entry *entry, int index)
{
  lcro_exchange *x = (lcro_exchange *)entry;

  x->fail_status = 500; /* should looking raise */
  x->app->handler_errors++;
  x->fail_status = lcro_error_status(L, index);
  if (x->fail_status >= 500)
    return true;
  x->app->handler_errors--;
  return false;
}

static void handler_describe(const lcro_entry *entry, char *out, size_t room)
{
  lcro_exchange_describe((const lcro_exchange *)entry, out, room);
}

static void handler_left(lua_State *L, lcro_entry *entry, bool failed)
{
  lcro_exchange *x = (lcro_exchange *)entry;

  if (failed)
    lcro_exchange_fail(x, x->fail_status);
  else
    lcro_exchange_conclude(x);
  lcro_leave_context(x);
  lcro_exchange_drop(L, x);
}

static const lcro_entry_ops handler_ops = {
  .open = handler_open,
  .again = handler_again,
  .failed = handler_failed,
  .describe = handler_describe,
  .left = handler_left,
};

static void arm_handler_deadline(lcro_exchange *x, uint64_t ms)
{
  cro_loop *loop = x->app->loop;

  if (ms > 0 && !x->released)
    cro_loop_arm(loop, &x->deadline, cro_loop_now(loop) + ms);
}

static void refuse(cro_request *request)
{
  cro_response_fail(request->response, 503);
  cro_server_respond(request);
}

/* A request out of a pipeline that Lua itself pushes: the loop enters it later. What
 * points into the pushed bytes is good until then, since the arena is held. */
static void take_later(lcro_exchange *x)
{
  x->late = true;
  (void)lcro_fiber_deliver(x->app, &x->entry);
}

/* In a pipeline composed by hand Lua may have seen the request before. */
static lcro_exchange *exchange_of(lcro_server *server, cro_request *request)
{
  return request->user != NULL ? request->user
                               : lcro_exchange_create(server->app, request);
}

static void on_request(void *arg, cro_request *request, const cro_server_call *call)
{
  lcro_server *server = arg;
  lcro_exchange *x = exchange_of(server, request);
  int rc;

  if (x == NULL) {
    refuse(request);
    return;
  }
  if (x->server != NULL) /* it was emitted twice */
    return;
  x->server = server;
  x->tally = server->tally;
  server->tally->running++;
  x->call = call;
  lcro_entry_init(&x->entry, &handler_ops);
  lcro_exchange_hold(x); /* the fiber's */
  if (server->app->depth > 0) {
    take_later(x);
    return;
  }
  rc = lcro_fiber_enter(server->app, &x->entry);
  if (rc == 0)
    return; /* x may be gone */
  if (rc == CRO_FULL) {
    arm_handler_deadline(x, cro_server_timeouts(server->server)->handler);
    return;
  }
  refuse(request);
  lcro_exchange_drop(server->app->L, x);
}

static void on_refused(void *arg, cro_conn *conn, int status, const char *reason)
{
  lcro_server *server = arg;

  (void)conn;
  (void)status;
  (void)reason;
  server->app->refused++;
}

static void on_shaken(void *arg, bool agreed)
{
  lcro_app *app = ((lcro_server *)arg)->app;

  *(agreed ? &app->tls_handshakes : &app->tls_failures) += 1;
}

static void on_no_handshake(void *arg, cro_conn *conn, const char *why, uint64_t more)
{
  int port;
  cro_bytes peer = conn->ops->peer(conn, &port);

  (void)arg;
  fprintf(stderr, "crolua: no TLS handshake with %.*s: %s", (int)peer.len, peer.at,
          why);
  if (more > 0)
    fprintf(stderr, " (%llu more since the last one told of)",
            (unsigned long long)more);
  fputc('\n', stderr);
}

static bool on_handshake_failed(void *arg, cro_conn *conn, int err)
{
  lcro_server *server = arg;

  if (server->failing == NULL)
    return false;
  lcro_failing_tell(server->failing, conn, err);
  return true;
}

static void on_starved(void *arg, int err)
{
  (void)arg;
  fprintf(stderr,
          "crolua: accepting pauses: %s; raise the limit (ulimit -n) or lower "
          "limits.connections\n",
          cro_err_text(err));
}

static void on_clamped(void *arg, uint64_t wanted, uint64_t allowed)
{
  (void)arg;
  fprintf(stderr,
          "crolua: limits.connections is %llu, the limit of open files (ulimit -n) "
          "leaves room for %llu: more are refused; raise it, or lower "
          "limits.connections\n",
          (unsigned long long)wanted, (unsigned long long)allowed);
}

static const cro_server_ops server_ops = {
  .request = on_request,
  .refused = on_refused,
  .shaken = on_shaken,
  .handshake_failed = on_handshake_failed,
  .no_handshake = on_no_handshake,
  .starved = on_starved,
  .clamped = on_clamped,
};

/* --- options
 * ------------------------------------------------------------------------------ */

static unsigned read_versions(lua_State *L)
{
  cro_bytes versions = lcro_opt_bytes(L, 1, "versions", CRO_B("1"));

  return (cro_bytes_find(versions, '1') < versions.len ? CRO_SERVE_HTTP1 : 0) |
         (cro_bytes_find(versions, '2') < versions.len ? CRO_SERVE_HTTP2 : 0);
}

/* Strings stay in the options table at index 1 while they are needed. */
static void read_options(lua_State *L, cro_server_options *options)
{
  lcro_http_settings settings;

  memset(options, 0, sizeof *options);
  lcro_read_listen(L, &options->listen);
  options->listen.defer_accept = lcro_opt_bool(L, 1, "defer_accept", true);
  options->listen.nodelay = lcro_opt_bool(L, 1, "nodelay", true);
  options->label = lcro_opt_bytes(L, 1, "label", CRO_B(""));
  options->server_header = lcro_opt_bytes(L, 1, "server_header", CRO_B(""));
  options->trace = cro_trace_on();
  options->versions = read_versions(L);
  options->tls = lcro_opt_tls(L, 1);
  lcro_default_settings(&settings);
  lcro_read_settings(L, 1, &settings);
  options->limits = settings.limits;
  options->timeouts = settings.timeouts;
  options->h2 = settings.h2;
}

static int member(lua_State *L, int table, const char *key, int type)
{
  int ref = LUA_NOREF;

  lua_getfield(L, table, key);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != type)
      luaL_error(L, "application.%s: %s expected, got %s", key, lua_typename(L, type),
                 luaL_typename(L, -1));
    ref = lcro_anchor(L, -1);
  }
  lua_pop(L, 1);
  return ref;
}

static void read_application(lua_State *L, lcro_server *server,
                             cro_server_options *options)
{
  int app;

  lua_getfield(L, 1, "application");
  luaL_checktype(L, -1, LUA_TTABLE);
  app = lua_gettop(L);
  server->application = lcro_anchor(L, app);
  server->handlers = member(L, app, "handlers", LUA_TTABLE);
  server->conditional = member(L, app, "conditional", LUA_TFUNCTION);
  server->miss = member(L, app, "miss", LUA_TFUNCTION);
  server->enter = member(L, app, "enter", LUA_TFUNCTION);
  server->router = member(L, app, "router", LUA_TUSERDATA);
  options->options =
      cro_bytes_eq(lcro_opt_bytes(L, app, "options", CRO_B("auto")), CRO_B("miss"));
  options->misses = server->miss != LUA_NOREF;
  options->all = server->enter != LUA_NOREF;
  if (server->router != LUA_NOREF) {
    lua_getfield(L, app, "router");
    options->router = lcro_check_router(L, -1);
  }
  if (options->router == NULL && !options->all)
    luaL_error(L, "application: a router or enter is needed");
  lua_settop(L, app);
}

/* --- the box
 * ---------------------------------------------------------------------------------- */

/* core.server(options) */
static int l_core_server(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "http.server");
  cro_server_options options;
  lcro_server *server;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  server = lua_newuserdata(L, sizeof *server);
  *server = (lcro_server){ .app = app,
                           .application = LUA_NOREF,
                           .handlers = LUA_NOREF,
                           .conditional = LUA_NOREF,
                           .miss = LUA_NOREF,
                           .enter = LUA_NOREF,
                           .router = LUA_NOREF,
                           .self = LUA_NOREF };
  cro_list_init(&server->node);
  luaL_getmetatable(L, class);
  lua_setmetatable(L, 2);
  server->tally = cro_alloc_zero(sizeof *server->tally);
  if (server->tally == NULL)
    return luaL_error(L, "not enough memory");
  read_options(L, &options);
  server->failing = lcro_failing_create(L, app, 1);
  read_application(L, server, &options);
  rc = cro_server_create(&server->server, app->loop, &options, &server_ops, server);
  if (rc != 0)
    return luaL_error(L, "http.server: %s", cro_err_text(rc));
  cro_list_push(&app->servers, &server->node);
  lua_settop(L, 2);
  return 1;
}

/* A one-shot event of a server for a Lua function. */
typedef struct {
  lcro_entry entry; /* first */
  lcro_server *server;
  int fn;
  int err;
  char address[128]; /* a path fits */
} event;

static int event_open(lua_State *L, lcro_entry *entry)
{
  event *item = (event *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, item->fn);
  if (item->err == 0)
    return 1;
  lcro_push_error(L, item->err, "listen", cro_bytes_of(item->address));
  return 2;
}

static void event_left(lua_State *L, lcro_entry *entry, bool failed)
{
  event *item = (event *)entry;

  (void)failed;
  lcro_release(L, &item->fn);
  cro_free(item);
}

static const lcro_entry_ops event_ops = { .open = event_open, .left = event_left };

/* May raise. */
static event *event_create(lua_State *L, lcro_server *server, int index)
{
  int fn;
  event *item;

  luaL_checktype(L, index, LUA_TFUNCTION);
  fn = lcro_anchor(L, index);
  item = cro_alloc_zero(sizeof *item);
  if (item == NULL) {
    lcro_release(L, &fn);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  lcro_entry_init(&item->entry, &event_ops);
  item->fn = fn;
  item->server = server;
  return item;
}

static void started(void *arg, int err)
{
  event *item = arg;
  lcro_app *app = item->server->app;

  item->err = err;
  if (err != 0)
    lcro_release(app->L, &item->server->self);
  (void)lcro_fiber_deliver(app, &item->entry);
}

/* server:start(fn(err or nil)) */
static int l_server_start(lua_State *L)
{
  lcro_server *server = self(L);
  event *item = event_create(L, server, 2);

  if (server->self == LUA_NOREF)
    server->self = lcro_anchor(L, 1); /* until its last connection is gone */
  cro_server_describe(server->server, item->address, sizeof item->address);
  cro_server_start(server->server, started, item);
  return 0;
}

static void stopped(void *arg)
{
  event *item = arg;
  lcro_app *app = item->server->app;

  lcro_release(app->L, &item->server->self);
  (void)lcro_fiber_deliver(app, &item->entry);
}

/* server:stop(now [, fn()]): fn hears of the end of the first stop; one more call with
 * now and without fn cuts a drain short. */
static int l_server_stop(lua_State *L)
{
  lcro_server *server = self(L);
  bool now = lua_toboolean(L, 2) != 0;

  if (lua_isnoneornil(L, 3))
    cro_server_stop(server->server, now, NULL, NULL);
  else
    cro_server_stop(server->server, now, stopped, event_create(L, server, 3));
  return 0;
}

/* server:address() -> host, port; a path alone; nothing when it does not listen */
static int l_server_address(lua_State *L)
{
  int port = -1;
  cro_bytes host = cro_server_address(self(L)->server, &port);

  if (host.len == 0)
    return 0;
  lcro_pushbytes(L, host);
  if (port < 0)
    return 1;
  lua_pushinteger(L, port);
  return 2;
}

/* server:stats() -> { connections =, ... }: see cro_server_stats; and requests that run
 */
static int l_server_stats(lua_State *L)
{
  const lcro_server *server = self(L);
  cro_server_stats stats = cro_server_stats_of(server->server);

  lua_createtable(L, 0, 8);
#define SET_COUNT(name, value)                                                         \
  lua_pushnumber(L, (lua_Number)(value));                                              \
  lua_setfield(L, -2, name)
  SET_COUNT("connections", stats.connections);
  SET_COUNT("handshakes", stats.handshakes);
  SET_COUNT("http2", stats.http2);
  SET_COUNT("running", server->tally->running);
  SET_COUNT("accepted", stats.accepted);
  SET_COUNT("refused", stats.refused);
  SET_COUNT("tls_failed", stats.tls_failed);
  SET_COUNT("requests", stats.requests);
#undef SET_COUNT
  return 1;
}

static void leave_tally(lcro_server *server)
{
  lcro_tally *tally = server->tally;

  server->tally = NULL;
  if (tally == NULL)
    return;
  tally->left = true;
  if (tally->running == 0)
    cro_free(tally);
}

/* Only when nothing of it runs: self anchors it otherwise. */
static int l_server_gc(lua_State *L)
{
  lcro_server *server = lua_touserdata(L, 1);

  cro_server_destroy(server->server);
  server->server = NULL;
  leave_tally(server);
  cro_list_remove(&server->node);
  lcro_failing_drop(L, server->failing);
  server->failing = NULL;
  lcro_release(L, &server->application);
  lcro_release(L, &server->handlers);
  lcro_release(L, &server->conditional);
  lcro_release(L, &server->miss);
  lcro_release(L, &server->enter);
  lcro_release(L, &server->router);
  return 0;
}

static const luaL_Reg methods[] = {
  { "start", l_server_start },
  { "stop", l_server_stop },
  { "address", l_server_address },
  { "stats", l_server_stats },
  { NULL, NULL },
};

void lcro_open_server(lua_State *L)
{
  lcro_class(L, class, methods, l_server_gc);
  lua_pushcfunction(L, l_core_server);
  lua_setfield(L, -2, "server");
}
