/* l_listen.c - core.tcp_listen and core.tcp_connect: where connection boxes come from.
 */
#include "base/alloc.h"
#include "base/check.h"
#include "bind/tcp.h"

#include <stddef.h>
#include <stdio.h>

static const char listener_class[] = "cro.listener";
static const char connecting_class[] = "cro.connecting";

/* --- listening
 * --------------------------------------------------------------------------------- */

/* fn hears of one event at a time; connections accepted meanwhile wait in the queue. */
typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_listener *listener; /* NULL: not yet, or closed */
  cro_list queue;         /* of waiting.node */
  int fn, self;
  int err;
  bool opening, ready, quit, closed, inside, freed_by_gc;
  bool nodelay;
  char address[128]; /* a path fits */
} listener_box;

typedef struct {
  cro_list node;
  cro_tcp *tcp; /* NULL: closed while it waited */
} waiting;

static bool listener_due(const listener_box *box)
{
  return !box->closed && (box->ready || box->quit || !cro_list_empty(&box->queue));
}

static void listener_pump(listener_box *box)
{
  if (box->inside || !listener_due(box))
    return;
  box->inside = true;
  if (box->listener != NULL)
    cro_listener_pause(box->listener);
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

static int push_accepted(lua_State *L, listener_box *box)
{
  lcro_tcp *connection = lcro_tcp_push(L, box->app); /* may raise: still queued then */
  cro_list *node = cro_list_shift(&box->queue);
  waiting *item = CRO_CONTAINER(node, waiting, node);

  lcro_tcp_adopt(L, connection, item->tcp);
  cro_free(item);
  return 3;
}

static int l_nothing(lua_State *L)
{
  (void)L;
  return 0;
}

static int listener_open(lua_State *L, lcro_entry *entry)
{
  listener_box *box = (listener_box *)entry;

  if (!listener_due(box)) {
    lua_pushcfunction(L, l_nothing);
    return 1;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, box->fn);
  if (box->ready) {
    box->ready = false;
    lua_pushliteral(L, "ready");
    return 2;
  }
  if (!cro_list_empty(&box->queue)) {
    lua_pushliteral(L, "value");
    return push_accepted(L, box);
  }
  box->quit = false;
  box->closed = true;
  lua_pushliteral(L, "quit");
  lcro_push_error(L, box->err, "listen", cro_bytes_of(box->address));
  return 3;
}

static void listener_release(lua_State *L, listener_box *box)
{
  if (box->opening || box->inside)
    return;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static void drop_queue(listener_box *box)
{
  cro_list *node;

  while ((node = cro_list_shift(&box->queue)) != NULL) {
    cro_tcp *tcp = CRO_CONTAINER(node, waiting, node)->tcp;

    lcro_tcp_abort(tcp); /* waiting_closed frees the item */
  }
}

static void close_listener(listener_box *box)
{
  box->closed = true;
  if (box->listener != NULL)
    cro_listener_close(box->listener);
  box->listener = NULL;
  drop_queue(box);
}

static void listener_left(lua_State *L, lcro_entry *entry, bool failed)
{
  listener_box *box = (listener_box *)entry;

  (void)failed;
  box->inside = false;
  if (box->app->closing && !box->closed) /* Lua is entered no more */
    close_listener(box);
  if (box->closed)
    listener_release(L, box);
  else if (listener_due(box))
    listener_pump(box);
  else if (box->listener != NULL)
    cro_listener_resume(box->listener);
}

static const lcro_entry_ops listener_entry = { .open = listener_open,
                                               .left = listener_left };

/* A connection that closes while it waits is taken out of the queue. */
static void waiting_closed(void *arg, cro_tcp *tcp, int err)
{
  waiting *item = arg;

  (void)tcp;
  (void)err;
  cro_list_remove(&item->node);
  cro_free(item);
}

static void accepted(void *arg, cro_tcp *tcp)
{
  listener_box *box = arg;
  waiting *item = cro_alloc(sizeof *item);

  if (item == NULL) {
    lcro_tcp_abort(tcp);
    return;
  }
  cro_list_init(&item->node);
  item->tcp = tcp;
  cro_tcp_on_closed(tcp, waiting_closed, item);
  if (box->nodelay)
    (void)cro_tcp_nodelay(tcp, true);
  cro_list_push(&box->queue, &item->node);
  listener_pump(box);
}

static void starved(void *arg, int err)
{
  const listener_box *box = arg;
  int port = -1;
  cro_bytes where = cro_listener_address(box->listener, &port);

  fprintf(stderr, "crolua: accepting at %.*s", (int)where.len, where.at);
  if (port >= 0)
    fprintf(stderr, ":%d", port);
  fprintf(stderr, " pauses: %s%s\n", cro_err_text(err),
          err == CRO_E_MFILE ? "; raise the limit (ulimit -n)" : "");
}

static const cro_listener_ops listener_ops = { .accepted = accepted,
                                               .starved = starved };

static void listening(void *arg, int err, cro_listener *listener)
{
  listener_box *box = arg;

  box->opening = false;
  if (box->closed) {
    if (err == 0)
      cro_listener_close(listener);
    listener_release(box->app->L, box);
    return;
  }
  box->listener = listener;
  box->err = err;
  box->ready = err == 0;
  box->quit = err != 0;
  listener_pump(box);
}

/* listener:close(): accepts no more; its connections live on. Harmless twice. */
static int l_listener_close(lua_State *L)
{
  listener_box *box = luaL_checkudata(L, 1, listener_class);

  if (box->closed)
    return 0;
  close_listener(box);
  listener_release(L, box);
  return 0;
}

/* listener:address() -> host, port; a path alone; nothing when it does not listen */
static int l_listener_address(lua_State *L)
{
  listener_box *box = luaL_checkudata(L, 1, listener_class);
  int port = -1;

  if (box->listener == NULL)
    return 0;
  lcro_pushbytes(L, cro_listener_address(box->listener, &port));
  if (port < 0)
    return 1;
  lua_pushinteger(L, port);
  return 2;
}

static int l_listener_gc(lua_State *L)
{
  listener_box *box = lua_touserdata(L, 1);

  (void)L;
  if (!box->closed)
    close_listener(box);
  return 0;
}

static const luaL_Reg listener_methods[] = {
  { "close", l_listener_close },
  { "address", l_listener_address },
  { NULL, NULL },
};

/* Where a listener or a connection is to be, for messages. */
static void describe(char out[128], cro_bytes path, cro_bytes host, int port)
{
  if (path.len > 0)
    (void)snprintf(out, 128, "unix:%.*s", (int)path.len, path.at);
  else
    (void)snprintf(out, 128, "%.*s:%d", (int)host.len, host.at, port);
}

void lcro_read_listen(lua_State *L, cro_listen_options *options)
{
  memset(options, 0, sizeof *options);
  options->path = lcro_opt_bytes(L, 1, "path", CRO_B(""));
  options->mode = (int)lcro_opt_number(L, 1, "mode", 0);
  options->replace = lcro_opt_bool(L, 1, "unlink", false);
  options->ipv6_only = lcro_opt_bool(L, 1, "ipv6_only", false);
  options->keep_alive = (unsigned)lcro_opt_number(L, 1, "keep_alive", 0);
  options->host = lcro_opt_bytes(L, 1, "host", CRO_B("localhost"));
  options->port = (int)lcro_opt_number(L, 1, "port", 0);
  options->fd = (int)lcro_opt_number(L, 1, "fd", -1);
  options->backlog = (int)lcro_opt_number(L, 1, "backlog", 0);
  options->reuse_port = lcro_opt_bool(L, 1, "reuse_port", false);
  options->nodelay = lcro_opt_bool(L, 1, "nodelay", false);
}

/* core.tcp_listen(options, fn(kind, value)) */
static int l_core_tcp_listen(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "tcp.listen");
  cro_listen_options options;
  listener_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lcro_read_listen(L, &options);
  box = lua_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  lcro_entry_init(&box->entry, &listener_entry);
  cro_list_init(&box->queue);
  box->app = app;
  box->fn = box->self = LUA_NOREF;
  box->closed = true; /* until there is something to close */
  box->nodelay = options.nodelay;
  luaL_getmetatable(L, listener_class);
  lua_setmetatable(L, -2);
  describe(box->address, options.path, options.host, options.port);
  box->fn = lcro_anchor(L, 2);
  box->self = lcro_anchor(L, 3);
  box->closed = false;
  box->opening = true;
  rc = cro_listen(app->loop, &options, &listener_ops, box, listening);
  if (rc < 0)
    listening(box, rc, NULL);
  return 1;
}

/* --- connecting
 * -----------------------------------------------------------------------------------
 */

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_connecting *connecting; /* NULL: over */
  cro_tcp *tcp;
  int fn, self;
  int err;
  bool closed;
  cro_tried *tried; /* when it failed: every address */
  size_t tried_count;
  char address[128];
} connecting_box;

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
    lcro_push_error(L, box->err, "connect", cro_bytes_of(box->address));
    if (box->tried_count > 0)
      add_tried(L, box);
    return 3;
  }
  lcro_tcp_adopt(L, lcro_tcp_push(L, box->app), box->tcp);
  box->tcp = NULL;
  return 2;
}

static void connecting_left(lua_State *L, lcro_entry *entry, bool failed)
{
  connecting_box *box = (connecting_box *)entry;

  (void)failed;
  if (box->tcp != NULL)
    lcro_tcp_abort(box->tcp);
  box->tcp = NULL;
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

static void connected(void *arg, int err, cro_tcp *tcp)
{
  connecting_box *box = arg;

  if (err != 0 && box->connecting != NULL && !box->closed)
    keep_tried(box);
  box->connecting = NULL;
  box->tcp = tcp;
  box->err = err;
  if (box->closed) {
    connecting_left(box->app->L, &box->entry, true);
    return;
  }
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

/* connecting:close(): gives up; fn is not called. */
static int l_connecting_close(lua_State *L)
{
  connecting_box *box = luaL_checkudata(L, 1, connecting_class);

  (void)L;
  box->closed = true;
  if (box->connecting != NULL)
    cro_connect_cancel(box->connecting);
  return 0;
}

static int l_connecting_gc(lua_State *L)
{
  return l_connecting_close(L);
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

/* core.tcp_connect(options, fn(connection or nil, err)) */
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
  describe(box->address, options.path, options.host, options.port);
  box->fn = lcro_anchor(L, 2);
  box->self = lcro_anchor(L, 3);
  rc = cro_connect(&box->connecting, app->loop, &options, connected, box);
  if (rc < 0)
    connected(box, rc, NULL);
  return 1;
}

void lcro_open_listen(lua_State *L)
{
  lcro_class(L, listener_class, listener_methods, l_listener_gc);
  lcro_class(L, connecting_class, connecting_methods, l_connecting_gc);
  lua_pushcfunction(L, l_core_tcp_listen);
  lua_setfield(L, -2, "tcp_listen");
  lua_pushcfunction(L, l_core_tcp_connect);
  lua_setfield(L, -2, "tcp_connect");
}
