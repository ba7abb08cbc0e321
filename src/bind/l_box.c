/* l_box.c - the three kinds of userdata a script holds of an exchange.
 *
 * Boxes of a server's exchange need no finaliser: they are emptied when it is
 * settled, and whatever might be collected earlier is anchored until then. Boxes of
 * other exchanges are finalised, since they are what keeps those alive.
 */
#include "bind/exchange.h"

#include <stddef.h>

static const char *const names[LCRO_BOX_KINDS] = { "context", "request", "response" };
static const char *const shown[LCRO_BOX_KINDS] = { "c", "request", "response" };
static char tags[LCRO_BOX_KINDS]; /* their addresses tell the kinds */
static char cache_key; /* registry: weak table, address of a box -> the box */

/* --- making and finding --------------------------------------------------------------
 */

lcro_box *lcro_test_box(lua_State *L, int index, lcro_box_kind kind)
{
  lcro_box *box = lua_touserdata(L, index);

  if (box == NULL || lua_objlen(L, index) != sizeof *box || box->tag != &tags[kind])
    return NULL;
  return box;
}

lcro_exchange *lcro_check_box(lua_State *L, int index, lcro_box_kind kind,
                              const char *what)
{
  lcro_box *box = lcro_test_box(L, index, kind);

  if (box == NULL) {
    luaL_error(L, "%s:%s: a %s expected, got %s (call it with a colon)", shown[kind],
               what, names[kind], luaL_typename(L, index));
    return NULL;
  }
  if (box->exchange == NULL)
    luaL_error(L, "%s.%s used after its request has ended", shown[kind], what);
  return box->exchange;
}

static lcro_box *push_new(lua_State *L, lcro_exchange *x, lcro_box_kind kind)
{
  lcro_box *box = lua_newuserdata(L, sizeof *box);

  *box = (lcro_box){ .tag = &tags[kind], .exchange = x };
  lua_rawgeti(L, LUA_REGISTRYINDEX, x->app->box_class[kind][x->scripted]);
  lua_setmetatable(L, -2);
  return box;
}

/* Made before it is known anywhere, so that running out of memory leaves nothing. */
static void push_scripted(lua_State *L, lcro_exchange *x, lcro_box_kind kind)
{
  lcro_box *box;

  lua_pushlightuserdata(L, &cache_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (x->boxes[kind] != NULL) {
    lua_pushlightuserdata(L, x->boxes[kind]);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return;
  }
  box = push_new(L, x, kind);
  lua_pushlightuserdata(L, box);
  lua_pushvalue(L, -2);
  lua_rawset(L, -4);
  lua_remove(L, -2);
  box->holds = true;
  lcro_exchange_hold(x);
  x->boxes[kind] = box;
}

void lcro_push_box(lua_State *L, lcro_exchange *x, lcro_box_kind kind)
{
  lcro_box *box;

  if (x->scripted) {
    push_scripted(L, x, kind);
    return;
  }
  if (x->refs[kind] != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->refs[kind]);
    return;
  }
  box = push_new(L, x, kind);
  if (kind != LCRO_CONTEXT)
    x->refs[kind] = lcro_anchor(L, -1);
  x->boxes[kind] = box;
}

void lcro_keep_context(lua_State *L, lcro_exchange *x, int index)
{
  if (!x->scripted && x->refs[LCRO_CONTEXT] == LUA_NOREF)
    x->refs[LCRO_CONTEXT] = lcro_anchor(L, index);
}

void lcro_leave_context(lcro_exchange *x)
{
  if (x->scripted || x->refs[LCRO_CONTEXT] != LUA_NOREF ||
      x->boxes[LCRO_CONTEXT] == NULL)
    return;
  x->boxes[LCRO_CONTEXT]->exchange = NULL;
  x->boxes[LCRO_CONTEXT] = NULL;
}

void lcro_empty_boxes(lua_State *L, lcro_exchange *x)
{
  for (int kind = 0; kind < LCRO_BOX_KINDS; kind++) {
    if (x->boxes[kind] != NULL)
      x->boxes[kind]->exchange = NULL;
    x->boxes[kind] = NULL;
    lcro_release(L, &x->refs[kind]);
  }
}

/* --- fields
 * --------------------------------------------------------------------------- */

/* Upvalues of the metamethods: methods, fields (name -> lcro_field *), lazy, kind. */
enum { up_methods = 1, up_fields, up_lazy, up_kind };

static const lcro_field *find_field(lua_State *L)
{
  const lcro_field *field;

  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(up_fields));
  field = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return field;
}

static lcro_exchange *check_self(lua_State *L)
{
  lcro_box_kind kind = (lcro_box_kind)lua_tointeger(L, lua_upvalueindex(up_kind));
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "[...]";

  return lcro_check_box(L, 1, kind, key);
}

static void store(lua_State *L, int key, int value)
{
  lcro_box *box = lua_touserdata(L, 1);

  if (!box->stored) {
    lua_newtable(L);
    lua_setfenv(L, 1);
    box->stored = true;
  }
  lua_getfenv(L, 1);
  lua_pushvalue(L, key);
  lua_pushvalue(L, value);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

static int index_lazily(lua_State *L)
{
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(up_lazy));
  if (!lua_isfunction(L, -1))
    return 0;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  if (!lua_isnil(L, -1))
    store(L, 2, lua_gettop(L));
  return 1;
}

static int l_box_index(lua_State *L)
{
  const lcro_field *field;
  lcro_exchange *x;
  lcro_box *box;

  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(up_methods));
  if (!lua_isnil(L, -1))
    return 1; /* the method itself refuses an emptied box */
  x = check_self(L);
  field = find_field(L);
  if (field != NULL)
    return field->get(L, x);
  box = lua_touserdata(L, 1);
  if (!box->stored)
    return index_lazily(L);
  lua_getfenv(L, 1);
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return lua_isnil(L, -1) ? index_lazily(L) : 1;
}

static int l_box_newindex(lua_State *L)
{
  const lcro_field *field;
  lcro_exchange *x = check_self(L);

  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(up_methods));
  if (!lua_isnil(L, -1))
    return luaL_error(L, "'%s' is a method and can't be assigned to",
                      lua_tostring(L, 2));
  field = find_field(L);
  if (field == NULL) {
    store(L, 2, 3);
    return 0;
  }
  if (field->set == NULL)
    return luaL_error(L, "'%s' is read-only", field->name);
  field->set(L, x, 3);
  return 0;
}

static int l_box_gc(lua_State *L)
{
  lcro_box *box = lua_touserdata(L, 1);
  lcro_exchange *x = box->exchange;

  if (x == NULL)
    return 0;
  box->exchange = NULL;
  for (int kind = 0; kind < LCRO_BOX_KINDS; kind++)
    if (x->boxes[kind] == box)
      x->boxes[kind] = NULL;
  if (box->holds)
    lcro_exchange_drop(L, x);
  return 0;
}

static int l_box_tostring(lua_State *L)
{
  lcro_box_kind kind = (lcro_box_kind)lua_tointeger(L, lua_upvalueindex(up_kind));
  const lcro_box *box = lcro_test_box(L, 1, kind);
  lcro_exchange *x = box != NULL ? box->exchange : NULL;

  if (x == NULL) {
    lua_pushfstring(L, "%s (ended)", names[kind]);
    return 1;
  }
  lua_pushfstring(L, "%s: ", names[kind]);
  if (kind == LCRO_RESPONSE) {
    lua_pushinteger(L, x->response->status);
  } else {
    lcro_pushbytes(L, cro_method_name(x->request->method));
    lua_pushliteral(L, " ");
    lcro_pushbytes(L, x->request->target);
  }
  lua_concat(L, lua_gettop(L) - 1);
  return 1;
}

/* core.kind(value) -> "context", "request", "response" or nil */
int lcro_l_kind(lua_State *L)
{
  for (int kind = 0; kind < LCRO_BOX_KINDS; kind++)
    if (lcro_test_box(L, 1, (lcro_box_kind)kind) != NULL) {
      lua_pushstring(L, names[kind]);
      return 1;
    }
  return 0;
}

/* --- classes
 * ---------------------------------------------------------------------------- */

/* The stack: core, methods, fields, lazy. Adds a metamethod over them to the table on
 * top. */
static void add_metamethod(lua_State *L, const char *name, lua_CFunction fn, int first,
                           lcro_box_kind kind)
{
  lua_pushvalue(L, first);
  lua_pushvalue(L, first + 1);
  lua_pushvalue(L, first + 2);
  lua_pushinteger(L, kind);
  lua_pushcclosure(L, fn, 4);
  lua_setfield(L, -2, name);
}

static void add_metatable(lua_State *L, int first, lcro_box_kind kind, int collected)
{
  lua_newtable(L);
  add_metamethod(L, "__index", l_box_index, first, kind);
  add_metamethod(L, "__newindex", l_box_newindex, first, kind);
  add_metamethod(L, "__tostring", l_box_tostring, first, kind);
  lua_pushstring(L, names[kind]);
  lua_setfield(L, -2, "__name");
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  if (collected) {
    lua_pushcfunction(L, l_box_gc);
    lua_setfield(L, -2, "__gc");
  }
  lcro_app_of(L)->box_class[kind][collected] = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void push_member(lua_State *L, int core, const char *table, lcro_box_kind kind)
{
  lua_getfield(L, core, table);
  lua_getfield(L, -1, names[kind]);
  lua_remove(L, -2);
}

static void make_cache(lua_State *L)
{
  lua_pushlightuserdata(L, &cache_key);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

void lcro_box_class(lua_State *L, lcro_box_kind kind, const luaL_Reg *methods,
                    const lcro_field *fields)
{
  int core = lua_gettop(L);

  if (kind == LCRO_CONTEXT)
    make_cache(L);
  push_member(L, core, "methods", kind);
  luaL_register(L, NULL, methods);
  lua_newtable(L);
  for (; fields->name != NULL; fields++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)fields);
    lua_setfield(L, -2, fields->name);
  }
  push_member(L, core, "lazy", kind);
  add_metatable(L, core + 1, kind, 0);
  add_metatable(L, core + 1, kind, 1);
  lua_settop(L, core);
}
