/* l_negotiated.c - what a request can do, and knows, by what its connection has agreed
 * on: promises of HTTP/2, interim answers, and TLS. */
#include "bind/answer.h"
#include "bind/body_reader.h"
#include "bind/loose.h"
#include "bind/tls.h"
#include "http/url.h"

static lcro_exchange *self(lua_State *L, const char *what)
{
  return lcro_check_box(L, 1, LCRO_REQUEST, what);
}

/* --- where it came from
 * -------------------------------------------------------------------------
 */

bool lcro_is_secure(const lcro_exchange *x)
{
  return x->request->conn != NULL ? x->request->conn->secure : x->origin.secure;
}

bool lcro_peer_of(const lcro_exchange *x, cro_bytes *host, int *port)
{
  cro_conn *conn = x->request->conn;

  *port = x->origin.peer_port;
  *host = conn != NULL ? conn->ops->peer(conn, port) : x->origin.peer;
  return conn != NULL || x->origin.kept;
}

/* Is there still somebody who can ask? Of a request whose handler has returned that is
 * only who waits for its end. */
static bool is_asked_for(const lcro_exchange *x)
{
  return x->holds > 1 && (!x->concluded || x->finished != NULL || x->drain != NULL);
}

void lcro_origin_keep(lcro_exchange *x)
{
  cro_conn *conn = x->request->conn;
  cro_tcp *tcp;
  cro_bytes peer;

  if (conn == NULL || !is_asked_for(x))
    return;
  x->origin.secure = conn->secure;
  peer = conn->ops->peer(conn, &x->origin.peer_port);
  x->origin.kept = cro_arena_copy(x->request->arena, peer, &x->origin.peer) == 0;
  conn = lcro_real_conn(conn);
  tcp = conn != NULL && conn->tls != NULL ? cro_tcp_of(conn) : NULL;
  if (tcp != NULL)
    x->origin.tls = cro_tls_remember(tcp);
}

void lcro_origin_forget(lcro_exchange *x)
{
  cro_tls_forget(x->origin.tls);
  x->origin.tls = NULL;
}

/* --- promises
 * -------------------------------------------------------------------------
 */

/* What is wrong with a promise is so whatever the peer speaks: it is said before it is
 * asked whether one is possible. Each pushes nil and the text, or nothing. */
static int mistake(lua_State *L, const char *format, cro_bytes what)
{
  lua_pushnil(L);
  lcro_pushbytes(L, what);
  lua_pushfstring(L, format, lua_tostring(L, -1));
  lua_remove(L, -2);
  return 2;
}

static int check_path(lua_State *L, const lcro_exchange *x, cro_bytes path)
{
  cro_target target;

  if (path.len == 0 || path.at[0] != '/')
    return mistake(L, "the path \"%s\" does not begin with a slash", path);
  if (cro_target_parse(path, &target) != 0)
    return mistake(L,
                   "the path \"%s\" has a blank, a control byte, a '#' or a byte that "
                   "is not ASCII; expected a path as it is sent, percent-encoded",
                   path);
  if (path.len <= lcro_limits_of(x)->uri_bytes)
    return 0;
  lua_pushnil(L);
  lua_pushfstring(L, "the path has %d bytes; limits.uri_bytes allows %d", (int)path.len,
                  (int)lcro_limits_of(x)->uri_bytes);
  return 2;
}

/* Fields that are the connection's, or say what the promise itself says. */
static bool is_own_field(cro_bytes name)
{
  static const cro_bytes own[] = {
    CRO_B_INIT("connection"), CRO_B_INIT("keep-alive"),
    CRO_B_INIT("te"),         CRO_B_INIT("proxy-connection"),
    CRO_B_INIT("upgrade"),    CRO_B_INIT("transfer-encoding"),
    CRO_B_INIT("host"),       CRO_B_INIT("content-length")
  };

  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (cro_bytes_ieq(name, own[i]))
      return true;
  return false;
}

static int check_field(lua_State *L, cro_bytes name, cro_bytes value)
{
  if (!cro_header_name_ok(name))
    return mistake(L, "malformed header '%s': its name is no token", name);
  if (!cro_header_value_ok(value))
    return mistake(
        L, "malformed header '%s': its value has a line end or a control byte", name);
  if (is_own_field(name))
    return mistake(
        L,
        "the header '%s' is written by the server itself; expected those of a "
        "GET request without a body",
        name);
  return 0;
}

/* The names and values in turn of the table at 3. They live as long as that table. */
static int read_fields(lua_State *L, lcro_exchange *x, cro_headers *fields)
{
  for (int i = 1; i < (int)lua_objlen(L, 3); i += 2) {
    cro_bytes name, value;
    int wrong;

    lua_rawgeti(L, 3, i);
    lua_rawgeti(L, 3, i + 1);
    name = lcro_checkbytes(L, -2);
    value = lcro_checkbytes(L, -1);
    wrong = check_field(L, name, value);
    if (wrong != 0)
      return wrong;
    lcro_answer_check(L, cro_headers_add(fields, x->request->arena, name, value),
                      "push");
    lua_pop(L, 2);
  }
  return 0;
}

static int promise(lcro_exchange *x, cro_bytes path, const cro_headers *fields)
{
  const cro_request_ops *ops = x->request->ops;

  if (x->released || ops == NULL || ops->push == NULL)
    return CRO_E_NOTSUP;
  return ops->push(x->request, path, fields);
}

/* request:send_push(path, { name, value, ... }) -> whether the promise has been made:
 * see c:push; or nil, what is wrong with the path or a header */
int lcro_l_request_send_push(lua_State *L)
{
  lcro_exchange *x = self(L, "push");
  cro_bytes path = lcro_checkbytes(L, 2);
  cro_headers fields = { 0 };
  int wrong, rc;

  luaL_checktype(L, 3, LUA_TTABLE);
  wrong = check_path(L, x, path);
  if (wrong == 0)
    wrong = read_fields(L, x, &fields);
  if (wrong != 0)
    return wrong;
  rc = promise(x, path, &fields);
  if (rc == CRO_E_INVAL)
    return mistake(L, "\"%s\" cannot be promised", path);
  if (rc == CRO_E_NOMEM || rc == CRO_E_STATE)
    lcro_answer_check(L, rc, "c:push");
  lua_pushboolean(L, rc == 0);
  return 1;
}

/* --- interim answers
 * -------------------------------------------------------------------------
 */

static void add_interim(lua_State *L, cro_response *interim, cro_bytes name,
                        cro_bytes value)
{
  int rc = cro_response_add(interim, name, value);

  if (rc == CRO_E_INVAL)
    luaL_error(L, "inform: malformed header '%s'", name.at);
  if (rc == CRO_E_STATE)
    luaL_error(L, "inform: '%s' is written by the server itself and can't be set",
               name.at);
  lcro_answer_check(L, rc, "inform");
}

/* request:send_interim(status, { name, value, ... }): see c:inform */
int lcro_l_request_send_interim(lua_State *L)
{
  lcro_exchange *x = self(L, "inform");
  cro_request *request = x->request;
  cro_response *interim;

  luaL_checktype(L, 3, LUA_TTABLE);
  if (x->released)
    lcro_answer_check(L, CRO_E_GONE, "inform");
  interim = cro_arena_alloc(request->arena, sizeof *interim);
  if (interim == NULL)
    lcro_answer_check(L, CRO_E_NOMEM, "inform");
  *interim = (cro_response){ .arena = request->arena,
                             .request = request,
                             .status = (int)luaL_checkinteger(L, 2),
                             .length = -1 };
  for (int i = 1; i < (int)lua_objlen(L, 3); i += 2) {
    lua_rawgeti(L, 3, i);
    lua_rawgeti(L, 3, i + 1);
    add_interim(L, interim, lcro_checkbytes(L, -2), lcro_checkbytes(L, -1));
    lua_pop(L, 2);
  }
  if (request->ops != NULL) /* else a script made it: nobody waits for it */
    lcro_answer_check(L, request->ops->inform(request, interim), "inform");
  return 0;
}

/* --- TLS
 * ------------------------------------------------------------------------------
 */

static int push_remembered(lua_State *L, cro_tls_memory *memory)
{
  cro_tls_peer peer;

  if (memory == NULL)
    return 0;
  lcro_push_tls_info(L, cro_tls_memory_info(memory));
  if (cro_tls_memory_peer(memory, &peer) != 0)
    return 1;
  lcro_push_tls_who(L, &peer);
  lua_setfield(L, -2, "peer");
  return 1;
}

/* request:tls_info() -> what was agreed on, with the certificate of the client, if it
 * has shown one, as `peer`; nil without TLS */
int lcro_l_request_tls_info(lua_State *L)
{
  lcro_exchange *x = self(L, "tls");
  cro_conn *conn = lcro_real_conn(x->request->conn);
  cro_tcp *tcp = conn != NULL ? cro_tcp_of(conn) : NULL;

  if (conn == NULL || conn->tls == NULL)
    return push_remembered(L, x->origin.tls);
  lcro_push_tls_info(L, conn->tls);
  if (tcp != NULL && lcro_push_tls_peer(L, tcp) == 0)
    lua_setfield(L, -2, "peer");
  return 1;
}
