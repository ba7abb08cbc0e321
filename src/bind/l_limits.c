/* l_limits.c - core.limit_memory and core.limit_connections: bounds of the process. */
#include "bind/core.h"
#include "bind/memory.h"

enum { kept_free = 64 }; /* descriptors that are no connections */

/* core.limit_memory([bytes]) -> used, limit: of the Lua heap; nothing when the state is
 * another program's. */
static int l_limit_memory(lua_State *L)
{
  lcro_memory *memory = lcro_app_of(L)->memory;
  lua_Number limit = luaL_optnumber(L, 1, 0);

  if (memory == NULL)
    return 0;
  if (limit >= 1 && limit < 1e15)
    lcro_memory_set_limit(memory, (size_t)limit);
  lua_pushnumber(L, (lua_Number)memory->used);
  lua_pushnumber(L, (lua_Number)memory->limit);
  return 2;
}

/* core.limit_connections(count) -> what holds: no more than there can be descriptors.
 */
static int l_limit_connections(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "cro.limits");
  lua_Number wanted = luaL_checknumber(L, 1);
  uint64_t count = wanted >= 1 && wanted < 1e9 ? (uint64_t)wanted : 1;
  uint64_t files = cro_net_files(count + kept_free);

  if (count + kept_free > files)
    count = files > kept_free ? files - kept_free : 1;
  cro_loop_limit_accepted(app->loop, count);
  lua_pushnumber(L, (lua_Number)count);
  return 1;
}

void lcro_open_limits(lua_State *L)
{
  lua_pushcfunction(L, l_limit_memory);
  lua_setfield(L, -2, "limit_memory");
  lua_pushcfunction(L, l_limit_connections);
  lua_setfield(L, -2, "limit_connections");
}
