/* l_connect.c - core.tcp_connect: connection boxes that this side asked for.
 *
 * With TLS the connection comes to Lua when the handshake is over and the certificate
 * is that of whom was asked for. */
#include "base/alloc.h"
#include "bind/tls.h"

#include <stdio.h>

static const char connecting_class[] = "cro.connecting";

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_connecting *connecting; /* NULL: over */
  cro_tcp *tcp;
  cro_tls_context *tls;       /* held; NULL: none */
  uint64_t handshake_ms, due; /* 0: only the first counts */
  bool shaking;
  int fn, self;
  int err;
  bool closed;
  cro_tried *tried; /* when it failed: every address */
  size_t tried_count;
  char address[128];
  char name[256]; /* that the certificate must be for */
  char why[LCRO_TLS_WHY_MAX];
  bool tls_failed;
} connecting_box;

void lcro_describe_place(char out[128], cro_bytes path, cro_bytes host, int port)
{
  if (path.len > 0)
    (void)snprintf(out, 128, "unix:%.*s", (int)path.len, path.at);
  else
    (void)snprintf(out, 128, "%.*s:%d", (int)host.len, host.at, port);
}

/* The error on top learns which addresses were tried: err.tried. */
static void add_tried(lua_State *L, const connecting_box *box)
{
  lua_createtable(L, (int)box->tried_count, 0);
  for (size_t i = 0; i < box->tried_count; i++) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, box->tried[i].host);
    lua_setfield(L, -2, "host");
    lua_pushstring(L, cro_err_kind(box->tried[i].err));
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, cro_err_text(box->tried[i].err));
    lua_setfield(L, -2, "message");
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "tried");
}

static int connecting_open(lua_State *L, lcro_entry *entry)
{
  connecting_box *box = (connecting_box *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, box->fn);
  if (box->err != 0) {
    lua_pushnil(L);
    if (box->tls_failed)
      lcro_push_tls_error(L, box->err, "connect", cro_bytes_of(box->address), box->why);
    else
      lcro_push_error(L, box->err, "connect", cro_bytes_of(box->address));
    if (box->tried_count > 0)
      add_tried(L, box);
    return 3;
  }
  lcro_tcp_adopt(L, lcro_tcp_push(L, box->app), box->tcp);
  box->tcp = NULL;
  return 2;
}

static void drop_socket(connecting_box *box)
{
  cro_tcp *tcp = box->tcp;

  box->tcp = NULL;
  if (tcp == NULL)
    return;
  cro_tcp_on_closed(tcp, NULL, NULL);
  lcro_tcp_abort(tcp);
}

static void drop_context(connecting_box *box)
{
  cro_tls_context_drop(box->tls);
  box->tls = NULL;
}

static void connecting_left(lua_State *L, lcro_entry *entry, bool failed)
{
  connecting_box *box = (connecting_box *)entry;

  (void)failed;
  drop_socket(box);
  drop_context(box);
  cro_free(box->tried);
  box->tried = NULL;
  box->tried_count = 0;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static const lcro_entry_ops connecting_ops = { .open = connecting_open,
                                               .left = connecting_left };

/* Without memory the error says less. */
static void keep_tried(connecting_box *box)
{
  cro_tried one;
  size_t count = 0;

  while (cro_connect_tried(box->connecting, count, &one))
    count++;
  if (count > 0)
    box->tried = cro_alloc(count * sizeof *box->tried);
  if (box->tried == NULL)
    return;
  for (size_t i = 0; i < count; i++)
    (void)cro_connect_tried(box->connecting, i, &box->tried[i]);
  box->tried_count = count;
}

/* The end, either way. */
static void conclude(connecting_box *box, int err)
{
  box->err = err;
  if (box->closed) {
    connecting_left(box->app->L, &box->entry, true);
    return;
  }
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

/* --- the handshake --------------------------------------------------------------- */

static void fail_handshake(connecting_box *box, int err)
{
  box->app->tls_failures++;
  box->shaking = false;
  box->tls_failed = true;
  conclude(box, err);
}

static void shaken(void *arg, cro_tcp *tcp, int err)
{
  connecting_box *box = arg;

  cro_tcp_on_closed(tcp, NULL, NULL);
  if (err == 0) {
    box->app->tls_handshakes++;
    box->shaking = false;
    conclude(box, 0);
    return;
  }
  lcro_keep_why(box->why, tcp);
  box->tcp = NULL; /* it closes by itself */
  fail_handshake(box, err);
}

/* Without a word: at the end of the loop. */
static void lost(void *arg, cro_tcp *tcp, int err)
{
  connecting_box *box = arg;

  (void)tcp;
  box->tcp = NULL;
  fail_handshake(box, err != 0 ? err : CRO_E_CLOSED);
}

/* What is left of the time for all of it, and no more than a handshake may take. */
static uint64_t time_left(const connecting_box *box)
{
  uint64_t now = cro_loop_now(box->app->loop), left;

  if (box->due == 0)
    return box->handshake_ms;
  left = box->due > now ? box->due - now : 1;
  return left < box->handshake_ms ? left : box->handshake_ms;
}

static void shake_hands(connecting_box *box)
{
  int rc;

  box->shaking = true;
  cro_tcp_on_closed(box->tcp, lost, box);
  rc = cro_tls_connect(box->tcp, box->tls, cro_bytes_of(box->name), time_left(box),
                       shaken, box);
  if (rc == 0)
    return;
  drop_socket(box);
  fail_handshake(box, rc);
}

static void connected(void *arg, int err, cro_tcp *tcp)
{
  connecting_box *box = arg;

  if (err != 0 && box->connecting != NULL && !box->closed)
    keep_tried(box);
  box->connecting = NULL;
  box->tcp = tcp;
  if (err == 0 && box->tls != NULL && !box->closed)
    shake_hands(box);
  else
    conclude(box, err);
}

/* connecting:close(): gives up; fn is not called. */
static int l_connecting_close(lua_State *L)
{
  connecting_box *box = luaL_checkudata(L, 1, connecting_class);

  (void)L;
  box->closed = true;
  if (box->connecting != NULL)
    cro_connect_cancel(box->connecting);
  if (box->shaking) {
    box->shaking = false;
    drop_socket(box);
    connecting_left(box->app->L, &box->entry, true);
  }
  return 0;
}

static int l_connecting_gc(lua_State *L)
{
  (void)l_connecting_close(L);
  drop_context(lua_touserdata(L, 1));
  return 0;
}

static const luaL_Reg connecting_methods[] = {
  { "close", l_connecting_close },
  { NULL, NULL },
};

static void read_connect(lua_State *L, cro_connect_options *options)
{
  memset(options, 0, sizeof *options);
  options->path = lcro_opt_bytes(L, 1, "path", CRO_B(""));
  options->host = lcro_opt_bytes(L, 1, "host", CRO_B("localhost"));
  options->port = (int)lcro_opt_number(L, 1, "port", 0);
  options->timeout = (uint64_t)(lcro_opt_number(L, 1, "timeout", 0) * 1000);
  options->nodelay = lcro_opt_bool(L, 1, "nodelay", false);
  options->keep_alive = (unsigned)lcro_opt_number(L, 1, "keep_alive", 0);
  options->local_host = lcro_opt_bytes(L, 1, "local_host", CRO_B(""));
  options->local_port = (int)lcro_opt_number(L, 1, "local_port", 0);
}

/* server_name: what the certificate must be for; else the host. */
static void read_tls(lua_State *L, connecting_box *box, const cro_connect_options *at)
{
  cro_tls_context *context = lcro_opt_tls(L, 1);
  cro_bytes name = lcro_opt_bytes(L, 1, "server_name", at->host);

  if (context == NULL)
    return;
  (void)snprintf(box->name, sizeof box->name, "%.*s", (int)name.len, name.at);
  box->handshake_ms = lcro_opt_handshake(L, 1);
  if (at->timeout > 0)
    box->due = cro_loop_now(box->app->loop) + at->timeout;
  box->tls = cro_tls_context_hold(context);
}

/* core.tcp_connect(options, fn(connection or nil, err)): with `tls`, a context,
 * encrypted
 */
static int l_core_tcp_connect(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "tcp.connect");
  cro_connect_options options;
  connecting_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  read_connect(L, &options);
  box = lua_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  lcro_entry_init(&box->entry, &connecting_ops);
  box->app = app;
  box->fn = box->self = LUA_NOREF;
  luaL_getmetatable(L, connecting_class);
  lua_setmetatable(L, -2);
  read_tls(L, box, &options);
  lcro_describe_place(box->address, options.path, options.host, options.port);
  box->fn = lcro_anchor(L, 2);
  box->self = lcro_anchor(L, 3);
  rc = cro_connect(&box->connecting, app->loop, &options, connected, box);
  if (rc < 0)
    connected(box, rc, NULL);
  return 1;
}

void lcro_open_connect(lua_State *L)
{
  lcro_class(L, connecting_class, connecting_methods, l_connecting_gc);
  lua_pushcfunction(L, l_core_tcp_connect);
  lua_setfield(L, -2, "tcp_connect");
}
