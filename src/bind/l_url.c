/* l_url.c - small grammars of HTTP for Lua: media types and Set-Cookie.
 *
 * Texts are built in the app's scratch buffer, which nothing else uses while one of
 * these functions runs: an error raised in between leaks nothing.
 */
#include "bind/core.h"
#include "bind/lua_api.h"
#include "http/cookie.h"
#include "http/media.h"

#include <math.h>

/* Names of parameters become keys of a Lua table, whose hash is not keyed. */
enum { media_parameters_max = 100 };

static int refuse(lua_State *L, const char *reason)
{
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

static cro_buf *scratch_of(lua_State *L)
{
  return lcro_scratch(lcro_app_of(L));
}

/* --- media types (RFC 9110 8.3.1)
 * --------------------------------------------------------- */

static void push_lower(lua_State *L, cro_bytes text)
{
  luaL_Buffer out;

  luaL_buffinit(L, &out);
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];

    luaL_addchar(&out, (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
  }
  luaL_pushresult(&out);
}

static void push_value(lua_State *L, const cro_media_parameter *parameter)
{
  cro_bytes value = parameter->value;
  char *room;

  if (!parameter->escaped) {
    lcro_pushbytes(L, value);
    return;
  }
  room = lua_newuserdata(L, value.len);
  lua_pushlstring(L, room, cro_media_unescape(value, room));
  lua_remove(L, -2);
}

/* core.media_parse(text) -> { type =, subtype =, parameters = }, or nil, reason. Type,
 * subtype and names in lower case. */
static int l_core_media_parse(lua_State *L)
{
  cro_media_parameter parameter;
  const char *reason;
  cro_media media;
  int rc;

  if (cro_media_parse(lcro_checkbytes(L, 1), media_parameters_max, &media, &reason) !=
      0)
    return refuse(L, reason);
  lua_createtable(L, 0, 3);
  push_lower(L, media.type);
  lua_setfield(L, -2, "type");
  push_lower(L, media.subtype);
  lua_setfield(L, -2, "subtype");
  lua_newtable(L);
  while ((rc = cro_media_next(&media, &parameter)) == 1) {
    push_lower(L, parameter.name);
    push_value(L, &parameter);
    lua_rawset(L, -3);
  }
  if (rc != 0)
    return refuse(L, rc == CRO_E_LIMIT ? "too many parameters" : "malformed parameter");
  lua_setfield(L, -2, "parameters");
  return 1;
}

/* core.media_quote(value) -> text: in quotes where a parameter needs them */
static int l_core_media_quote(lua_State *L)
{
  cro_buf *scratch = scratch_of(L);
  int rc = cro_media_quote(scratch, lcro_checkbytes(L, 1));

  if (rc == CRO_E_SYNTAX)
    return luaL_error(L, "a parameter of a media type has a control character");
  if (rc != 0)
    return luaL_error(L, "%s", cro_err_text(rc));
  lcro_pushbytes(L, cro_buf_bytes(scratch));
  lcro_scratch_done(scratch);
  return 1;
}

/* --- Set-Cookie (RFC 6265 4.1)
 * --------------------------------------------------------------- */

/* Whole seconds, towards zero; what 64 bits cannot hold becomes the nearest they can.
 * False when the option is not there. */
static bool seconds_option(lua_State *L, const char *key, int64_t *out)
{
  lua_Number seconds = lcro_opt_number(L, 3, key, (lua_Number)NAN);

  if (isnan(seconds))
    return false;
  if (seconds >= 9.2e18)
    *out = INT64_MAX;
  else if (seconds <= -9.2e18)
    *out = INT64_MIN;
  else
    *out = (int64_t)seconds;
  return true;
}

/* core.cookie_format(name, value, options) -> text, or nil, reason */
static int l_core_cookie_format(lua_State *L)
{
  cro_buf *scratch = scratch_of(L);
  cro_set_cookie cookie = { .name = lcro_checkbytes(L, 1),
                            .value = lcro_checkbytes(L, 2) };
  const cro_bytes none = { "", 0 };
  cro_bytes same_site;
  int rc;

  luaL_checktype(L, 3, LUA_TTABLE);
  cookie.has_expires = seconds_option(L, "expires", &cookie.expires);
  cookie.has_max_age = seconds_option(L, "max_age", &cookie.max_age);
  cookie.domain = lcro_opt_bytes(L, 3, "domain", none);
  cookie.path = lcro_opt_bytes(L, 3, "path", none);
  cookie.secure = lcro_opt_bool(L, 3, "secure", false);
  cookie.http_only = lcro_opt_bool(L, 3, "http_only", false);
  same_site = lcro_opt_bytes(L, 3, "same_site", none);
  cookie.same_site = cro_same_site_of(same_site);
  if (same_site.len > 0 && cookie.same_site == CRO_SAME_SITE_UNSET)
    return refuse(L, "same_site must be \"Strict\", \"Lax\" or \"None\"");
  rc = cro_set_cookie_write(&cookie, scratch);
  if (rc == CRO_E_INVAL)
    return refuse(L, cro_set_cookie_fault(&cookie));
  if (rc != 0)
    return luaL_error(L, "%s", cro_err_text(rc));
  lcro_pushbytes(L, cro_buf_bytes(scratch));
  lcro_scratch_done(scratch);
  return 1;
}

void lcro_open_url(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "media_parse", l_core_media_parse },
    { "media_quote", l_core_media_quote },
    { "cookie_format", l_core_cookie_format },
    { NULL, NULL },
  };

  luaL_register(L, NULL, functions);
}
