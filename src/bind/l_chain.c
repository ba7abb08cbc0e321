/* l_chain.c - core.chain(): stages of C in a pipeline composed by a script.
 *
 * A chain's stages belong to its socket's pipeline where it has one and go with the
 * socket. Without a socket they belong to the chain and go when it is closed; never
 * from inside a push, so the loop does it.
 */
#include "base/alloc.h"
#include "base/check.h"
#include "bind/loose.h"
#include "bind/parts.h"

#include <stddef.h>

static const char class[] = "cro.chain";
enum { parts_max = 16 };

typedef struct {
  lcro_app *app;
  lcro_tcp *tcp;     /* of a socket end; its own tcp is NULL once the socket is gone */
  lcro_tcp *context; /* the connection of a chain without a socket end, or NULL */
  int tcp_ref;
  lcro_loose_link link; /* of a chain without a socket end */
  cro_timer reaper;     /* of a loose chain's stages */
  cro_list node;        /* in app->chains while a loose chain has stages */
  cro_stage *inlet;     /* head "lua"; NULL when it is gone */
  cro_stage *first;     /* of a loose chain */
  lcro_outlet *outlet;
  lcro_session *session; /* of its HTTP parts; NULL: it has none */
  int parts_ref;         /* anchors boxes the parts use */
  bool from_socket, to_socket, started, finished, closed;
} chain_box;

/* --- life ---------------------------------------------------------------------------
 */

static void reap(chain_box *chain)
{
  cro_stage *first = chain->first;

  if (first == NULL)
    return;
  chain->first = NULL;
  cro_list_remove(&chain->node);
  cro_pipeline_destroy(first);
  lcro_loose_leave(&chain->link);
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

/* --- parts ---------------------------------------------------------------------------
 */

/* Of the list on top. Nothing is made when one of them cannot be. */
static void check_parts(lua_State *L, cro_conn *conn, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    lcro_check_part(L, conn);
    lua_pop(L, 1);
  }
}

static size_t make_parts(lua_State *L, chain_box *chain, cro_conn *conn,
                         cro_stage **parts)
{
  cro_bytes label = lcro_opt_bytes(L, 1, "label", CRO_B(""));
  size_t count;

  lua_getfield(L, 1, "parts");
  luaL_checktype(L, -1, LUA_TTABLE);
  count = lua_objlen(L, -1);
  if (count == 0 || count > parts_max)
    luaL_error(L, "chain: 1 to %d parts expected", parts_max);
  check_parts(L, conn, count);
  chain->parts_ref = lcro_anchor(L, -1);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    parts[i] = lcro_make_part(L, conn, label, &chain->session);
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
  const chain_box *beside = NULL;

  if (chain->tcp != NULL)
    return cro_tcp_conn(chain->tcp->tcp);
  lua_getfield(L, 1, "beside");
  if (!lua_isnil(L, -1))
    beside = luaL_checkudata(L, -1, class);
  if (lcro_loose_join(&chain->link, chain->app, chain->context,
                      beside != NULL ? &beside->link : NULL, &chain->outlet) != 0)
    luaL_error(L, "not enough memory");
  lua_pop(L, 1);
  return lcro_loose_conn(chain->link.loose);
}

/* core.chain { connection =, beside =, parts =, head =, tail =, label =, on_event = }
 */
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

/* chain:start(): reading begins, when the head is a socket, and deadlines of a parser
 * run. */
static int l_chain_start(lua_State *L)
{
  chain_box *chain = self(L);

  if (chain->started || chain->closed ||
      (chain->tcp != NULL && chain->tcp->tcp == NULL))
    return 0;
  chain->started = true;
  if (chain->session != NULL && (chain->tcp != NULL || chain->first != NULL))
    lcro_session_start(chain->session);
  if (chain->from_socket)
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

  if (chain->closed || (chain->tcp != NULL && chain->tcp->tcp == NULL))
    return 0;
  if (chain->session != NULL && (chain->tcp != NULL || chain->first != NULL))
    lcro_session_drain(chain->session);
  else if (chain->from_socket)
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
    lcro_loose_leave(&chain->link);
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
