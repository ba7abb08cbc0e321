/* l_uri.c - URIs for lua/cro/uri.lua: parts, resolution, normal form, segments.
 *
 * Results are built in the app's scratch buffer, which nothing else uses while one of
 * these functions runs: an error raised in between leaks nothing.
 */
#include "base/text.h"
#include "bind/core.h"
#include "bind/lua_api.h"
#include "http/url.h"

static void set_part(lua_State *L, const char *name, cro_bytes part)
{
  if (part.at == NULL)
    return;
  lcro_pushbytes(L, part);
  lua_setfield(L, -2, name);
}

static const char *host_kind(cro_host_kind kind)
{
  static const char *const names[] = { "none", "name", "ipv4", "ipv6", "future" };

  return names[kind];
}

/* nil, reason, position (from 1) */
static int refuse(lua_State *L, const cro_url_fault *fault)
{
  lua_pushnil(L);
  lua_pushstring(L, fault->reason);
  lua_pushinteger(L, (lua_Integer)fault->at + 1);
  return 3;
}

/* core.uri_parse(text) -> table of the parts that are there, or nil, reason, position
 */
static int l_core_uri_parse(lua_State *L)
{
  cro_bytes text = lcro_checkbytes(L, 1);
  cro_url_fault fault;
  cro_url url;

  if (cro_url_parse(text, &url, &fault) != 0)
    return refuse(L, &fault);
  lua_createtable(L, 0, 10);
  set_part(L, "text", text);
  set_part(L, "scheme", url.scheme);
  set_part(L, "authority", url.authority);
  set_part(L, "userinfo", url.parts.userinfo);
  set_part(L, "path", url.path);
  set_part(L, "query", url.query);
  set_part(L, "fragment", url.fragment);
  if (url.authority.at == NULL)
    return 1;
  set_part(L, "host", url.parts.host);
  lua_pushstring(L, host_kind(url.parts.kind));
  lua_setfield(L, -2, "host_kind");
  if (url.parts.port >= 0) {
    lua_pushinteger(L, url.parts.port);
    lua_setfield(L, -2, "port");
  }
  return 1;
}

static cro_buf *scratch_of(lua_State *L)
{
  return lcro_scratch(lcro_app_of(L));
}

static int push_result(lua_State *L, int rc, cro_buf *scratch)
{
  if (rc != 0)
    return luaL_error(L, "%s", cro_err_text(rc));
  lcro_pushbytes(L, cro_buf_bytes(scratch));
  lcro_scratch_done(scratch);
  return 1;
}

/* The argument as parts; raises when it is no URI (uri.lua has parsed it before). */
static void check_url(lua_State *L, int index, cro_url *out)
{
  cro_url_fault fault;

  if (cro_url_parse(lcro_checkbytes(L, index), out, &fault) != 0)
    luaL_argerror(L, index, fault.reason);
}

/* core.uri_resolve(base, reference) -> text */
static int l_core_uri_resolve(lua_State *L)
{
  cro_buf *scratch = scratch_of(L);
  cro_url base, reference;

  check_url(L, 1, &base);
  check_url(L, 2, &reference);
  return push_result(L, cro_url_resolve(&base, &reference, scratch), scratch);
}

/* core.uri_normalise(text) -> text */
static int l_core_uri_normalise(lua_State *L)
{
  cro_buf *scratch = scratch_of(L);
  cro_url url;

  check_url(L, 1, &url);
  return push_result(L, cro_url_normalise(&url, scratch), scratch);
}

/* core.uri_from_iri(text) -> text, or nil, reason, position */
static int l_core_uri_from_iri(lua_State *L)
{
  cro_buf *scratch = scratch_of(L);
  cro_url_fault fault;
  int rc = cro_url_from_iri(lcro_checkbytes(L, 1), scratch, &fault);

  return rc == CRO_E_SYNTAX ? refuse(L, &fault) : push_result(L, rc, scratch);
}

/* Pushes the decoded text; false, and nothing is pushed, for a broken escape. */
static bool push_decoded(lua_State *L, cro_bytes text)
{
  cro_buf *scratch = scratch_of(L);
  size_t len;

  if (cro_buf_reserve(scratch, text.len + 1) != 0)
    luaL_error(L, "%s", cro_err_text(CRO_E_NOMEM));
  if (cro_percent_decode(text, 0, scratch->at, &len) != 0)
    return false;
  lua_pushlstring(L, scratch->at, len);
  lcro_scratch_done(scratch);
  return true;
}

/* core.uri_segments(path) -> array of decoded segments, or nil for a broken escape */
static int l_core_uri_segments(lua_State *L)
{
  cro_path path = cro_path_of(lcro_checkbytes(L, 1));
  cro_bytes segment;
  int count = 0;

  lua_newtable(L);
  while (cro_path_next(&path, &segment)) {
    if (!push_decoded(L, segment)) {
      lua_pushnil(L);
      return 1;
    }
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* core.uri_decode(text) -> text, or nil for a broken escape */
static int l_core_uri_decode(lua_State *L)
{
  if (!push_decoded(L, lcro_checkbytes(L, 1)))
    lua_pushnil(L);
  return 1;
}

/* core.uri_encode(text, "component" | "segment" | "path" | "query") -> text */
static int l_core_uri_encode(lua_State *L)
{
  static const char *const sets[] = { "component", "segment", "path", "query", NULL };
  static const unsigned keep[] = { CRO_CHAR_UNRESERVED, CRO_CHAR_PATH, CRO_CHAR_PATH,
                                   CRO_CHAR_QUERY };
  cro_bytes text = lcro_checkbytes(L, 1);
  int set = luaL_checkoption(L, 2, "component", sets);
  cro_buf *scratch = scratch_of(L);
  int rc = 0;

  while (rc == 0 && text.len > 0) {
    size_t end = set == 2 ? cro_bytes_find(text, '/') : text.len;

    rc = cro_percent_encode(scratch, cro_bytes_take(&text, end), keep[set]);
    if (rc == 0 && text.len > 0)
      rc = cro_buf_add(scratch, cro_bytes_take(&text, 1)); /* a slash of the path */
  }
  return push_result(L, rc, scratch);
}

void lcro_open_uri(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "uri_parse", l_core_uri_parse },         { "uri_resolve", l_core_uri_resolve },
    { "uri_normalise", l_core_uri_normalise }, { "uri_from_iri", l_core_uri_from_iri },
    { "uri_segments", l_core_uri_segments },   { "uri_decode", l_core_uri_decode },
    { "uri_encode", l_core_uri_encode },       { NULL, NULL },
  };

  luaL_register(L, NULL, functions);
}
