/* l_tcp.c - the connection box: reading by events, writing, the end. */
#include "bind/tcp.h"

#include "base/alloc.h"
#include "bind/tls.h"

#include <stdio.h>
#include <string.h>

const char lcro_connection_class[] = "cro.connection";

lcro_tcp *lcro_check_tcp(lua_State *L, int index)
{
  return luaL_checkudata(L, index, lcro_connection_class);
}

/* --- the connection box
 * -------------------------------------------------------------------- */

struct lcro_tcp_head {
  cro_stage stage; /* first */
  lcro_tcp *box;   /* NULL: collected */
};

static void detach_head(lcro_tcp *box)
{
  if (box->head != NULL)
    box->head->box = NULL;
  box->head = NULL;
}

static void keep_address(cro_bytes from, char to[64])
{
  (void)snprintf(to, 64, "%.*s", (int)from.len, from.at);
}

/* Without memory the error says less. */
static void keep_why(lcro_tcp *box, cro_tcp *tcp)
{
  const char *why = cro_tls_why(tcp);

  if (why[0] == '\0' || (box->why = cro_alloc(strlen(why) + 1)) == NULL)
    return;
  memcpy(box->why, why, strlen(why) + 1);
}

/* What TLS knows of the error at the top. */
static void explain_end(lua_State *L, void *owner)
{
  const lcro_tcp *box = owner;
  const char *why = box->tcp != NULL ? cro_tls_why(box->tcp) : box->why;

  if (why == NULL || why[0] == '\0')
    return;
  lua_pushfstring(L, "connection: TLS: %s", why);
  lua_setfield(L, -2, "message");
}

/* The socket is gone: what waits is told, the box may be collected. The inlet and the
 * events of start end with their stages. */
static void on_closed(void *arg, cro_tcp *tcp, int err)
{
  lcro_tcp *box = arg;
  lua_State *L = box->app->L;

  keep_why(box, tcp);
  box->tls_left = cro_tls_remember(tcp);
  box->tcp = NULL;
  box->err = err;
  cro_list_remove(&box->node);
  detach_head(box);
  if (box->wrap != NULL)
    lcro_wrap_closed(box->wrap, err);
  lcro_callback_fire(&box->drain, err); /* 0: closed behind the queue, all is sent */
  lcro_callback_fire(&box->closed, err);
  if (box->chain != NULL) {
    lcro_outlet_end(box->chain, err);
    lcro_outlet_drop(box->chain);
    box->chain = NULL;
  }
  lcro_release(L, &box->self);
}

lcro_tcp *lcro_tcp_push(lua_State *L, lcro_app *app)
{
  lcro_tcp *box = lua_newuserdata(L, sizeof *box);

  *box = (lcro_tcp){ .app = app, .self = LUA_NOREF, .port = -1, .local_port = -1 };
  cro_list_init(&box->node);
  luaL_getmetatable(L, lcro_connection_class);
  lua_setmetatable(L, -2);
  return box;
}

void lcro_tcp_adopt(lua_State *L, lcro_tcp *box, cro_tcp *tcp)
{
  cro_conn *conn = cro_tcp_conn(tcp);

  keep_address(conn->ops->peer(conn, &box->port), box->host);
  keep_address(conn->ops->local(conn, &box->local_port), box->local_host);
  (void)L;
  box->tcp = tcp;
  cro_list_push(&box->app->tcps, &box->node);
  cro_tcp_on_closed(tcp, on_closed, box);
  cro_tcp_patient(tcp, true);
}

void lcro_tcp_abort(cro_tcp *tcp)
{
  cro_tcp_conn(tcp)->ops->abort(cro_tcp_conn(tcp));
}

/* core.stream_adopt(fd, shared) -> connection, or nil, err: of an open descriptor,
 * which it owns from then on */
static int l_core_stream_adopt(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "a stream");
  int how = lua_toboolean(L, 2) ? CRO_STREAM_SHARED : 0;
  lcro_tcp *box = lcro_tcp_push(L, app);
  cro_tcp *tcp;
  int rc = cro_stream_adopt(&tcp, app->loop, (int)luaL_checkinteger(L, 1), how);

  if (rc != 0)
    return lcro_fail(L, rc, "adopt", (cro_bytes){ NULL, 0 });
  lcro_tcp_adopt(L, box, tcp);
  return 1;
}

static void let_go(void *owner)
{
  lcro_tcp *box = owner;

  lcro_release(box->app->L, &box->self);
}

static int gone(lua_State *L, const lcro_tcp *box, const char *op)
{
  return lcro_fail(L, box->err != 0 ? box->err : CRO_E_CLOSED, op,
                   (cro_bytes){ NULL, 0 });
}

/* connection:start(fn(kind, value)) -> true, or nil, err when it has closed */
static int l_connection_start(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_tcp *tcp = box->tcp;
  lcro_outlet *outlet;
  cro_stage *stage;
  int rc;

  if (tcp == NULL)
    return gone(L, box, "read");
  if (cro_tcp_err(tcp) != 0) /* the loop has not told us yet */
    return lcro_fail(L, cro_tcp_err(tcp), "read", (cro_bytes){ NULL, 0 });
  if (box->taken)
    return luaL_error(L, "start: this connection is read already");
  outlet = lcro_outlet_create(L, box->app, 2);
  stage = lcro_outlet_stage(outlet, &cro_type_bytes);
  if (stage == NULL) {
    lcro_outlet_drop(outlet);
    return luaL_error(L, "not enough memory");
  }
  box->taken = true;
  box->in = outlet;
  box->self = lcro_anchor(L, 1); /* until the end has been told */
  outlet->on_end = let_go;
  outlet->explain = explain_end;
  outlet->owner = box;
  (void)cro_stage_link(cro_tcp_source(tcp), stage);
  stage->conn = cro_tcp_conn(tcp);
  rc = cro_tcp_start(tcp, true);
  if (rc != 0)
    return luaL_error(L, "start: %s", cro_err_text(rc));
  lua_pushboolean(L, 1);
  return 1;
}

/* Where writes enter: room again wakes who waits for it. */
static void head_resume(cro_stage *stage)
{
  lcro_tcp *box = ((lcro_tcp_head *)stage)->box;

  if (box != NULL)
    lcro_callback_fire(&box->drain, 0);
}

static void head_destroy(cro_stage *stage)
{
  lcro_tcp *box = ((lcro_tcp_head *)stage)->box;

  if (box != NULL)
    box->head = NULL;
  cro_free(stage);
}

static const cro_stage_ops head_ops = {
  .name = "Lua",
  .produces = &cro_type_bytes,
  .resume = head_resume,
  .destroy = head_destroy,
};

static cro_stage *inlet(lua_State *L, lcro_tcp *box)
{
  cro_stage *sink = cro_tcp_sink(box->tcp);

  if (box->head != NULL)
    return &box->head->stage;
  if (sink->prev != NULL)
    luaL_error(L, "write: this connection is written by its pipeline");
  box->head = cro_alloc(sizeof *box->head);
  if (box->head == NULL)
    luaL_error(L, "not enough memory");
  box->head->box = box;
  cro_stage_init(&box->head->stage, &head_ops);
  (void)cro_stage_link(&box->head->stage, sink);
  sink->conn = box->head->stage.conn = cro_tcp_conn(box->tcp);
  return &box->head->stage;
}

/* connection:write(string) -> true, false (taken, above the mark), or nil, err */
static int l_connection_write(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_bytes bytes = lcro_checkbytes(L, 2);
  int rc;

  if (box->tcp == NULL)
    return gone(L, box, "write");
  rc = cro_emit(inlet(L, box), &bytes);
  if (rc < 0)
    return lcro_fail(L, rc, "write", (cro_bytes){ NULL, 0 });
  lua_pushboolean(L, rc == 0);
  return 1;
}

/* connection:on_drain(fn(err or nil)): once */
static int l_connection_on_drain(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);

  if (box->drain != NULL)
    return luaL_error(L, "on_drain: somebody waits already");
  box->drain = lcro_callback_create(L, box->app, 2, "write");
  if (box->tcp == NULL)
    lcro_callback_fire(&box->drain, box->err != 0 ? box->err : CRO_E_CLOSED);
  else if (cro_tcp_queued(box->tcp) == 0)
    lcro_callback_fire(&box->drain, 0);
  return 0;
}

static void on_flushed(void *arg, int err)
{
  lcro_callback *callback = arg;

  lcro_callback_fire(&callback, err);
}

/* connection:on_flushed(fn(err or nil)): once, when the kernel has all of it */
static int l_connection_on_flushed(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  lcro_callback *callback = lcro_callback_create(L, box->app, 2, "flush");
  int rc = box->err != 0 ? box->err : CRO_E_CLOSED;

  if (box->tcp != NULL)
    rc = cro_tcp_on_flushed(box->tcp, on_flushed, callback);
  if (rc < 0)
    lcro_callback_fire(&callback, rc);
  return 0;
}

/* connection:on_closed(fn(err or nil)): once, at once when it has closed */
static int l_connection_on_closed(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);

  if (box->closed != NULL)
    return luaL_error(L, "on_closed: somebody waits already");
  box->closed = lcro_callback_create(L, box->app, 2, "connection");
  if (box->tcp == NULL)
    lcro_callback_fire(&box->closed, box->err);
  return 0;
}

/* connection:shutdown(): FIN behind what is queued; reading goes on */
static int l_connection_shutdown(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_conn *conn = box->tcp != NULL ? cro_tcp_conn(box->tcp) : NULL;

  if (conn != NULL)
    conn->ops->shutdown(conn);
  return 0;
}

static void stop_events(lua_State *L, lcro_tcp *box)
{
  if (box->in != NULL)
    lcro_outlet_close(L, box->in);
}

/* connection:close(): after what is queued */
static int l_connection_close(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_conn *conn = box->tcp != NULL ? cro_tcp_conn(box->tcp) : NULL;

  if (conn != NULL)
    conn->ops->close(conn);
  return 0;
}

/* connection:abort(): at once; the peer sees a reset */
static int l_connection_abort(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);

  stop_events(L, box);
  if (box->tcp != NULL)
    lcro_tcp_abort(box->tcp);
  return 0;
}

/* connection:peer() -> host, port; still there when it has closed */
static int l_connection_peer(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);

  lua_pushstring(L, box->host);
  lua_pushinteger(L, box->port);
  return 2;
}

/* connection:address() -> host, port of this side */
static int l_connection_address(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);

  lua_pushstring(L, box->local_host);
  lua_pushinteger(L, box->local_port);
  return 2;
}

/* connection:nodelay(on): nothing when it has closed */
static int l_connection_nodelay(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);

  luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (box->tcp != NULL)
    (void)cro_tcp_nodelay(box->tcp, lua_toboolean(L, 2) != 0);
  return 0;
}

/* connection:keep_alive(seconds): 0 stops it; nothing when it has closed */
static int l_connection_keep_alive(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  lua_Integer seconds = luaL_checkinteger(L, 2);

  if (box->tcp != NULL && seconds >= 0)
    (void)cro_tcp_keep_alive(box->tcp, (unsigned)seconds);
  return 0;
}

/* connection:fd() -> descriptor; nil when it has closed */
static int l_connection_fd(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);
  int fd = box->tcp != NULL ? cro_tcp_fd(box->tcp) : -1;

  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

/* connection:peer_user() -> pid, uid, gid, or nil, err */
static int l_connection_peer_user(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_user user;
  int rc = CRO_E_CLOSED;

  if (box->tcp != NULL)
    rc = cro_tcp_peer_user(box->tcp, &user);
  if (rc != 0)
    return lcro_fail(L, rc, "peer_user", (cro_bytes){ NULL, 0 });
  lua_pushnumber(L, (lua_Number)user.pid);
  lua_pushnumber(L, (lua_Number)user.uid);
  lua_pushnumber(L, (lua_Number)user.gid);
  return 3;
}

/* connection:queued() -> bytes written that the kernel has not taken */
static int l_connection_queued(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);

  lua_pushnumber(L, box->tcp != NULL ? (lua_Number)cro_tcp_queued(box->tcp) : 0);
  return 1;
}

/* Nobody holds the connection and nobody reads it: it is closed behind what is
 * queued. */
static void forget(lcro_tcp *box)
{
  cro_conn *conn = cro_tcp_conn(box->tcp);

  detach_head(box);
  cro_list_remove(&box->node);
  cro_tcp_on_closed(box->tcp, NULL, NULL);
  conn->ops->close(conn);
  box->tcp = NULL;
}

static int l_connection_gc(lua_State *L)
{
  lcro_tcp *box = lua_touserdata(L, 1);

  if (box->tcp != NULL)
    forget(box);
  if (box->loose != NULL)
    lcro_loose_forget(box->loose);
  if (box->in != NULL) {
    box->in->on_end = NULL;
    box->in->explain = NULL;
  }
  lcro_callback_cancel(L, &box->drain);
  lcro_callback_cancel(L, &box->closed);
  if (box->in != NULL)
    lcro_outlet_drop(box->in);
  if (box->chain != NULL)
    lcro_outlet_drop(box->chain);
  box->chain = NULL;
  box->in = NULL;
  cro_free(box->why);
  box->why = NULL;
  cro_tls_forget(box->tls_left);
  box->tls_left = NULL;
  return 0;
}

static const luaL_Reg connection_methods[] = {
  { "start", l_connection_start },
  { "write", l_connection_write },
  { "on_drain", l_connection_on_drain },
  { "on_flushed", l_connection_on_flushed },
  { "on_closed", l_connection_on_closed },
  { "shutdown", l_connection_shutdown },
  { "close", l_connection_close },
  { "abort", l_connection_abort },
  { "peer", l_connection_peer },
  { "address", l_connection_address },
  { "nodelay", l_connection_nodelay },
  { "keep_alive", l_connection_keep_alive },
  { "fd", l_connection_fd },
  { "peer_user", l_connection_peer_user },
  { "queued", l_connection_queued },
  { NULL, NULL },
};

void lcro_open_tcp(lua_State *L)
{
  lcro_class(L, lcro_connection_class, connection_methods, l_connection_gc);
  lua_pushcfunction(L, l_core_stream_adopt);
  lua_setfield(L, -2, "stream_adopt");
  lcro_open_listen(L);
  lcro_open_connect(L);
  lcro_open_tls(L);
}
