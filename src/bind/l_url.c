/* l_url.c - small grammars of HTTP for Lua: media types and Set-Cookie. */
#include "base/date.h"
#include "base/text.h"
#include "bind/core.h"
#include "bind/lua_api.h"
#include "http/headers.h"

#include <stdio.h>

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

static int refuse(lua_State *L, const char *reason)
{
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

/* Takes a quoted string off the front and pushes it unescaped; false when it does not
 * end. */
static bool push_quoted(lua_State *L, cro_bytes *rest)
{
  luaL_Buffer out;
  bool closed = false;

  (void)cro_bytes_take(rest, 1);
  luaL_buffinit(L, &out);
  while (rest->len > 0 && !closed) {
    char c = cro_bytes_take(rest, 1).at[0];

    if (c == '"') {
      closed = true;
      continue;
    }
    if (c == '\\' && rest->len > 0)
      c = cro_bytes_take(rest, 1).at[0];
    luaL_addchar(&out, c);
  }
  luaL_pushresult(&out);
  return closed;
}

static void skip_blanks(cro_bytes *rest)
{
  while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
    (void)cro_bytes_take(rest, 1);
}

/* One "name=value" into the table on top; false when it is malformed. */
static bool add_parameter(lua_State *L, cro_bytes *rest)
{
  cro_bytes name = cro_bytes_take(rest, cro_bytes_find(*rest, '='));

  if (rest->len < 2 || !cro_text_is_token(name))
    return false;
  (void)cro_bytes_take(rest, 1);
  push_lower(L, name);
  if (rest->at[0] == '"') {
    if (!push_quoted(L, rest))
      return false;
  } else {
    cro_bytes value = cro_bytes_trim(cro_bytes_take(rest, cro_bytes_find(*rest, ';')));

    if (!cro_text_is_token(value))
      return false;
    lcro_pushbytes(L, value);
  }
  lua_rawset(L, -3);
  return true;
}

static bool add_parameters(lua_State *L, cro_bytes rest)
{
  for (;;) {
    skip_blanks(&rest);
    if (rest.len == 0)
      return true;
    if (rest.at[0] != ';')
      return false;
    (void)cro_bytes_take(&rest, 1);
    skip_blanks(&rest);
    if (rest.len > 0 && rest.at[0] != ';' && !add_parameter(L, &rest))
      return false; /* a stray ';' is tolerated */
  }
}

/* core.media_parse(text) -> { type =, subtype =, parameters = }, or nil, reason. Type,
 * subtype and names in lower case. */
static int l_core_media_parse(lua_State *L)
{
  cro_bytes text = cro_bytes_trim(lcro_checkbytes(L, 1));
  size_t end = cro_bytes_find(text, ';');
  cro_bytes full = cro_bytes_trim((cro_bytes){ text.at, end });
  cro_bytes type = cro_bytes_take(&full, cro_bytes_find(full, '/'));

  if (full.len < 2)
    return refuse(L, "no '/' between type and subtype");
  (void)cro_bytes_take(&full, 1);
  if (!cro_text_is_token(type) || !cro_text_is_token(full))
    return refuse(L, "type and subtype must be tokens");
  lua_createtable(L, 0, 3);
  push_lower(L, type);
  lua_setfield(L, -2, "type");
  push_lower(L, full);
  lua_setfield(L, -2, "subtype");
  lua_newtable(L);
  if (!add_parameters(L, (cro_bytes){ text.at + end, text.len - end }))
    return refuse(L, "malformed parameter");
  lua_setfield(L, -2, "parameters");
  return 1;
}

/* --- Set-Cookie (RFC 6265 4.1)
 * --------------------------------------------------------------- */

static bool cookie_octets(cro_bytes value)
{
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.at[i];

    if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
      return false;
  }
  return true;
}

/* A Path or Domain: no control byte and no ';'. */
static bool attribute_ok(cro_bytes value)
{
  return cro_text_is_value(value) && cro_bytes_find(value, ';') == value.len;
}

static bool starts_with(cro_bytes text, cro_bytes head)
{
  return text.len >= head.len && memcmp(text.at, head.at, head.len) == 0;
}

static const char *prefix_fault(cro_bytes name, bool secure, cro_bytes domain,
                                cro_bytes path)
{
  if (starts_with(name, CRO_B("__Secure-")) && !secure)
    return "a cookie named __Secure-... must be secure";
  if (!starts_with(name, CRO_B("__Host-")))
    return NULL;
  if (secure && domain.len == 0 && cro_bytes_eq(path, CRO_B("/")))
    return NULL;
  return "a cookie named __Host-... must be secure, with path \"/\" and no domain";
}

static void add_text(luaL_Buffer *out, const char *label, cro_bytes value)
{
  luaL_addstring(out, label);
  luaL_addlstring(out, value.at, value.len);
}

typedef struct {
  cro_bytes name, value, domain, path, same_site;
  lua_Number expires, max_age;
  bool has_expires, has_max_age, secure, http_only;
} cookie;

static bool number_option(lua_State *L, const char *key, lua_Number *out)
{
  *out = lcro_opt_number(L, 3, key, -1e300);
  return *out > -1e299;
}

static const char *read_cookie(lua_State *L, cookie *self)
{
  self->name = lcro_checkbytes(L, 1);
  self->value = lcro_checkbytes(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  self->has_expires = number_option(L, "expires", &self->expires);
  self->has_max_age = number_option(L, "max_age", &self->max_age);
  self->domain = lcro_opt_bytes(L, 3, "domain", CRO_B(""));
  self->path = lcro_opt_bytes(L, 3, "path", CRO_B(""));
  self->same_site = lcro_opt_bytes(L, 3, "same_site", CRO_B(""));
  self->secure = lcro_opt_bool(L, 3, "secure", false);
  self->http_only = lcro_opt_bool(L, 3, "http_only", false);
  if (!cro_text_is_token(self->name))
    return "the name must be a token";
  if (!cookie_octets(self->value))
    return "the value has blanks, quotes, commas, semicolons, backslashes, controls or "
           "bytes above 0x7E; encode it first";
  if (!attribute_ok(self->domain) || !attribute_ok(self->path))
    return "path and domain must not have control characters or ';'";
  if (self->same_site.len > 0 && !cro_bytes_eq(self->same_site, CRO_B("Strict")) &&
      !cro_bytes_eq(self->same_site, CRO_B("Lax")) &&
      !cro_bytes_eq(self->same_site, CRO_B("None")))
    return "same_site must be \"Strict\", \"Lax\" or \"None\"";
  return prefix_fault(self->name, self->secure, self->domain, self->path);
}

/* core.cookie_format(name, value, options) -> text, or nil, reason. Order of
 * attributes: Expires, Max-Age, Domain, Path, Secure, HttpOnly, SameSite. */
static int l_core_cookie_format(lua_State *L)
{
  cookie self;
  const char *fault = read_cookie(L, &self);
  char text[64];
  luaL_Buffer out;

  if (fault != NULL)
    return refuse(L, fault);
  luaL_buffinit(L, &out);
  luaL_addlstring(&out, self.name.at, self.name.len);
  add_text(&out, "=", self.value);
  if (self.has_expires) {
    cro_date_format((int64_t)self.expires, text);
    add_text(&out, "; Expires=", (cro_bytes){ text, CRO_DATE_LENGTH });
  }
  if (self.has_max_age) {
    (void)snprintf(text, sizeof text, "; Max-Age=%.0f", self.max_age);
    luaL_addstring(&out, text);
  }
  if (self.domain.len > 0)
    add_text(&out, "; Domain=", self.domain);
  if (self.path.len > 0)
    add_text(&out, "; Path=", self.path);
  if (self.secure)
    luaL_addstring(&out, "; Secure");
  if (self.http_only)
    luaL_addstring(&out, "; HttpOnly");
  if (self.same_site.len > 0)
    add_text(&out, "; SameSite=", self.same_site);
  luaL_pushresult(&out);
  return 1;
}

void lcro_open_url(lua_State *L)
{
  lua_pushcfunction(L, l_core_media_parse);
  lua_setfield(L, -2, "media_parse");
  lua_pushcfunction(L, l_core_cookie_format);
  lua_setfield(L, -2, "cookie_format");
}
