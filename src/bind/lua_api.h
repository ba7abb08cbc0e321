/* bind/lua_api.h - what every binding file shares: Lua's headers and small helpers.
 *
 * Only src/bind sees lua.h. A Lua-callable function is `static int l_<noun>_<verb>`;
 * a helper shared by bindings is `lcro_*`. A function here that may raise a Lua
 * error says so; never call one while holding a resource nothing else frees.
 */
#ifndef CRO_BIND_LUA_API_H
#define CRO_BIND_LUA_API_H

#include "base/buf.h"
#include "base/err.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* May raise: out of memory. */
static inline void lcro_pushbytes(lua_State *L, cro_bytes bytes)
{
  lua_pushlstring(L, bytes.len > 0 ? bytes.at : "", bytes.len);
}

/* A string (or number) argument; lives while it is on the stack. May raise. */
static inline cro_bytes lcro_checkbytes(lua_State *L, int index)
{
  cro_bytes bytes;

  bytes.at = luaL_checklstring(L, index, &bytes.len);
  return bytes;
}

/* Pushes the error table { kind, code, message, op, address } for a cro_err, with
 * the metatable scripts know (cro.errors). `op` names what was tried ("connect"),
 * `address` may be empty. May raise: out of memory. */
void lcro_push_error(lua_State *L, int code, const char *op, cro_bytes address);

/* nil, error: the two results of something the network refused. */
int lcro_fail(lua_State *L, int code, const char *op, cro_bytes address);

/* Registers a userdata class: metatable `name` with methods as __index and gc as
 * __gc (NULL: none). Leaves nothing on the stack. */
void lcro_class(lua_State *L, const char *name, const luaL_Reg *methods,
                lua_CFunction gc);

/* Options in a table at `index`: the field or a default. Raise on a wrong type. */
cro_bytes lcro_opt_bytes(lua_State *L, int index, const char *key, cro_bytes none);
lua_Number lcro_opt_number(lua_State *L, int index, const char *key, lua_Number none);
bool lcro_opt_bool(lua_State *L, int index, const char *key, bool none);

/* Anchors the value at `index` in the registry; pops nothing. LUA_NOREF is never
 * returned. */
int lcro_anchor(lua_State *L, int index);
/* Lets it go and sets *ref to LUA_NOREF; harmless twice. */
void lcro_release(lua_State *L, int *ref);

#endif
