/* l_chain.c - core.chain(): stages of C in a pipeline composed by a script.
 *
 * A chain's stages belong to its socket's pipeline where it has one and go with the
 * socket. Without a socket they belong to the chain and go when it is closed; never
 * from inside a push, so the loop does it.
 */
#include "base/alloc.h"
#include "base/check.h"
#include "bind/server.h"
#include "bind/tcp.h"

#include <stddef.h>

static const char class[] = "cro.chain";
enum { parts_max = 16 };

/* What stands in for a socket: the clock and the deadline of the connection it is
 * composed for, where there is one, and shared by that connection's chains, so that
 * parser and serializer know each other. To close it is to end what comes out. */
typedef struct lcro_loose {
  cro_conn conn; /* first */
  lcro_app *app;
  lcro_tcp *tcp;   /* NULL: none, or gone */
  cro_list chains; /* of chain_box.of_conn */
} loose_conn;

typedef struct {
  lcro_app *app;
  lcro_tcp *tcp;     /* of a socket end; its own tcp is NULL once the socket is gone */
  lcro_tcp *context; /* the connection of a chain without a socket end, or NULL */
  int tcp_ref;
  loose_conn *loose; /* of a chain without a socket end */
  cro_list of_conn;
  cro_timer reaper; /* of a loose chain's stages */
  cro_list node;    /* in app->chains while a loose chain has stages */
  cro_stage *inlet; /* head "lua"; NULL when it is gone */
  cro_stage *first; /* of a loose chain */
  lcro_outlet *outlet;
  cro_h1 *h1;
  int parts_ref; /* anchors boxes the parts use */
  bool from_socket, to_socket, started, finished, closed;
} chain_box;

/* --- a connection without a socket
 * ---------------------------------------------------- */

static void forward_deadline(void *arg, cro_wait what)
{
  loose_conn *loose = arg;

  if (loose->conn.on_deadline != NULL)
    loose->conn.on_deadline(loose->conn.deadline_arg, what);
}

static cro_conn *real(const loose_conn *loose)
{
  return loose->tcp != NULL && loose->tcp->tcp != NULL ? cro_tcp_conn(loose->tcp->tcp)
                                                       : NULL;
}

static void loose_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  cro_conn *socket = real((loose_conn *)conn);

  if (socket == NULL)
    return;
  socket->on_deadline = forward_deadline;
  socket->deadline_arg = conn;
  socket->ops->deadline(socket, what, ms);
}

static uint64_t loose_now(const cro_conn *conn)
{
  return cro_loop_now(((const loose_conn *)conn)->app->loop);
}

static void loose_nothing(cro_conn *conn)
{
  (void)conn;
}

/* Lua hears of it from the loop, not in here: it may close chains of the list, or let
 * go of them all, while a stage of theirs is what called us. */
static void end_chains(cro_conn *conn, int err)
{
  loose_conn *loose = (loose_conn *)conn;
  cro_list *node = loose->chains.next;

  loose->app->depth++;
  for (; node != &loose->chains; node = node->next)
    lcro_outlet_end(CRO_CONTAINER(node, chain_box, of_conn)->outlet, err);
  loose->app->depth--;
}

static void loose_close(cro_conn *conn)
{
  end_chains(conn, 0);
}

static void loose_abort(cro_conn *conn)
{
  end_chains(conn, CRO_E_RESET);
}

static cro_bytes loose_peer(cro_conn *conn, int *port)
{
  const lcro_tcp *tcp = ((loose_conn *)conn)->tcp;

  *port = tcp != NULL ? tcp->port : -1;
  return tcp != NULL ? cro_bytes_of(tcp->host) : CRO_B("");
}

static cro_bytes loose_local(cro_conn *conn, int *port)
{
  const lcro_tcp *tcp = ((loose_conn *)conn)->tcp;

  *port = tcp != NULL ? tcp->local_port : -1;
  return tcp != NULL ? cro_bytes_of(tcp->local_host) : CRO_B("");
}

static const cro_conn_ops loose_ops = {
  .deadline = loose_deadline,
  .now = loose_now,
  .flush_later = loose_nothing,
  .close = loose_close,
  .shutdown = loose_close,
  .abort = loose_abort,
  .peer = loose_peer,
  .local = loose_local,
};

/* Of that connection, or (NULL) of nobody. NULL when memory is out. */
static loose_conn *loose_of(lcro_app *app, lcro_tcp *tcp)
{
  loose_conn *loose;

  if (tcp != NULL && tcp->loose != NULL)
    return tcp->loose;
  loose = cro_alloc_zero(sizeof *loose);
  if (loose == NULL)
    return NULL;
  loose->conn.ops = &loose_ops;
  loose->conn.turn = cro_loop_turn(app->loop);
  loose->app = app;
  loose->tcp = tcp;
  cro_list_init(&loose->chains);
  if (tcp != NULL)
    tcp->loose = loose;
  return loose;
}

void lcro_loose_forget(lcro_loose *loose)
{
  loose->tcp = NULL;
}

static void leave_loose(chain_box *chain)
{
  loose_conn *loose = chain->loose;

  chain->loose = NULL;
  cro_list_remove(&chain->of_conn);
  if (!cro_list_empty(&loose->chains))
    return;
  if (loose->tcp != NULL)
    loose_deadline(&loose->conn, CRO_WAIT_NOTHING, 0);
  if (loose->tcp != NULL)
    loose->tcp->loose = NULL;
  cro_conn_clear(&loose->conn);
  cro_free(loose);
}

static void reap(chain_box *chain)
{
  cro_stage *first = chain->first;

  if (first == NULL)
    return;
  chain->first = NULL;
  cro_list_remove(&chain->node);
  cro_pipeline_destroy(first);
  leave_loose(chain);
  lcro_release(chain->app->L, &chain->parts_ref);
}

static void reaper_due(cro_timer *timer)
{
  reap(CRO_CONTAINER(timer, chain_box, reaper));
}

void lcro_chains_close(lcro_app *app)
{
  while (!cro_list_empty(&app->chains)) {
    chain_box *chain = CRO_CONTAINER(app->chains.next, chain_box, node);

    cro_loop_disarm(app->loop, &chain->reaper);
    reap(chain);
  }
}

/* --- parts
 * ---------------------------------------------------------------------------------- */

typedef struct {
  cro_http_limits limits;
  cro_http_timeouts timeouts;
  cro_h1_config config;
} h1_settings;

static const char settings_key; /* its address is the slot's key */

/* The session both HTTP parts of a connection share. Options of the first one asked
 * for count. */
static cro_h1 *session(lua_State *L, chain_box *chain, cro_conn *conn, int options)
{
  h1_settings *settings;
  cro_h1 *h1;

  if (cro_conn_get(conn, &settings_key) != NULL) {
    (void)cro_h1_server_of(&h1, conn, NULL);
    chain->h1 = h1;
    return h1;
  }
  settings = cro_alloc_zero(sizeof *settings);
  if (settings == NULL)
    luaL_error(L, "not enough memory");
  settings->limits = cro_http_limits_default;
  settings->timeouts = cro_http_timeouts_default;
  if (lua_istable(L, options))
    lcro_read_limits(L, options, &settings->limits, &settings->timeouts);
  settings->config.limits = &settings->limits;
  settings->config.timeouts = &settings->timeouts;
  if (cro_h1_server_of(&h1, conn, &settings->config) != 0 ||
      cro_conn_set(conn, &settings_key, settings, cro_free) != 0) {
    cro_free(settings);
    luaL_error(L, "not enough memory");
  }
  chain->h1 = h1;
  return h1;
}

static cro_stage *router_part(lua_State *L, cro_conn *conn, int options)
{
  cro_stage *stage = NULL;

  lua_getfield(L, options, "server");
  if (cro_server_stage(lcro_check_server(L, -1)->server, conn, &stage) != 0)
    luaL_error(L, "not enough memory");
  lua_pop(L, 1);
  return stage;
}

/* The descriptor on top of the stack. */
static cro_stage *make_part(lua_State *L, chain_box *chain, cro_conn *conn)
{
  int at = lua_gettop(L);
  const char *kind;
  cro_stage *stage = NULL;

  luaL_checktype(L, at, LUA_TTABLE);
  lua_getfield(L, at, "kind");
  kind = luaL_checkstring(L, -1);
  lua_getfield(L, at, "options");
  if (strcmp(kind, "h1_request_parser") == 0)
    stage = cro_h1_reader(session(L, chain, conn, at + 2));
  else if (strcmp(kind, "h1_response_serializer") == 0)
    stage = cro_h1_writer(session(L, chain, conn, at + 2));
  else if (strcmp(kind, "router") == 0)
    stage = router_part(L, conn, at + 2);
  else
    luaL_error(L, "chain: no native part of kind '%s'", kind);
  lua_settop(L, at);
  return stage;
}

static size_t make_parts(lua_State *L, chain_box *chain, cro_conn *conn,
                         cro_stage **parts)
{
  size_t count;

  lua_getfield(L, 1, "parts");
  luaL_checktype(L, -1, LUA_TTABLE);
  count = lua_objlen(L, -1);
  if (count == 0 || count > parts_max)
    luaL_error(L, "chain: 1 to %d parts expected", parts_max);
  chain->parts_ref = lcro_anchor(L, -1);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    parts[i] = make_part(L, chain, conn);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return count;
}

/* --- linking
 * ---------------------------------------------------------------------------------- */

static cro_stage *head_stage(lua_State *L, chain_box *chain, const cro_type *type)
{
  if (chain->from_socket)
    return cro_tcp_source(chain->tcp->tcp);
  if (lcro_inlet_stage(chain->outlet, type, &chain->inlet) == NULL)
    luaL_error(L, "not enough memory");
  return chain->inlet;
}

static cro_stage *tail_stage(lua_State *L, chain_box *chain, const cro_type *type)
{
  cro_stage *stage;

  if (chain->to_socket)
    return cro_tcp_sink(chain->tcp->tcp);
  stage = lcro_outlet_stage(chain->outlet, type);
  if (stage == NULL)
    luaL_error(L, "not enough memory");
  return stage;
}

static void join(lua_State *L, cro_stage *stage, cro_stage *next, cro_conn *conn)
{
  if (cro_stage_link(stage, next) != 0)
    luaL_error(L, "chain: %s does not fit behind %s", next->ops->name,
               stage->ops->name);
  stage->conn = conn;
  next->conn = conn;
}

static void link_parts(lua_State *L, chain_box *chain, cro_conn *conn)
{
  cro_stage *parts[parts_max];
  size_t count = make_parts(L, chain, conn, parts);
  cro_stage *head = head_stage(L, chain, parts[0]->ops->consumes);
  cro_stage *tail;

  join(L, head, parts[0], conn);
  for (size_t i = 0; i + 1 < count; i++)
    join(L, parts[i], parts[i + 1], conn);
  tail = tail_stage(L, chain, parts[count - 1]->ops->produces);
  join(L, parts[count - 1], tail, conn);
  if (chain->tcp == NULL)
    chain->first = head;
}

static bool end_is_socket(lua_State *L, const char *key)
{
  cro_bytes end = lcro_opt_bytes(L, 1, key, CRO_B("lua"));

  if (!cro_bytes_eq(end, CRO_B("socket")) && !cro_bytes_eq(end, CRO_B("lua")))
    luaL_error(L, "chain: %s must be \"socket\" or \"lua\"", key);
  return cro_bytes_eq(end, CRO_B("socket"));
}

static void take_connection(lua_State *L, chain_box *chain)
{
  lua_getfield(L, 1, "connection");
  if (!lua_isnil(L, -1)) {
    chain->tcp = lcro_check_tcp(L, -1);
    chain->tcp_ref = lcro_anchor(L, -1);
    if (chain->tcp->tcp == NULL)
      luaL_error(L, "chain: the connection is closed");
  }
  lua_pop(L, 1);
  if (!chain->from_socket && !chain->to_socket) {
    chain->context = chain->tcp; /* the stages are the chain's own */
    chain->tcp = NULL;
    return;
  }
  if (chain->tcp == NULL)
    luaL_error(L, "chain: a connection is needed for a socket end");
  if (chain->from_socket && chain->tcp->taken)
    luaL_error(L, "chain: this connection is read already");
  if (chain->to_socket && cro_tcp_sink(chain->tcp->tcp)->prev != NULL)
    luaL_error(L, "chain: this connection is written already");
}

static cro_conn *conn_of(lua_State *L, chain_box *chain)
{
  if (chain->tcp != NULL)
    return cro_tcp_conn(chain->tcp->tcp);
  chain->loose = loose_of(chain->app, chain->context);
  if (chain->loose == NULL)
    luaL_error(L, "not enough memory");
  cro_list_push(&chain->loose->chains, &chain->of_conn);
  return &chain->loose->conn;
}

/* core.chain { connection =, parts =, head =, tail =, on_event = } */
static int l_core_chain(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "a native chain");
  chain_box *chain;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  chain = lua_newuserdata(L, sizeof *chain);
  memset(chain, 0, sizeof *chain);
  chain->app = app;
  chain->tcp_ref = chain->parts_ref = LUA_NOREF;
  cro_list_init(&chain->node);
  cro_list_init(&chain->of_conn);
  cro_timer_init(&chain->reaper, reaper_due);
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  chain->from_socket = end_is_socket(L, "head");
  chain->to_socket = end_is_socket(L, "tail");
  take_connection(L, chain);
  lua_getfield(L, 1, "on_event");
  chain->outlet = lcro_outlet_create(L, app, 3);
  lua_pop(L, 1);
  link_parts(L, chain, conn_of(L, chain));
  if (chain->first != NULL)
    cro_list_push(&app->chains, &chain->node);
  if (chain->from_socket)
    chain->tcp->taken = true;
  if (chain->to_socket && chain->tcp->chain == NULL) {
    chain->tcp->chain = chain->outlet;
    chain->outlet->holds++;
  }
  return 1;
}

/* --- methods
 * ------------------------------------------------------------------------------------
 */

static chain_box *self(lua_State *L)
{
  return luaL_checkudata(L, 1, class);
}

/* chain:start(): reading begins, when the head is a socket. */
static int l_chain_start(lua_State *L)
{
  chain_box *chain = self(L);

  if (!chain->from_socket || chain->started || chain->tcp->tcp == NULL)
    return 0;
  chain->started = true;
  if (chain->h1 != NULL)
    cro_h1_start(chain->h1);
  (void)cro_tcp_start(chain->tcp->tcp, true);
  return 0;
}

/* Is the value at 2 what the first part takes? */
static bool fits(lua_State *L, const cro_type *type)
{
  if (type == &cro_type_request)
    return lcro_test_box(L, 2, LCRO_REQUEST) != NULL;
  if (type == &cro_type_response)
    return lcro_test_box(L, 2, LCRO_RESPONSE) != NULL;
  return lua_type(L, 2) == LUA_TSTRING;
}

static int emit_value(lua_State *L, chain_box *chain)
{
  const cro_type *type = chain->inlet->ops->produces;
  cro_bytes bytes;

  if (type == &cro_type_request)
    return cro_emit(chain->inlet, lcro_check_box(L, 2, LCRO_REQUEST, "push")->request);
  if (type == &cro_type_response)
    return cro_emit(chain->inlet,
                    lcro_check_box(L, 2, LCRO_RESPONSE, "push")->response);
  bytes = lcro_checkbytes(L, 2);
  return cro_emit(chain->inlet, &bytes);
}

/* chain:push(message) -> true, false (taken; wait for "drain"), or nil, err: the text
 * "type" when it is no message that the first part takes */
static int l_chain_push(lua_State *L)
{
  chain_box *chain = self(L);
  int rc;

  if (chain->inlet == NULL || chain->closed || chain->finished)
    return lcro_fail(L, CRO_E_CLOSED, "push", (cro_bytes){ NULL, 0 });
  if (!fits(L, chain->inlet->ops->produces)) {
    lua_pushnil(L);
    lua_pushliteral(L, "type");
    return 2;
  }
  rc = emit_value(L, chain);
  if (rc < 0)
    return lcro_fail(L, rc, "push", (cro_bytes){ NULL, 0 });
  chain->outlet->asked = rc != 0;
  lua_pushboolean(L, rc == 0);
  return 1;
}

static void all_written(void *arg, int err)
{
  lcro_outlet *outlet = arg;

  lcro_outlet_end(outlet, err);
  lcro_outlet_drop(outlet);
}

/* chain:finish(): no more will be pushed. */
static int l_chain_finish(lua_State *L)
{
  chain_box *chain = self(L);

  if (chain->inlet == NULL || chain->closed || chain->finished)
    return 0;
  chain->finished = true;
  (void)cro_emit_finish(chain->inlet);
  if (!chain->to_socket || chain->tcp->tcp == NULL)
    return 0;
  chain->outlet->holds++;
  if (cro_tcp_on_flushed(chain->tcp->tcp, all_written, chain->outlet) < 0)
    all_written(chain->outlet, 0);
  return 0;
}

/* chain:fail(err): what was pushed is all there will be, by somebody's fault. */
static int l_chain_fail(lua_State *L)
{
  chain_box *chain = self(L);

  if (chain->inlet == NULL || chain->closed || chain->finished)
    return 0;
  chain->finished = true;
  cro_emit_fail(chain->inlet, CRO_E_HANDLER);
  return 0;
}

/* chain:drain(): the input ends as if the peer had said so, at a message's end. */
static int l_chain_drain(lua_State *L)
{
  chain_box *chain = self(L);

  if (!chain->from_socket || chain->closed || chain->tcp->tcp == NULL)
    return 0;
  if (chain->h1 != NULL)
    cro_h1_drain(chain->h1);
  else
    (void)cro_emit_finish(cro_tcp_source(chain->tcp->tcp));
  return 0;
}

/* chain:close(): no event follows. */
static int l_chain_close(lua_State *L)
{
  chain_box *chain = self(L);

  if (chain->closed)
    return 0;
  chain->closed = true;
  lcro_outlet_close(L, chain->outlet);
  if (chain->first != NULL) {
    lua_pushvalue(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, chain->parts_ref);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "chain"); /* lives until its stages are gone */
    cro_loop_arm(chain->app->loop, &chain->reaper, 0);
  }
  return 0;
}

/* A loose chain with stages was never closed: its Lua side is gone, so may it. */
static int l_chain_gc(lua_State *L)
{
  chain_box *chain = lua_touserdata(L, 1);

  cro_loop_disarm(chain->app->loop, &chain->reaper);
  if (chain->outlet != NULL) {
    lcro_outlet_close(L, chain->outlet);
    reap(chain);
    if (chain->loose != NULL)
      leave_loose(chain);
    lcro_inlet_detach(&chain->inlet);
    lcro_outlet_drop(chain->outlet);
    chain->outlet = NULL;
  }
  lcro_release(L, &chain->tcp_ref);
  lcro_release(L, &chain->parts_ref);
  return 0;
}

static const luaL_Reg methods[] = {
  { "start", l_chain_start },
  { "push", l_chain_push },
  { "finish", l_chain_finish },
  { "fail", l_chain_fail },
  { "drain", l_chain_drain },
  { "close", l_chain_close },
  { NULL, NULL },
};

void lcro_open_chain(lua_State *L)
{
  lcro_class(L, class, methods, l_chain_gc);
  lua_pushcfunction(L, l_core_chain);
  lua_setfield(L, -2, "chain");
}
