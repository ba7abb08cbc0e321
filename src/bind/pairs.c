#include "bind/pairs.h"

#include "base/text.h"

/* --- headers
 * ----------------------------------------------------------------------------- */

/* Upvalues: the flat list, the index of the last name given. */
static int l_next_header(lua_State *L)
{
  int at = (int)lua_tointeger(L, lua_upvalueindex(2)) + 1;

  lua_pushinteger(L, at + 1);
  lua_replace(L, lua_upvalueindex(2));
  lua_rawgeti(L, lua_upvalueindex(1), at);
  lua_rawgeti(L, lua_upvalueindex(1), at + 1);
  return 2;
}

int lcro_push_header_iterator(lua_State *L, const cro_headers *headers)
{
  lua_createtable(L, (int)headers->count * 2, 0);
  for (uint32_t i = 0; i < headers->count; i++) {
    lcro_pushbytes(L, headers->at[i].name);
    lua_rawseti(L, -2, (int)i * 2 + 1);
    lcro_pushbytes(L, headers->at[i].value);
    lua_rawseti(L, -2, (int)i * 2 + 2);
  }
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, l_next_header, 2);
  return 1;
}

/* --- queries
 * ------------------------------------------------------------------------------ */

static int refuse(lua_State *L, const char *reason)
{
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

/* Pushes the decoded text; false (nothing pushed) when it is malformed. The room lives
 * on the Lua stack, below the result. */
static bool push_decoded(lua_State *L, cro_bytes text)
{
  size_t len;
  char *room;

  if (!cro_percent_needed(text, CRO_PERCENT_PLUS)) {
    lcro_pushbytes(L, text);
    return true;
  }
  room = lua_newuserdata(L, text.len);
  if (cro_percent_decode(text, CRO_PERCENT_PLUS | CRO_PERCENT_TEXT, room, &len) != 0) {
    lua_pop(L, 1);
    return false;
  }
  lua_pushlstring(L, room, len);
  lua_remove(L, -2);
  return true;
}

/* Takes "key=value" off the front of `query`; both stay encoded. */
static void take_pair(cro_bytes *query, cro_bytes *key, cro_bytes *value)
{
  cro_bytes pair = cro_bytes_take(query, cro_bytes_find(*query, '&'));

  (void)cro_bytes_take(query, 1); /* the '&' */
  *key = cro_bytes_take(&pair, cro_bytes_find(pair, '='));
  (void)cro_bytes_take(&pair, 1);
  *value = pair;
}

int lcro_push_query_pairs(lua_State *L, cro_bytes query, uint64_t max)
{
  uint64_t count = 0;
  int at = 0;

  lua_newtable(L);
  while (query.len > 0) {
    cro_bytes key, value;

    take_pair(&query, &key, &value);
    if (key.len == 0 && value.len == 0)
      continue; /* "a=1&&b=2" */
    if (++count > max)
      return refuse(L, "too many query parameters");
    if (!push_decoded(L, key))
      return refuse(L, "malformed percent-encoding in the query");
    lua_rawseti(L, -2, ++at);
    if (!push_decoded(L, value))
      return refuse(L, "malformed percent-encoding in the query");
    lua_rawseti(L, -2, ++at);
  }
  return 1;
}

/* --- cookies
 * ------------------------------------------------------------------------------- */

/* RFC 6265 4.1.1: no controls, blanks, quotes, commas, semicolons, backslashes. */
static bool cookie_value_ok(cro_bytes value)
{
  for (size_t i = 0; i < value.len; i++) {
    unsigned char byte = (unsigned char)value.at[i];

    if (byte <= 0x20 || byte >= 0x7f || byte == '"' || byte == ',' || byte == '\\')
      return false;
  }
  return true;
}

static cro_bytes unquote(cro_bytes value)
{
  if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
    return (cro_bytes){ value.at + 1, value.len - 2 };
  return value;
}

/* Bad cookies are skipped, as browsers' neighbours set them; the rest still counts. */
static void add_cookies(lua_State *L, cro_bytes field, int *at)
{
  while (field.len > 0) {
    cro_bytes value = cro_bytes_take(&field, cro_bytes_find(field, ';'));
    cro_bytes name = cro_bytes_take(&value, cro_bytes_find(value, '='));
    bool has_value = value.len > 0;

    (void)cro_bytes_take(&field, 1);
    (void)cro_bytes_take(&value, 1);
    name = cro_bytes_trim(name);
    value = unquote(cro_bytes_trim(value));
    if (!has_value || !cro_text_is_token(name) || !cookie_value_ok(value))
      continue;
    lcro_pushbytes(L, name);
    lua_rawseti(L, -2, ++*at);
    lcro_pushbytes(L, value);
    lua_rawseti(L, -2, ++*at);
  }
}

int lcro_push_cookie_pairs(lua_State *L, const cro_headers *headers, uint64_t max)
{
  const cro_header *header;
  uint32_t from = 0;
  int at = 0;

  lua_newtable(L);
  while ((header = cro_headers_next(headers, CRO_B("Cookie"), &from)) != NULL) {
    add_cookies(L, header->value, &at);
    if ((uint64_t)at / 2 > max)
      return refuse(L, "too many cookies");
  }
  return 1;
}
