#include "bind/pairs.h"

#include "http/cookie.h"
#include "http/query.h"

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

/* --- queries and cookies
 * ----------------------------------------------------------------- */

static int refuse(lua_State *L, const char *reason)
{
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

/* Appends a decoded part to the list on top; false when it is malformed. */
static bool add_part(lua_State *L, const cro_query *query, cro_bytes part, char *room,
                     int at)
{
  if (cro_query_decode(query, part, room, &part) != 0)
    return false;
  lcro_pushbytes(L, part);
  lua_rawseti(L, -2, at);
  return true;
}

int lcro_push_query_pairs(lua_State *L, cro_bytes text, uint64_t max)
{
  cro_query query = cro_query_of(text, max);
  cro_query_pair pair;
  char *room = NULL;
  int at = 0, rc;

  if (!query.plain)
    room = lua_newuserdata(L, text.len); /* stays below the list: Lua frees it */
  lua_newtable(L);
  while ((rc = cro_query_next(&query, &pair)) == 1) {
    if (!add_part(L, &query, pair.key, room, ++at) ||
        !add_part(L, &query, pair.value, room, ++at))
      return refuse(L, "malformed percent-encoding in the query");
  }
  return rc == 0 ? 1 : refuse(L, "too many query parameters");
}

int lcro_push_cookie_pairs(lua_State *L, const cro_headers *headers, uint64_t max)
{
  cro_cookies cookies = cro_cookies_of(headers, max);
  cro_cookie cookie;
  int at = 0, rc;

  lua_newtable(L);
  while ((rc = cro_cookies_next(&cookies, &cookie)) == 1) {
    lcro_pushbytes(L, cookie.name);
    lua_rawseti(L, -2, ++at);
    lcro_pushbytes(L, cookie.value);
    lua_rawseti(L, -2, ++at);
  }
  return rc == 0 ? 1 : refuse(L, "too many cookies");
}
