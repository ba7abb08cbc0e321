#include "bind/parts.h"

#include "base/alloc.h"
#include "base/check.h"
#include "bind/loose.h"
#include "pipe/trace.h"
#include "serve/preface.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { either = 12 };

struct lcro_session {
  lcro_http_settings settings;
  cro_h1_config h1_config;
  cro_h2_config h2_config;
  cro_h1 *h1;  /* the one, */
  cro_h2 *h2;  /* or the other; neither: not known yet */
  int version; /* that the script has named: 1, 2, `either`, or 0 */
  bool has_parser, has_serializer, draining;
  serve_preface *preface; /* while it stands in for the parser */
  cro_stage standin;      /* for the serializer, until it is known which */
  cro_conn *conn;
  char label[64];
};

static const char session_key; /* its address is the slot's key */

/* --- the version
 * ----------------------------------------------------------------------
 */

static int open_h1(lcro_session *self)
{
  self->h1_config = (cro_h1_config){ .limits = &self->settings.limits,
                                     .timeouts = &self->settings.timeouts };
  return cro_h1_server_of(&self->h1, self->conn, &self->h1_config);
}

static int open_h2(lcro_session *self)
{
  self->h2_config = (cro_h2_config){ .limits = &self->settings.limits,
                                     .h2 = &self->settings.h2,
                                     .timeouts = &self->settings.timeouts,
                                     .trace = cro_trace_on() };
  return cro_h2_server_of(&self->h2, self->conn, &self->h2_config);
}

static bool is_known(const lcro_session *self)
{
  return self->h1 != NULL || self->h2 != NULL;
}

static bool must_look(const lcro_session *self)
{
  return self->version == either && self->conn->tls == NULL;
}

static bool wants_h2(const lcro_session *self)
{
  const cro_tls_info *tls = self->conn->tls;

  if (self->version == 1 || self->version == 2)
    return self->version == 2;
  return tls != NULL && cro_bytes_eq(tls->alpn, CRO_B("h2"));
}

static int open_session(lcro_session *self, bool is_h2)
{
  if (cro_trace_on() && self->version != 1 && self->version != 2)
    cro_trace_write(cro_bytes_of(self->conn->label), CRO_B("Connection"), "SPEAKS",
                    is_h2 ? CRO_B("HTTP/2") : CRO_B("HTTP/1.1"));
  return is_h2 ? open_h2(self) : open_h1(self);
}

static cro_stage *reader_of(const lcro_session *self)
{
  return self->h2 != NULL ? cro_h2_reader(self->h2) : cro_h1_reader(self->h1);
}

static cro_stage *writer_of(const lcro_session *self)
{
  return self->h2 != NULL ? cro_h2_writer(self->h2) : cro_h1_writer(self->h1);
}

/* --- before it is known
 * ---------------------------------------------------------------
 */

/* There was no request that this could answer. */
static int standin_push(cro_stage *stage, const void *message)
{
  (void)stage;
  (void)message;
  return CRO_E_STATE;
}

static int standin_finish(cro_stage *stage)
{
  CRO_CONTAINER(stage, lcro_session, standin)->draining = true;
  return 0;
}

static void standin_fail(cro_stage *stage, int err)
{
  (void)err;
  stage->conn->ops->abort(stage->conn);
}

static void standin_destroy(cro_stage *stage)
{
  stage->prev = stage->next = NULL;
}

static const cro_stage_ops standin_ops = {
  .name = "HTTP response",
  .consumes = &cro_type_response,
  .produces = &cro_type_bytes,
  .push = standin_push,
  .finish = standin_finish,
  .fail = standin_fail,
  .destroy = standin_destroy,
};

static void put_between(cro_stage *prev, cro_stage *stage, cro_stage *next)
{
  stage->prev = prev;
  stage->next = next;
  prev->next = next->prev = stage;
}

static int decided(void *arg, bool is_h2)
{
  lcro_session *self = arg;
  cro_stage *look = serve_preface_stage(self->preface), *standin = &self->standin;
  int rc = open_session(self, is_h2);

  if (rc != 0)
    return rc;
  self->preface = NULL;
  put_between(look, reader_of(self), look->next);
  look->next->conn = look->conn;
  if (standin->next != NULL) {
    cro_list_remove(&standin->ready);
    put_between(standin->prev, writer_of(self), standin->next);
    standin->next->prev->conn = standin->conn;
  }
  lcro_session_start(self);
  if (self->draining)
    lcro_session_drain(self);
  return 0;
}

/* --- parser and serializer
 * -------------------------------------------------------------
 */

static void read_settings(lua_State *L, int options, lcro_session *self)
{
  cro_bytes version = lcro_opt_bytes(L, options, "http", CRO_B(""));

  lcro_read_settings(L, options, &self->settings);
  if (cro_bytes_eq(version, CRO_B("1")))
    self->version = 1;
  else if (cro_bytes_eq(version, CRO_B("2")))
    self->version = 2;
  else if (cro_bytes_eq(version, CRO_B("12")))
    self->version = either;
}

static void set_label(lcro_session *self, cro_bytes label)
{
  if (self->conn->label != NULL || label.len == 0)
    return;
  (void)snprintf(self->label, sizeof self->label, "%.*s", (int)label.len, label.at);
  self->conn->label = self->label;
}

/* The writer counts what waits for its peer itself. */
static void bound_socket(const lcro_session *self)
{
  cro_conn *conn = lcro_real_conn(self->conn);
  cro_tcp *tcp = conn != NULL ? cro_tcp_of(conn) : NULL;

  if (tcp == NULL)
    return;
  cro_tcp_write_idle(tcp, self->settings.timeouts.write_idle);
  if (conn == self->conn)
    cro_tcp_write_over(tcp, UINT64_MAX);
}

/* The slot comes first: a session may not outlive what it was configured with. */
static lcro_session *session_of(lua_State *L, cro_conn *conn, int options,
                                cro_bytes label)
{
  lcro_session *self = cro_conn_get(conn, &session_key);

  if (self == NULL) {
    self = cro_alloc_zero(sizeof *self);
    if (self == NULL || cro_conn_set(conn, &session_key, self, cro_free) != 0) {
      cro_free(self);
      luaL_error(L, "not enough memory");
      return NULL;
    }
    self->conn = conn;
    lcro_default_settings(&self->settings);
    if (lua_istable(L, options))
      read_settings(L, options, self);
    set_label(self, label);
    bound_socket(self);
  }
  if (!is_known(self) && !must_look(self) && open_session(self, wants_h2(self)) != 0)
    luaL_error(L, "not enough memory");
  return self;
}

static cro_stage *parser_of(lua_State *L, lcro_session *self)
{
  self->has_parser = true;
  if (is_known(self))
    return reader_of(self);
  if (serve_preface_create(&self->preface, &cro_type_request, decided, self) != 0) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  return serve_preface_stage(self->preface);
}

static cro_stage *serializer_of(lcro_session *self)
{
  self->has_serializer = true;
  if (is_known(self))
    return writer_of(self);
  cro_stage_init(&self->standin, &standin_ops);
  return &self->standin;
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

static bool is_taken(cro_conn *conn, const char *kind)
{
  const lcro_session *session = cro_conn_get(conn, &session_key);

  if (strcmp(kind, "http_request_parser") == 0)
    return session != NULL && session->has_parser;
  if (strcmp(kind, "http_response_serializer") == 0)
    return session != NULL && session->has_serializer;
  return cro_conn_get(conn, &cro_type_request) != NULL;
}

void lcro_check_part(lua_State *L, cro_conn *conn)
{
  const char *kind;

  luaL_checktype(L, -1, LUA_TTABLE);
  lua_getfield(L, -1, "kind");
  kind = luaL_checkstring(L, -1);
  if (strcmp(kind, "http_request_parser") != 0 &&
      strcmp(kind, "http_response_serializer") != 0 && strcmp(kind, "router") != 0)
    luaL_error(L, "chain: no native part of kind '%s'", kind);
  if (is_taken(conn, kind))
    luaL_error(L, "chain: one %s to a connection, and this one has it", kind);
  lua_pop(L, 1);
}

cro_stage *lcro_make_part(lua_State *L, cro_conn *conn, cro_bytes label,
                          lcro_session **session)
{
  int at = lua_gettop(L);
  const char *kind;
  cro_stage *stage = NULL;

  lcro_check_part(L, conn);
  lua_getfield(L, at, "kind");
  kind = lua_tostring(L, -1);
  lua_getfield(L, at, "options");
  if (strcmp(kind, "router") == 0) {
    stage = router_part(L, conn, at + 2);
  } else {
    *session = session_of(L, conn, at + 2, label);
    stage = strcmp(kind, "http_request_parser") == 0 ? parser_of(L, *session)
                                                     : serializer_of(*session);
  }
  lua_settop(L, at);
  return stage;
}

void lcro_session_start(lcro_session *session)
{
  if (session->h2 != NULL)
    cro_h2_start(session->h2);
  else if (session->h1 != NULL)
    cro_h1_start(session->h1);
  else if (session->preface != NULL)
    serve_preface_start(session->preface, session->settings.timeouts.header);
}

void lcro_session_drain(lcro_session *session)
{
  session->draining = true;
  if (session->h2 != NULL)
    cro_h2_drain(session->h2);
  else if (session->h1 != NULL)
    cro_h1_drain(session->h1);
  else if (session->preface != NULL && serve_preface_untouched(session->preface))
    session->conn->ops->close(session->conn);
}
