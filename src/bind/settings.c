/* The bounds of HTTP in tables of options. */
#include "bind/server.h"

static uint64_t opt_count(lua_State *L, int table, const char *key, uint64_t none,
                          lua_Number unit)
{
  lua_Number value = lcro_opt_number(L, table, key, -1);

  if (value < 0)
    return none;
  if (value * unit >= 9e18)
    return UINT64_MAX;
  return (uint64_t)(value * unit);
}

void lcro_default_settings(lcro_http_settings *settings)
{
  settings->limits = cro_http_limits_default;
  settings->timeouts = cro_http_timeouts_default;
  settings->h2 = cro_h2_limits_default;
}

static void read_limits(lua_State *L, int table, cro_http_limits *limits)
{
#define READ_LIMIT(name, value, stops)                                                 \
  limits->name = opt_count(L, table, #name, limits->name, 1);
  CRO_HTTP_LIMITS(READ_LIMIT)
#undef READ_LIMIT
}

static void read_timeouts(lua_State *L, int table, cro_http_timeouts *timeouts)
{
#define READ_TIMEOUT(name, value, stops)                                               \
  timeouts->name = opt_count(L, table, #name, timeouts->name, 1000);
  CRO_HTTP_TIMEOUTS(READ_TIMEOUT)
#undef READ_TIMEOUT
}

static void read_h2(lua_State *L, int table, cro_h2_limits *h2)
{
#define READ_LIMIT(name, value, stops)                                                 \
  h2->name = opt_count(L, table, #name, h2->name, 1);
  CRO_H2_LIMITS(READ_LIMIT)
#undef READ_LIMIT
}

void lcro_read_settings(lua_State *L, int index, lcro_http_settings *settings)
{
  int top = lua_gettop(L);

  lua_getfield(L, index, "limits");
  if (lua_istable(L, top + 1))
    read_limits(L, top + 1, &settings->limits);
  lua_getfield(L, index, "timeouts");
  if (lua_istable(L, top + 2))
    read_timeouts(L, top + 2, &settings->timeouts);
  lua_getfield(L, index, "h2");
  if (lua_istable(L, top + 3))
    read_h2(L, top + 3, &settings->h2);
  lua_settop(L, top);
}
