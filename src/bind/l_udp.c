/* l_udp.c - core.udp_open, core.udp_socket: the box of a datagram socket.
 *
 * fn("value", list, n) brings datagrams, fn("quit", err) an error that the socket had;
 * one call at a time. They are taken from the kernel inside the fiber that handles
 * them, so that nothing queues here and nothing is copied but into Lua's strings. The
 * list is made once: what fn does not take out of it is overwritten. */
#include "base/check.h"
#include "bind/outlet.h"
#include "net/udp.h"

#include <stdio.h>

static const char class[] = "cro.udp";

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_udp *udp;             /* NULL: not open */
  cro_udp_opening *opening; /* NULL: not any more */
  lcro_callback *opened;
  int fn;           /* of start */
  int list;         /* what fn is given */
  int class;        /* metatable of a datagram */
  int self;         /* anchors the box while it receives or is being opened */
  bool inside;      /* the entry, or about to be */
  bool more;        /* a whole batch came: there may be more */
  unsigned rounds;  /* batches in a row */
  char address[96]; /* for errors */
} udp_box;

static udp_box *check(lua_State *L)
{
  return luaL_checkudata(L, 1, class);
}

static cro_bytes address_of(const udp_box *box)
{
  return cro_bytes_of(box->address);
}

/* The box is held while something will come. (What waits to be sent is held by the
 * function that is told.) */
static void hold_as_due(lua_State *L, udp_box *box, int index)
{
  bool due =
      box->opening != NULL || box->inside || (box->udp != NULL && box->fn != LUA_NOREF);

  if (!due)
    lcro_release(L, &box->self);
  else if (box->self == LUA_NOREF)
    box->self = lcro_anchor(L, index);
}

static void stop(lua_State *L, udp_box *box)
{
  lcro_fiber_undeliver(&box->entry);
  if (box->entry.fiber == NULL)
    box->inside = false;
  if (box->udp != NULL)
    cro_udp_stop(box->udp);
  if (box->inside)
    return;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->list);
}

/* --- receiving -------------------------------------------------------------------- */

static void push_datagram(lua_State *L, const udp_box *box,
                          const cro_datagram *datagram, int host)
{
  lua_createtable(L, 0, 4);
  lcro_pushbytes(L, datagram->data);
  lua_setfield(L, -2, "data");
  lua_pushvalue(L, host);
  lua_setfield(L, -2, "host");
  lua_pushinteger(L, datagram->port);
  lua_setfield(L, -2, "port");
  if (datagram->truncated) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "truncated");
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, box->class);
  lua_setmetatable(L, -2);
}

/* Datagrams into the list at the top; senders alike share a string. */
static void fill_list(lua_State *L, const udp_box *box, const cro_datagram *datagrams,
                      int count)
{
  int list = lua_gettop(L), host = list + 1;
  char text[64];

  lua_pushnil(L);
  for (int i = 0; i < count; i++) {
    if (i == 0 || !cro_datagram_same_host(&datagrams[i - 1], &datagrams[i])) {
      cro_datagram_host(&datagrams[i], text);
      lua_pushstring(L, text);
      lua_replace(L, host);
    }
    push_datagram(L, box, &datagrams[i], host);
    lua_rawseti(L, list, i + 1);
  }
  lua_pop(L, 1);
}

static int l_nothing(lua_State *L)
{
  (void)L;
  return 0;
}

static int push_nothing(lua_State *L)
{
  lua_pushcfunction(L, l_nothing);
  return 1;
}

static int udp_open(lua_State *L, lcro_entry *entry)
{
  udp_box *box = (udp_box *)entry;
  const cro_datagram *datagrams = NULL;
  int count;

  if (box->udp == NULL || box->fn == LUA_NOREF)
    return push_nothing(L);
  count = cro_udp_receive(box->udp, &datagrams);
  box->more = count >= cro_udp_batch_min;
  if (count == 0)
    return push_nothing(L);
  luaL_checkstack(L, 16, "datagrams");
  lua_rawgeti(L, LUA_REGISTRYINDEX, box->fn);
  lua_pushstring(L, count < 0 ? "quit" : "value");
  if (count < 0) {
    lcro_push_error(L, count, "receive", address_of(box));
    return 3;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, box->list);
  fill_list(L, box, datagrams, count);
  lua_pushinteger(L, count);
  return 4;
}

/* A flood is worked off in bigger portions, but others have their turn as well. */
static bool udp_again(lcro_entry *entry)
{
  enum { rounds_max = 16 };
  udp_box *box = (udp_box *)entry;

  return box->more && box->udp != NULL && box->fn != LUA_NOREF &&
         ++box->rounds < rounds_max;
}

static void on_readable(void *arg);

static void udp_left(lua_State *L, lcro_entry *entry, bool failed)
{
  udp_box *box = (udp_box *)entry;

  (void)failed;
  box->inside = false;
  if (box->udp == NULL || box->fn == LUA_NOREF || box->app->closing) {
    stop(L, box);
    hold_as_due(L, box, 0);
    return;
  }
  cro_udp_start(box->udp, on_readable, box);
}

static const lcro_entry_ops udp_ops = { .open = udp_open,
                                        .again = udp_again,
                                        .left = udp_left };

/* While fn is at it (it may be queued, too) the kernel keeps what comes. */
static void on_readable(void *arg)
{
  udp_box *box = arg;

  box->inside = true;
  box->more = false;
  box->rounds = 0;
  if (lcro_fiber_deliver(box->app, &box->entry) == CRO_FULL && box->udp != NULL &&
      box->inside)
    cro_udp_stop(box->udp);
}

/* socket:start(fn(kind, value, n), metatable): fn is called for what comes */
static int l_udp_start(lua_State *L)
{
  udp_box *box = check(L);

  luaL_checktype(L, 2, LUA_TFUNCTION);
  luaL_checktype(L, 3, LUA_TTABLE);
  if (box->udp == NULL)
    return luaL_error(L, "start: this socket is closed");
  lua_settop(L, 3);
  lcro_release(L, &box->fn);
  box->fn = lcro_anchor(L, 2);
  if (box->class == LUA_NOREF)
    box->class = lcro_anchor(L, 3);
  if (box->list == LUA_NOREF) {
    lua_newtable(L);
    box->list = lcro_anchor(L, -1);
  }
  if (!box->inside)
    cro_udp_start(box->udp, on_readable, box);
  hold_as_due(L, box, 1);
  return 0;
}

/* socket:stop(): fn is not called any more; what comes stays with the kernel */
static int l_udp_stop(lua_State *L)
{
  udp_box *box = check(L);

  if (box->inside) {
    lcro_release(L, &box->fn);
    if (box->udp != NULL)
      cro_udp_stop(box->udp);
    return 0;
  }
  stop(L, box);
  hold_as_due(L, box, 1);
  return 0;
}

/* --- opening ---------------------------------------------------------------------- */

static udp_box *push_box(lua_State *L, lcro_app *app)
{
  udp_box *box = lua_newuserdata(L, sizeof *box);

  *box = (udp_box){ .app = app,
                    .fn = LUA_NOREF,
                    .list = LUA_NOREF,
                    .class = LUA_NOREF,
                    .self = LUA_NOREF };
  lcro_entry_init(&box->entry, &udp_ops);
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  return box;
}

static void read_options(lua_State *L, cro_udp_options *options)
{
  *options = (cro_udp_options){
    .host = lcro_opt_bytes(L, 1, "host", (cro_bytes){ 0 }),
    .port = (int)lcro_opt_number(L, 1, "port", 0),
    .connect = lcro_opt_bool(L, 1, "connect", false),
    .reuse_address = lcro_opt_bool(L, 1, "reuse_address", false),
    .reuse_port = lcro_opt_bool(L, 1, "reuse_port", false),
    .ipv6_only = lcro_opt_bool(L, 1, "ipv6_only", false),
    .broadcast = lcro_opt_bool(L, 1, "broadcast", false),
    .ttl = (int)lcro_opt_number(L, 1, "ttl", 0),
    .recv_buffer = (int)lcro_opt_number(L, 1, "recv_buffer", 0),
    .send_buffer = (int)lcro_opt_number(L, 1, "send_buffer", 0),
    .max_size = (size_t)lcro_opt_number(L, 1, "max_size", 0),
  };
}

static void on_opened(void *arg, int err, cro_udp *udp)
{
  udp_box *box = arg;

  box->opening = NULL;
  box->udp = udp;
  hold_as_due(box->app->L, box, 0);
  lcro_callback_fire(&box->opened, err);
}

/* core.udp_open(options, fn(err or nil)) -> socket: bound, or connected */
static int l_core_udp_open(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "cro.udp");
  cro_udp_options options;
  cro_udp_opening *opening = NULL;
  udp_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  read_options(L, &options);
  box = push_box(L, app);
  (void)snprintf(box->address, sizeof box->address, "%.*s:%d",
                 (int)(options.host.len < 64 ? options.host.len : 64),
                 options.host.len > 0 ? options.host.at : "*", options.port);
  box->opened = lcro_callback_create(L, app, 2, options.connect ? "connect" : "bind");
  box->self = lcro_anchor(L, -1);
  rc = cro_udp_open(&opening, app->loop, &options, on_opened, box);
  if (rc < 0)
    on_opened(box, rc, NULL);
  else
    box->opening = opening;
  hold_as_due(L, box, lua_gettop(L));
  return 1;
}

/* core.udp_socket(options) -> socket for sending, or nil, err */
static int l_core_udp_socket(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "cro.udp");
  cro_udp_options options;
  udp_box *box;
  int rc;

  luaL_checktype(L, 1, LUA_TTABLE);
  read_options(L, &options);
  box = push_box(L, app);
  rc = cro_udp_socket(&box->udp, app->loop, &options);
  return rc == 0 ? 1 : lcro_fail(L, rc, "socket", address_of(box));
}

static void close_box(lua_State *L, udp_box *box)
{
  cro_udp *udp = box->udp;

  if (box->opening != NULL)
    cro_udp_open_cancel(box->opening); /* on_opened comes */
  box->udp = NULL;
  stop(L, box);
  if (udp != NULL)
    cro_udp_close(udp);
}

/* socket:close(): what waits to be sent is told; harmless twice */
static int l_udp_close(lua_State *L)
{
  udp_box *box = check(L);

  close_box(L, box);
  hold_as_due(L, box, 1);
  return 0;
}

/* Nobody holds it, and nothing is to come. At the state's end callbacks are over. */
static int l_udp_gc(lua_State *L)
{
  udp_box *box = check(L);

  if (box->app == NULL)
    return 0;
  lcro_callback_cancel(L, &box->opened);
  close_box(L, box);
  lcro_release(L, &box->class);
  return 0;
}

/* --- sending ---------------------------------------------------------------------- */

static int closed(lua_State *L, const char *what)
{
  return lcro_fail(L, CRO_E_CLOSED, what, (cro_bytes){ NULL, 0 });
}

/* socket:send(host or nil, port or nil, data) -> true; false when it would have to
 * wait; or nil, err */
static int l_udp_send(lua_State *L)
{
  const udp_box *box = check(L);
  cro_bytes host = { 0 }, data = lcro_checkbytes(L, 4);
  int port = (int)luaL_optnumber(L, 3, 0), rc;

  if (!lua_isnoneornil(L, 2))
    host = lcro_checkbytes(L, 2);
  if (box->udp == NULL)
    return closed(L, "send");
  rc = cro_udp_send(box->udp, host, port, data);
  if (rc < 0 && rc != CRO_E_AGAIN)
    return lcro_fail(L, rc, "send", host.len > 0 ? host : address_of(box));
  lua_pushboolean(L, rc == 0);
  return 1;
}

static void on_sent(void *arg, int err)
{
  lcro_callback *callback = arg;

  lcro_callback_fire(&callback, err);
}

/* socket:send_later(host or nil, port or nil, data, fn(err or nil)) -> true, or nil,
 * err: waits its turn; then fn is called */
static int l_udp_send_later(lua_State *L)
{
  udp_box *box = check(L);
  cro_bytes host = { 0 }, data = lcro_checkbytes(L, 4);
  int port = (int)luaL_optnumber(L, 3, 0), rc;
  lcro_callback *callback;

  if (!lua_isnoneornil(L, 2))
    host = lcro_checkbytes(L, 2);
  if (box->udp == NULL)
    return closed(L, "send");
  callback = lcro_callback_create(L, box->app, 5, "send");
  rc = cro_udp_send_later(box->udp, host, port, data, on_sent, callback);
  if (rc < 0) {
    lcro_callback_cancel(L, &callback);
    return lcro_fail(L, rc, "send", host);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* --- settings --------------------------------------------------------------------- */

static int answer(lua_State *L, int rc, const char *what, cro_bytes of)
{
  if (rc < 0)
    return lcro_fail(L, rc, what, of);
  lua_pushboolean(L, 1);
  return 1;
}

/* socket:set(name, number) -> true, or nil, err */
static int l_udp_set(lua_State *L)
{
  static const char *const names[] = { "broadcast", "ttl", "multicast_ttl",
                                       "multicast_loop", NULL };
  static const cro_udp_setting settings[] = { CRO_UDP_BROADCAST, CRO_UDP_TTL,
                                              CRO_UDP_MULTICAST_TTL,
                                              CRO_UDP_MULTICAST_LOOP };
  const udp_box *box = check(L);
  int which = luaL_checkoption(L, 2, NULL, names);
  int value = luaL_checkint(L, 3);

  if (box->udp == NULL)
    return closed(L, names[which]);
  return answer(L, cro_udp_set(box->udp, settings[which], value), names[which],
                (cro_bytes){ NULL, 0 });
}

/* socket:member(group, interface or nil, join) -> true, or nil, err */
static int l_udp_member(lua_State *L)
{
  const udp_box *box = check(L);
  cro_bytes group = lcro_checkbytes(L, 2), interface = { 0 };
  bool join = lua_toboolean(L, 4) != 0;

  if (!lua_isnoneornil(L, 3))
    interface = lcro_checkbytes(L, 3);
  if (box->udp == NULL)
    return closed(L, join ? "join" : "leave");
  return answer(L, cro_udp_member(box->udp, group, interface, join),
                join ? "join" : "leave", group);
}

/* socket:multicast_interface(interface) -> true, or nil, err */
static int l_udp_multicast_interface(lua_State *L)
{
  const udp_box *box = check(L);
  cro_bytes interface = lcro_checkbytes(L, 2);

  if (box->udp == NULL)
    return closed(L, "multicast_interface");
  return answer(L, cro_udp_multicast_interface(box->udp, interface),
                "multicast_interface", interface);
}

/* socket:address(peer) -> host, port; nothing without one */
static int l_udp_address(lua_State *L)
{
  const udp_box *box = check(L);
  char host[64];
  int port;

  if (box->udp == NULL || !cro_udp_address(box->udp, lua_toboolean(L, 2), host, &port))
    return 0;
  lua_pushstring(L, host);
  lua_pushinteger(L, port);
  return 2;
}

/* socket:drop(count): so many were thrown away */
static int l_udp_drop(lua_State *L)
{
  const udp_box *box = check(L);

  if (box->udp != NULL)
    cro_udp_drop(box->udp, (uint64_t)luaL_checknumber(L, 2));
  return 0;
}

/* socket:dropped() -> datagrams thrown away here and, as far as known, by the kernel;
 * nothing when it is closed */
static int l_udp_dropped(lua_State *L)
{
  const udp_box *box = check(L);

  if (box->udp == NULL)
    return 0;
  lua_pushnumber(L, (lua_Number)cro_udp_dropped(box->udp));
  return 1;
}

/* socket:queued() -> datagrams that wait to be sent */
static int l_udp_queued(lua_State *L)
{
  const udp_box *box = check(L);

  lua_pushnumber(L, box->udp != NULL ? (lua_Number)cro_udp_queued(box->udp) : 0);
  return 1;
}

static const luaL_Reg methods[] = {
  { "start", l_udp_start },
  { "stop", l_udp_stop },
  { "close", l_udp_close },
  { "send", l_udp_send },
  { "send_later", l_udp_send_later },
  { "set", l_udp_set },
  { "member", l_udp_member },
  { "multicast_interface", l_udp_multicast_interface },
  { "address", l_udp_address },
  { "drop", l_udp_drop },
  { "dropped", l_udp_dropped },
  { "queued", l_udp_queued },
  { NULL, NULL },
};

void lcro_open_udp(lua_State *L)
{
  lcro_class(L, class, methods, l_udp_gc);
  lua_pushcfunction(L, l_core_udp_open);
  lua_setfield(L, -2, "udp_open");
  lua_pushcfunction(L, l_core_udp_socket);
  lua_setfield(L, -2, "udp_socket");
}
