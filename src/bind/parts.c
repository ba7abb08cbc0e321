#include "bind/parts.h"

#include "base/alloc.h"
#include "pipe/trace.h"

#include <stdio.h>
#include <string.h>

struct lcro_session {
  lcro_http_settings settings;
  cro_h1_config h1_config;
  cro_h2_config h2_config;
  cro_h1 *h1;  /* the one, */
  cro_h2 *h2;  /* or the other */
  int version; /* that the script has named, or 0 */
  char label[64];
};

static const char session_key; /* its address is the slot's key */

static int open_h1(lcro_session *self, cro_conn *conn)
{
  self->h1_config = (cro_h1_config){ .limits = &self->settings.limits,
                                     .timeouts = &self->settings.timeouts };
  return cro_h1_server_of(&self->h1, conn, &self->h1_config);
}

static int open_h2(lcro_session *self, cro_conn *conn)
{
  self->h2_config = (cro_h2_config){ .limits = &self->settings.limits,
                                     .h2 = &self->settings.h2,
                                     .timeouts = &self->settings.timeouts,
                                     .trace = cro_trace_on() };
  return cro_h2_server_of(&self->h2, conn, &self->h2_config);
}

static bool wants_h2(const lcro_session *self, const cro_conn *conn)
{
  if (self->version != 0)
    return self->version == 2;
  return conn->tls != NULL && cro_bytes_eq(conn->tls->alpn, CRO_B("h2"));
}

static int open_session(lcro_session *self, cro_conn *conn)
{
  return wants_h2(self, conn) ? open_h2(self, conn) : open_h1(self, conn);
}

static void read_settings(lua_State *L, int options, lcro_session *self)
{
  cro_bytes version = lcro_opt_bytes(L, options, "http", CRO_B(""));

  lcro_read_settings(L, options, &self->settings);
  if (version.len > 0)
    self->version = cro_bytes_eq(version, CRO_B("2")) ? 2 : 1;
}

/* The slot comes first: a session may not outlive what it was configured with. */
static lcro_session *slot_of(lua_State *L, cro_conn *conn, int options)
{
  lcro_session *self = cro_conn_get(conn, &session_key);

  if (self != NULL)
    return self;
  self = cro_alloc_zero(sizeof *self);
  if (self == NULL || cro_conn_set(conn, &session_key, self, cro_free) != 0) {
    cro_free(self);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  lcro_default_settings(&self->settings);
  if (lua_istable(L, options))
    read_settings(L, options, self);
  return self;
}

static lcro_session *session_of(lua_State *L, cro_conn *conn, int options)
{
  lcro_session *self = slot_of(L, conn, options);

  if (self->h1 == NULL && self->h2 == NULL && open_session(self, conn) != 0)
    luaL_error(L, "not enough memory");
  return self;
}

static cro_stage *parser_part(lua_State *L, cro_conn *conn, int options,
                              lcro_session **session)
{
  lcro_session *self = *session = session_of(L, conn, options);

  return self->h2 != NULL ? cro_h2_reader(self->h2) : cro_h1_reader(self->h1);
}

static cro_stage *serializer_part(lua_State *L, cro_conn *conn, int options,
                                  lcro_session **session)
{
  lcro_session *self = *session = session_of(L, conn, options);

  return self->h2 != NULL ? cro_h2_writer(self->h2) : cro_h1_writer(self->h1);
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

cro_stage *lcro_make_part(lua_State *L, cro_conn *conn, lcro_session **session)
{
  int at = lua_gettop(L);
  const char *kind;
  cro_stage *stage = NULL;

  luaL_checktype(L, at, LUA_TTABLE);
  lua_getfield(L, at, "kind");
  kind = luaL_checkstring(L, -1);
  lua_getfield(L, at, "options");
  if (strcmp(kind, "http_request_parser") == 0)
    stage = parser_part(L, conn, at + 2, session);
  else if (strcmp(kind, "http_response_serializer") == 0)
    stage = serializer_part(L, conn, at + 2, session);
  else if (strcmp(kind, "router") == 0)
    stage = router_part(L, conn, at + 2);
  else
    luaL_error(L, "chain: no native part of kind '%s'", kind);
  lua_settop(L, at);
  return stage;
}

void lcro_session_label(lcro_session *session, cro_conn *conn, cro_bytes label)
{
  if (conn->label != NULL || label.len == 0)
    return;
  (void)snprintf(session->label, sizeof session->label, "%.*s", (int)label.len,
                 label.at);
  conn->label = session->label;
}

void lcro_session_start(lcro_session *session)
{
  if (session->h2 != NULL)
    cro_h2_start(session->h2);
  else
    cro_h1_start(session->h1);
}

void lcro_session_drain(lcro_session *session)
{
  if (session->h2 != NULL)
    cro_h2_drain(session->h2);
  else
    cro_h1_drain(session->h1);
}
