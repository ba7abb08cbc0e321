/* l_tls_info.c - what a connection box tells of TLS: what was agreed on, who the peer
 * is. */
#include "bind/tls.h"

static void set_text(lua_State *L, const char *key, const char *text)
{
  if (text == NULL)
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_bytes(lua_State *L, const char *key, cro_bytes bytes)
{
  if (bytes.len == 0)
    return;
  lcro_pushbytes(L, bytes);
  lua_setfield(L, -2, key);
}

static void set_bool(lua_State *L, const char *key, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

static void set_seconds(lua_State *L, const char *key, int64_t value)
{
  lua_pushnumber(L, (lua_Number)value);
  lua_setfield(L, -2, key);
}

/* A list; empty when there are none. */
static void set_names(lua_State *L, cro_bytes names)
{
  size_t end;

  lua_newtable(L);
  for (int i = 1; (end = cro_bytes_find(names, '\0')) < names.len; i++) {
    lcro_pushbytes(L, cro_bytes_take(&names, end));
    lua_rawseti(L, -2, i);
    (void)cro_bytes_take(&names, 1);
  }
  lua_setfield(L, -2, "names");
}

void lcro_push_tls_info(lua_State *L, const cro_tls_info *info)
{
  lua_createtable(L, 0, 8);
  set_text(L, "version", info->version);
  set_text(L, "cipher", info->cipher);
  set_bytes(L, "alpn", info->alpn);
  set_bytes(L, "server_name", info->server_name);
  set_bool(L, "resumed", info->resumed);
  set_bool(L, "verified", info->verified);
}

static const cro_tls_info *info_of(const lcro_tcp *box)
{
  if (box->tcp != NULL)
    return cro_tcp_conn(box->tcp)->tls;
  return box->tls_left != NULL ? cro_tls_memory_info(box->tls_left) : NULL;
}

/* connection:tls_info() -> { version =, cipher =, alpn =, server_name =, resumed =,
 * verified = }, also when it has closed; nil without TLS */
static int l_connection_tls_info(lua_State *L)
{
  const cro_tls_info *info = info_of(lcro_check_tcp(L, 1));

  if (info == NULL)
    return 0;
  lcro_push_tls_info(L, info);
  return 1;
}

static void push_peer(lua_State *L, const cro_tls_peer *peer)
{
  lua_createtable(L, 0, 9);
  set_bytes(L, "subject", peer->subject);
  set_bytes(L, "issuer", peer->issuer);
  set_bytes(L, "common_name", peer->common_name);
  set_bytes(L, "serial", peer->serial);
  set_bytes(L, "fingerprint", peer->fingerprint);
  set_names(L, peer->names);
  set_bytes(L, "pem", peer->pem);
  set_seconds(L, "not_before", peer->not_before);
  set_seconds(L, "not_after", peer->not_after);
}

/* In the registry, weak: the table of each certificate, by its fingerprint. */
static const char known_peers[] = "cro.tls_peers";

/* The one that is in use, else a new one. */
static void push_known_peer(lua_State *L, const cro_tls_peer *peer)
{
  lua_getfield(L, LUA_REGISTRYINDEX, known_peers);
  lcro_pushbytes(L, peer->fingerprint);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    push_peer(L, peer);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void lcro_push_tls_who(lua_State *L, const cro_tls_peer *peer)
{
  if (peer->fingerprint.len > 0)
    push_known_peer(L, peer);
  else
    push_peer(L, peer);
}

int lcro_push_tls_peer(lua_State *L, cro_tcp *tcp)
{
  cro_tls_peer peer;
  int rc = cro_tls_peer_of(tcp, &peer);

  if (rc == 0)
    lcro_push_tls_who(L, &peer);
  return rc;
}

/* connection:tls_peer() -> { subject =, issuer =, common_name =, serial =, fingerprint
 * =, names = { name, ... }, pem =, not_before =, not_after = }, also when the
 * connection has closed; or nil, err: kind "not_found" when it has shown no certificate
 */
static int l_connection_tls_peer(lua_State *L)
{
  const lcro_tcp *box = lcro_check_tcp(L, 1);
  cro_tls_peer peer;
  int rc = CRO_E_CLOSED;

  if (box->tcp != NULL)
    rc = cro_tls_peer_of(box->tcp, &peer);
  else if (box->tls_left != NULL)
    rc = cro_tls_memory_peer(box->tls_left, &peer);
  if (rc != 0)
    return lcro_fail(L, rc, "peer", (cro_bytes){ NULL, 0 });
  lcro_push_tls_who(L, &peer);
  return 1;
}

static const luaL_Reg connection_methods[] = {
  { "tls_info", l_connection_tls_info },
  { "tls_peer", l_connection_tls_peer },
  { NULL, NULL },
};

/* They join the methods that l_tcp.c has given the class. */
void lcro_open_tls_info(lua_State *L)
{
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, known_peers);
  luaL_getmetatable(L, lcro_connection_class);
  lua_getfield(L, -1, "__index");
  luaL_register(L, NULL, connection_methods);
  lua_pop(L, 2);
}
