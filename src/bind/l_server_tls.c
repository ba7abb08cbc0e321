/* l_server_tls.c - handshakes with a server that fail, told to a function of the
 * script.
 *
 * What is told outlives the server; the function is released when both have gone. Who
 * opens connections only to fail makes no more than so many words wait: the others are
 * counted, and told of with the next one. */
#include "base/alloc.h"
#include "bind/server.h"
#include "bind/tls.h"

enum { waiting_max = 64 };

struct lcro_failing {
  lcro_app *app;
  int fn;
  unsigned holds; /* the server's, and one per word that waits */
  unsigned waiting;
  uint64_t missed;
};

typedef struct {
  lcro_entry entry; /* first */
  lcro_failing *failing;
  int err;
  char where[128];
  char why[LCRO_TLS_WHY_MAX];
} word;

lcro_failing *lcro_failing_create(lua_State *L, lcro_app *app, int options)
{
  lcro_failing *self;
  int fn;

  lua_getfield(L, options, "on_handshake_error");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return NULL;
  }
  luaL_checktype(L, -1, LUA_TFUNCTION);
  fn = lcro_anchor(L, -1);
  lua_pop(L, 1);
  self = cro_alloc_zero(sizeof *self);
  if (self == NULL) {
    lcro_release(L, &fn);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  *self = (lcro_failing){ .app = app, .fn = fn, .holds = 1 };
  return self;
}

void lcro_failing_drop(lua_State *L, lcro_failing *self)
{
  if (self == NULL || --self->holds > 0)
    return;
  lcro_release(L, &self->fn);
  cro_free(self);
}

/* fn(err, how many more there were that are not told of) */
static int word_open(lua_State *L, lcro_entry *entry)
{
  const word *one = (word *)entry;
  lcro_failing *failing = one->failing;

  lua_rawgeti(L, LUA_REGISTRYINDEX, failing->fn);
  lcro_push_tls_error(L, one->err, "handshake", cro_bytes_of(one->where), one->why);
  lua_pushnumber(L, (lua_Number)failing->missed);
  failing->missed = 0;
  return 3;
}

static void word_left(lua_State *L, lcro_entry *entry, bool failed)
{
  word *one = (word *)entry;

  (void)failed;
  one->failing->waiting--;
  lcro_failing_drop(L, one->failing);
  cro_free(one);
}

static const lcro_entry_ops word_ops = { .open = word_open, .left = word_left };

void lcro_failing_tell(lcro_failing *self, cro_conn *conn, int err)
{
  word *one = self->waiting < waiting_max ? cro_alloc_zero(sizeof *one) : NULL;
  cro_bytes host;
  int port;

  if (one == NULL) {
    self->missed++;
    return;
  }
  host = conn->ops->peer(conn, &port);
  lcro_describe_place(one->where, CRO_B(""), host, port);
  lcro_keep_why(one->why, cro_tcp_of(conn));
  one->err = err;
  one->failing = self;
  self->holds++;
  self->waiting++;
  lcro_entry_init(&one->entry, &word_ops);
  (void)lcro_fiber_deliver(self->app, &one->entry);
}
