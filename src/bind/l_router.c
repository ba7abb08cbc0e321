/* l_router.c - core.router(): building the trie, and the slow way through it. */
#include "bind/router.h"

#include "base/text.h"
#include "http/url.h"

static const char class[] = "cro.router";

typedef struct {
  cro_router *router;
} router_box;

cro_router *lcro_check_router(lua_State *L, int index)
{
  return ((router_box *)luaL_checkudata(L, index, class))->router;
}

/* --- captures
 * --------------------------------------------------------------------------- */

/* Pushes the percent-decoded text. A path holds at most 8 KiB, so does this. */
static void push_decoded(lua_State *L, cro_bytes encoded)
{
  luaL_Buffer text;
  size_t at = cro_bytes_find(encoded, '%');

  if (at == encoded.len) {
    lcro_pushbytes(L, encoded);
    return;
  }
  luaL_buffinit(L, &text);
  while (encoded.len > 0) {
    luaL_addlstring(&text, encoded.at, at);
    (void)cro_bytes_take(&encoded, at);
    if (encoded.len >= 3) {
      luaL_addchar(&text, (char)(cro_hex_digit(encoded.at[1]) << 4 |
                                 cro_hex_digit(encoded.at[2])));
      (void)cro_bytes_take(&encoded, 3);
    }
    at = cro_bytes_find(encoded, '%');
  }
  luaL_pushresult(&text);
}

static void push_slurpy(lua_State *L, cro_bytes rest)
{
  cro_path path = cro_path_of_rest(rest);
  cro_bytes segment;
  int count = 0;

  lua_newtable(L);
  while (cro_path_next(&path, &segment)) {
    push_decoded(L, segment);
    lua_rawseti(L, -2, ++count);
  }
}

static void push_typed(lua_State *L, const cro_segment_type *type, cro_bytes text)
{
  cro_segment_value value = cro_segment_type_value(type, text);

  if (value.kind == CRO_VALUE_NUMBER)
    lua_pushnumber(L, value.number);
  else if (value.kind == CRO_VALUE_BOOL)
    lua_pushboolean(L, value.truth);
  else
    push_decoded(L, text);
}

int lcro_push_captures(lua_State *L, const cro_route_match *match)
{
  if (match->count == 0)
    return 0;
  luaL_checkstack(L, CRO_ROUTE_CAPTURES + 4, "captures");
  for (uint32_t i = 0; i < match->count; i++) {
    cro_bytes text = match->captures[i].text;

    if (match->captures[i].kind == CRO_SEGMENT_SLURPY)
      push_slurpy(L, text);
    else if (text.at == NULL)
      lua_pushnil(L);
    else if (match->captures[i].type != NULL)
      push_typed(L, match->captures[i].type, text);
    else
      push_decoded(L, text);
  }
  return (int)match->count;
}

/* --- building
 * ------------------------------------------------------------------------------ */

static cro_segment_kind check_kind(lua_State *L, const char *name)
{
  static const char *const kinds[] = { "literal", "typed", "custom", "any", "slurpy" };

  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (name != NULL && strcmp(name, kinds[i]) == 0)
      return (cro_segment_kind)i;
  luaL_error(L, "router:add: '%s' is no kind of segment", name != NULL ? name : "nil");
  return CRO_SEGMENT_ANY;
}

/* The segment table on top of the stack. Its strings live in the table. */
static cro_segment check_segment(lua_State *L)
{
  cro_segment segment = { .kind = CRO_SEGMENT_ANY };
  int at = lua_gettop(L);

  luaL_checktype(L, at, LUA_TTABLE);
  lua_getfield(L, at, "kind");
  segment.kind = check_kind(L, lua_tostring(L, -1));
  lua_pop(L, 1);
  segment.text = lcro_opt_bytes(L, at, "text", CRO_B(""));
  segment.optional = lcro_opt_bool(L, at, "optional", false);
  if (segment.kind == CRO_SEGMENT_TYPED) {
    cro_bytes type = lcro_opt_bytes(L, at, "type", CRO_B(""));

    segment.type = cro_segment_type_find(type);
    if (segment.type == NULL)
      luaL_error(L, "router:add: no built-in type '%s'", type.at);
  }
  return segment;
}

/* router:add(method, segments, number, conditional) -> true, or nil, clashing number */
static int l_router_add(lua_State *L)
{
  cro_router *router = lcro_check_router(L, 1);
  cro_method method = cro_method_find(lcro_checkbytes(L, 2));
  cro_segment segments[CRO_ROUTE_SEGMENTS];
  uint32_t clash = 0;
  size_t count;
  int rc;

  luaL_checktype(L, 3, LUA_TTABLE);
  count = lua_objlen(L, 3);
  if (method == CRO_METHOD_NONE)
    return luaL_error(L, "router:add: '%s' is no known method", lua_tostring(L, 2));
  if (count > CRO_ROUTE_SEGMENTS)
    return luaL_error(L, "router:add: more than %d segments", CRO_ROUTE_SEGMENTS);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 3, (int)i + 1);
    segments[i] = check_segment(L);
    lua_pop(L, 1);
  }
  rc =
      cro_router_add(router, method, segments, count, (uint32_t)luaL_checkinteger(L, 4),
                     lua_toboolean(L, 5) != 0, &clash);
  if (rc == CRO_E_EXISTS) {
    lua_pushnil(L);
    lua_pushnumber(L, clash);
    return 2;
  }
  if (rc != 0)
    return luaL_error(L, "router:add: %s", cro_err_text(rc));
  lua_pushboolean(L, 1);
  return 1;
}

/* router:types() -> { int = true, ... } */
static int l_router_types(lua_State *L)
{
  const cro_segment_type *type;

  (void)lcro_check_router(L, 1);
  lua_newtable(L);
  for (size_t i = 0; (type = cro_segment_type_at(i)) != NULL; i++) {
    lcro_pushbytes(L, cro_segment_type_name(type));
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
  }
  return 1;
}

/* --- candidates
 * ---------------------------------------------------------------------------- */

typedef struct {
  lua_State *L;
  cro_method method;
  bool all;
  int count;
} walk;

static bool fits(const walk *self, cro_method method)
{
  return self->all || method == self->method ||
         (self->method == CRO_HEAD && method == CRO_GET);
}

static bool add_candidate(void *arg, cro_method method, bool conditional,
                          const cro_route_match *match)
{
  walk *self = arg;
  lua_State *L = self->L;
  int n;

  (void)conditional;
  if (!fits(self, method))
    return false;
  lua_createtable(L, (int)match->count + 1, 1);
  lua_pushnumber(L, match->route);
  lua_rawseti(L, -2, 1);
  n = lcro_push_captures(L, match);
  for (int i = n; i > 0; i--)
    lua_rawseti(L, -1 - i, i + 1);
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  lua_rawseti(L, -2, ++self->count);
  return false;
}

static void push_allowed(lua_State *L, uint64_t allowed)
{
  char text[CRO_ALLOW_MAX];

  if (allowed == 0)
    lua_pushnil(L);
  else
    lcro_pushbytes(L, cro_router_allow_text(allowed, text));
}

/* router:candidates(c [, all]) -> list, allowed; or nil, nil, 400 */
static int l_router_candidates(lua_State *L)
{
  cro_router *router = lcro_check_router(L, 1);
  lcro_exchange *x = lcro_check_box(L, 2, LCRO_CONTEXT, "candidates");
  walk self = { .L = L, .method = x->request->method, .all = lua_toboolean(L, 3) != 0 };

  lua_newtable(L);
  if (!cro_router_walk(router, x->request->path, add_candidate, &self)) {
    x->request->keep_alive = false; /* as the server's own answer has it */
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushinteger(L, 400);
    return 3;
  }
  push_allowed(L, cro_router_allowed(router, x->request->path));
  return 2;
}

/* router:find(method, path) -> number, captures... ; or nil, 404|405|400, allowed */
static int l_router_find(lua_State *L)
{
  cro_router *router = lcro_check_router(L, 1);
  cro_method method = cro_method_find(lcro_checkbytes(L, 2));
  cro_route_match match;
  uint64_t allowed = 0;
  int found = cro_router_find(router, method, lcro_checkbytes(L, 3), &match, &allowed);

  if (found > 0) {
    lua_pushnumber(L, match.route);
    return 1 + lcro_push_captures(L, &match);
  }
  lua_pushnil(L);
  lua_pushinteger(L, found == 0 ? 404 : found == CRO_ROUTE_METHOD ? 405 : 400);
  push_allowed(L, found == CRO_ROUTE_METHOD ? allowed : 0);
  return 3;
}

static int l_router_gc(lua_State *L)
{
  router_box *box = lua_touserdata(L, 1);

  cro_router_destroy(box->router);
  box->router = NULL;
  return 0;
}

static const luaL_Reg methods[] = {
  { "add", l_router_add },
  { "types", l_router_types },
  { "candidates", l_router_candidates },
  { "find", l_router_find },
  { NULL, NULL },
};

/* core.router() */
static int l_core_router(lua_State *L)
{
  router_box *box = lua_newuserdata(L, sizeof *box);

  box->router = NULL;
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  if (cro_router_create(&box->router) != 0)
    return luaL_error(L, "not enough memory");
  return 1;
}

void lcro_open_router(lua_State *L)
{
  lcro_class(L, class, methods, l_router_gc);
  lua_pushcfunction(L, l_core_router);
  lua_setfield(L, -2, "router");
}
