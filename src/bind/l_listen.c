/* l_listen.c - core.tcp_listen: connection boxes that others asked for.
 *
 * With TLS a connection comes to Lua when its handshake is over. Any number shake hands
 * at a time; one that fails is told about, and gone. */
#include "base/alloc.h"
#include "base/check.h"
#include "bind/tls.h"
#include "serve/server.h"

#include <stddef.h>
#include <stdio.h>

static const char listener_class[] = "cro.listener";

/* Failed handshakes that wait to be told about; more are counted. */
enum { failures_max = 16 };

/* --- listening
 * --------------------------------------------------------------------------------- */

/* fn hears of one event at a time; connections accepted meanwhile wait in the queue. */
typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_listener *listener; /* NULL: not yet, or closed */
  cro_list queue;         /* of waiting.node */
  cro_list shaking;       /* the same, before that */
  cro_list failures;      /* of failure.node */
  size_t failure_count, failures_missed;
  cro_tls_context *tls; /* held; NULL: none */
  uint64_t handshake_ms;
  int fn, self;
  int err;
  bool opening, ready, quit, closed, inside, freed_by_gc;
  bool nodelay;
  bool http;         /* who is turned away is told so in HTTP */
  char address[128]; /* a path fits */
} listener_box;

/* A connection on its way to Lua; gone when the connection is. */
typedef struct {
  cro_list node;
  cro_tcp *tcp;
  listener_box *box;
} waiting;

typedef struct {
  cro_list node;
  int err;
  char where[128];
  char why[LCRO_TLS_WHY_MAX];
} failure;

static bool listener_due(const listener_box *box)
{
  return !box->closed && (box->ready || box->quit || !cro_list_empty(&box->queue) ||
                          !cro_list_empty(&box->failures));
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

/* ("failed", err, how many more there were that are not told about) */
static int push_failure(lua_State *L, listener_box *box)
{
  failure *one = CRO_CONTAINER(box->failures.next, failure, node);

  lua_pushliteral(L, "failed");
  lcro_push_tls_error(L, one->err, "handshake", cro_bytes_of(one->where), one->why);
  lua_pushinteger(L, (lua_Integer)box->failures_missed);
  cro_list_remove(&one->node); /* nothing raises from here on */
  box->failures_missed = 0;
  box->failure_count--;
  cro_free(one);
  return 4;
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
  if (!cro_list_empty(&box->failures))
    return push_failure(L, box);
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
  cro_tls_context_drop(box->tls); /* where it could not listen */
  box->tls = NULL;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static void drop_connections(cro_list *list)
{
  cro_list *node;

  while ((node = cro_list_shift(list)) != NULL) {
    cro_tcp *tcp = CRO_CONTAINER(node, waiting, node)->tcp;

    lcro_tcp_abort(tcp); /* waiting_closed frees the item */
  }
}

static void drop_failures(listener_box *box)
{
  cro_list *node;

  while ((node = cro_list_shift(&box->failures)) != NULL)
    cro_free(CRO_CONTAINER(node, failure, node));
}

static void close_listener(listener_box *box)
{
  box->closed = true;
  if (box->listener != NULL)
    cro_listener_close(box->listener);
  box->listener = NULL;
  drop_connections(&box->shaking);
  drop_connections(&box->queue);
  drop_failures(box);
  cro_tls_context_drop(box->tls);
  box->tls = NULL;
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

static void enqueue(listener_box *box, waiting *item)
{
  cro_list_push(&box->queue, &item->node);
  listener_pump(box);
}

/* The connection closes by itself. Without memory the failure is only counted. */
static void note_failure(listener_box *box, cro_tcp *tcp, int err)
{
  cro_conn *conn = cro_tcp_conn(tcp);
  failure *one = NULL;
  cro_bytes host;
  int port;

  if (box->failure_count < failures_max)
    one = cro_alloc(sizeof *one);
  if (one == NULL) {
    box->failures_missed++;
    return;
  }
  host = conn->ops->peer(conn, &port);
  lcro_describe_place(one->where, CRO_B(""), host, port);
  lcro_keep_why(one->why, tcp);
  one->err = err;
  cro_list_init(&one->node);
  cro_list_push(&box->failures, &one->node);
  box->failure_count++;
  listener_pump(box);
}

static void shaken(void *arg, cro_tcp *tcp, int err)
{
  waiting *item = arg;
  listener_box *box = item->box;

  if (err != 0) {
    box->app->tls_failures++;
    note_failure(box, tcp, err);
    return;
  }
  box->app->tls_handshakes++;
  cro_list_remove(&item->node);
  enqueue(box, item);
}

static void shake_hands(listener_box *box, waiting *item)
{
  cro_list_push(&box->shaking, &item->node);
  if (cro_tls_accept(item->tcp, box->tls, box->handshake_ms, shaken, item) < 0)
    lcro_tcp_abort(item->tcp);
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
  item->box = box;
  cro_tcp_on_closed(tcp, waiting_closed, item);
  if (box->nodelay)
    (void)cro_tcp_nodelay(tcp, true);
  if (box->tls != NULL)
    shake_hands(box, item);
  else
    enqueue(box, item);
}

/* Without a handshake there are no words that a client of TLS would understand. */
static void refused(void *arg, cro_tcp *tcp)
{
  listener_box *box = arg;

  box->app->refused++;
  if (box->http && box->tls == NULL)
    cro_server_turn_away(tcp);
  else
    cro_tcp_conn(tcp)->ops->close(cro_tcp_conn(tcp));
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
                                               .refused = refused,
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

/* No more than there can be descriptors, which the program needs for other things, too.
 */
static uint64_t read_connections(lua_State *L)
{
  enum { kept_free = 64 };
  lua_Number wanted = lcro_opt_number(L, 1, "max_connections", 0);
  uint64_t count = wanted >= 1 && wanted < 1e9 ? (uint64_t)wanted : 0, files;

  if (count == 0)
    return 0;
  files = cro_net_files(count + kept_free);
  if (count + kept_free > files)
    count = files > kept_free ? files - kept_free : 1;
  return count;
}

/* core.tcp_listen(options, fn(kind, value)): with `tls`, a context, encrypted */
static int l_core_tcp_listen(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "tcp.listen");
  cro_listen_options options;
  cro_tls_context *tls;
  uint64_t handshake_ms;
  listener_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lcro_read_listen(L, &options);
  options.max_connections = read_connections(L);
  tls = lcro_opt_tls(L, 1);
  handshake_ms = lcro_opt_handshake(L, 1);
  box = lua_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  lcro_entry_init(&box->entry, &listener_entry);
  cro_list_init(&box->queue);
  cro_list_init(&box->shaking);
  cro_list_init(&box->failures);
  box->app = app;
  box->handshake_ms = handshake_ms;
  box->fn = box->self = LUA_NOREF;
  box->closed = true; /* until there is something to close */
  box->nodelay = options.nodelay;
  box->http = lcro_opt_bool(L, 1, "http", false);
  luaL_getmetatable(L, listener_class);
  lua_setmetatable(L, -2);
  lcro_describe_place(box->address, options.path, options.host, options.port);
  box->fn = lcro_anchor(L, 2);
  box->self = lcro_anchor(L, 3);
  box->closed = false;
  box->opening = true;
  box->tls = tls != NULL ? cro_tls_context_hold(tls) : NULL;
  rc = cro_listen(app->loop, &options, &listener_ops, box, listening);
  if (rc < 0)
    listening(box, rc, NULL);
  return 1;
}

void lcro_open_listen(lua_State *L)
{
  lcro_class(L, listener_class, listener_methods, l_listener_gc);
  lua_pushcfunction(L, l_core_tcp_listen);
  lua_setfield(L, -2, "tcp_listen");
}
