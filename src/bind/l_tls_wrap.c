/* l_tls_wrap.c - core.tls_wrap(): a connection that Lua has goes on encrypted
 * (STARTTLS).
 *
 * What comes over the wire from the call on is TLS. Bytes that came before and that
 * nobody has read would be taken for what was said under protection, as if the peer had
 * sent them: the injection of CVE-2011-0411. So they are an error. */
#include "bind/tls.h"

#include <stdio.h>

/* A userdata. What it needs is in one table with it, so that one anchor holds all, and
 * the collector takes what never came so far. */
struct lcro_wrap {
  lcro_entry entry; /* first */
  lcro_app *app;
  lcro_tcp *box; /* NULL: its socket is gone */
  int held;      /* the table: by HELD_* */
  int err;
  char where[96];
  char why[LCRO_TLS_WHY_MAX];
};

enum { HELD_FN = 1, HELD_CONNECTION, HELD_WRAP };

static int wrap_open(lua_State *L, lcro_entry *entry)
{
  const lcro_wrap *wrap = (lcro_wrap *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, wrap->held);
  lua_rawgeti(L, -1, HELD_FN);
  lua_remove(L, -2);
  if (wrap->err == 0)
    return 1;
  lcro_push_tls_error(L, wrap->err, "upgrade", cro_bytes_of(wrap->where), wrap->why);
  return 2;
}

static void wrap_left(lua_State *L, lcro_entry *entry, bool failed)
{
  lcro_wrap *wrap = (lcro_wrap *)entry;

  (void)failed;
  lcro_release(L, &wrap->held);
}

static const lcro_entry_ops wrap_ops = { .open = wrap_open, .left = wrap_left };

static void tell(lcro_wrap *wrap, int err)
{
  if (wrap->box != NULL)
    wrap->box->wrap = NULL;
  wrap->box = NULL;
  wrap->err = err;
  (void)lcro_fiber_deliver(wrap->app, &wrap->entry);
}

void lcro_wrap_closed(lcro_wrap *wrap, int err)
{
  tell(wrap, err != 0 ? err : CRO_E_CLOSED);
}

static void shaken(void *arg, cro_tcp *tcp, int err)
{
  lcro_wrap *wrap = arg;

  if (err == 0)
    wrap->app->tls_handshakes++;
  else
    wrap->app->tls_failures++;
  if (err != 0)
    lcro_keep_why(wrap->why, tcp);
  tell(wrap, err);
}

static bool has_unread(const lcro_tcp *box)
{
  return box->in != NULL && (box->in->bytes.len > 0 || box->in->now.len > 0);
}

static int shake(lcro_wrap *wrap, lua_State *L, cro_tls_context *context, uint64_t ms)
{
  cro_tcp *tcp = wrap->box->tcp;

  if (lua_toboolean(L, 3))
    return cro_tls_accept(tcp, context, ms, shaken, wrap);
  return cro_tls_connect(tcp, context, lcro_checkbytes(L, 4), ms, shaken, wrap);
}

static int unread(lua_State *L)
{
  lcro_fail(L, CRO_E_PROTOCOL, "upgrade", (cro_bytes){ NULL, 0 });
  lua_pushliteral(L, "upgrade: bytes that came before TLS have not been read: somebody "
                     "may have put them there to be taken for protected ones");
  lua_setfield(L, -2, "message");
  return 2;
}

/* The function at 6, the connection at 1 and the wrap at 7. Raises. */
static int hold_all(lua_State *L)
{
  lua_createtable(L, HELD_WRAP, 0);
  lua_pushvalue(L, 6);
  lua_rawseti(L, -2, HELD_FN);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, HELD_CONNECTION);
  lua_pushvalue(L, 7);
  lua_rawseti(L, -2, HELD_WRAP);
  return lcro_anchor(L, -1);
}

/* core.tls_wrap(connection, context, server, name, seconds, fn(err or nil)) -> true, or
 * nil, err: kind "protocol" when what came before has not been read */
static int l_core_tls_wrap(lua_State *L)
{
  lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_tls_context *context = lcro_check_tls_context(L, 2);
  uint64_t ms = lcro_handshake_ms(luaL_checknumber(L, 5));
  lcro_wrap *wrap;
  int rc;

  lua_settop(L, 6);
  (void)luaL_optstring(L, 4, "");
  luaL_checktype(L, 6, LUA_TFUNCTION);
  if (box->tcp == NULL)
    return lcro_fail(L, CRO_E_CLOSED, "upgrade", (cro_bytes){ NULL, 0 });
  if (has_unread(box))
    return unread(L);
  wrap = lua_newuserdata(L, sizeof *wrap);
  *wrap = (lcro_wrap){ .app = box->app, .box = box, .held = LUA_NOREF };
  lcro_entry_init(&wrap->entry, &wrap_ops);
  wrap->held = hold_all(L);
  (void)snprintf(wrap->where, sizeof wrap->where, "%s:%d", box->host, box->port);
  rc = shake(wrap, L, context, ms);
  if (rc < 0) {
    wrap_left(L, &wrap->entry, true);
    return lcro_fail(L, rc, "upgrade", (cro_bytes){ NULL, 0 });
  }
  box->wrap = wrap;
  lua_pushboolean(L, 1);
  return 1;
}

void lcro_open_tls_wrap(lua_State *L)
{
  lua_pushcfunction(L, l_core_tls_wrap);
  lua_setfield(L, -2, "tls_wrap");
}
