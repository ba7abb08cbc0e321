#include "bind/lua_api.h"

static const char error_metatable[] = "cro.error";

void lcro_push_error(lua_State *L, int code, const char *op, cro_bytes address)
{
  lua_createtable(L, 0, 5);
  lua_pushstring(L, cro_err_kind(code));
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, op);
  lua_setfield(L, -2, "op");
  if (address.len > 0) {
    lcro_pushbytes(L, address);
    lua_pushfstring(L, "%s %s: %s", op, lua_tostring(L, -1), cro_err_text(code));
    lua_setfield(L, -3, "message");
    lua_setfield(L, -2, "address");
  } else {
    lua_pushfstring(L, "%s: %s", op, cro_err_text(code));
    lua_setfield(L, -2, "message");
  }
  lua_getfield(L, LUA_REGISTRYINDEX, error_metatable);
  if (lua_istable(L, -1))
    lua_setmetatable(L, -2);
  else
    lua_pop(L, 1);
}

int lcro_fail(lua_State *L, int code, const char *op, cro_bytes address)
{
  lua_pushnil(L);
  lcro_push_error(L, code, op, address);
  return 2;
}

void lcro_class(lua_State *L, const char *name, const luaL_Reg *methods,
                lua_CFunction gc)
{
  luaL_newmetatable(L, name);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_newtable(L);
  for (; methods->name != NULL; methods++) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, -2, methods->name);
  }
  lua_setfield(L, -2, "__index");
  if (gc != NULL) {
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

/* Leaves the field on the stack; false (and nothing left) when it is nil. */
static bool field(lua_State *L, int index, const char *key)
{
  lua_getfield(L, index, key);
  if (!lua_isnil(L, -1))
    return true;
  lua_pop(L, 1);
  return false;
}

static void wrong_type(lua_State *L, const char *key, const char *want)
{
  luaL_error(L, "option '%s': %s expected, got %s", key, want, luaL_typename(L, -1));
}

cro_bytes lcro_opt_bytes(lua_State *L, int index, const char *key, cro_bytes none)
{
  cro_bytes bytes;

  if (!field(L, index, key))
    return none;
  if (lua_type(L, -1) != LUA_TSTRING)
    wrong_type(L, key, "string");
  bytes.at = lua_tolstring(L, -1, &bytes.len);
  lua_pop(L, 1); /* the table still holds it */
  return bytes;
}

lua_Number lcro_opt_number(lua_State *L, int index, const char *key, lua_Number none)
{
  lua_Number number;

  if (!field(L, index, key))
    return none;
  if (lua_type(L, -1) != LUA_TNUMBER)
    wrong_type(L, key, "number");
  number = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return number;
}

bool lcro_opt_bool(lua_State *L, int index, const char *key, bool none)
{
  bool value;

  if (!field(L, index, key))
    return none;
  if (lua_type(L, -1) != LUA_TBOOLEAN)
    wrong_type(L, key, "boolean");
  value = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return value;
}

int lcro_anchor(lua_State *L, int index)
{
  lua_pushvalue(L, index);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void lcro_release(lua_State *L, int *ref)
{
  if (*ref == LUA_NOREF)
    return;
  luaL_unref(L, LUA_REGISTRYINDEX, *ref);
  *ref = LUA_NOREF;
}
