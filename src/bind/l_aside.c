/* l_aside.c - core.aside(seconds, fn): what may be done when there is time. */
#include "bind/fiber.h"

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  int fn;
} aside_box;

static const char key[] = "cro.aside";

static int aside_open(lua_State *L, lcro_entry *entry)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, ((aside_box *)entry)->fn);
  return 1;
}

static void aside_left(lua_State *L, lcro_entry *entry, bool failed)
{
  (void)L;
  (void)entry;
  (void)failed;
}

static const lcro_entry_ops aside_ops = { .open = aside_open, .left = aside_left };

/* One that waits inside, against the rule, is not entered twice. */
static void on_due(void *arg)
{
  aside_box *box = arg;

  if (box->entry.fiber == NULL)
    (void)lcro_fiber_deliver(box->app, &box->entry);
}

/* The state's end: the loop outlives it. */
static int l_aside_gc(lua_State *L)
{
  aside_box *box = luaL_checkudata(L, 1, key);

  if (box->app != NULL)
    cro_loop_aside(box->app->loop, 0, NULL, NULL);
  return 0;
}

/* The one box of the state, which lives as long. */
static aside_box *box_of(lua_State *L, lcro_app *app)
{
  aside_box *box;

  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  box = lua_touserdata(L, -1);
  if (box != NULL)
    return box;
  box = lua_newuserdata(L, sizeof *box);
  *box = (aside_box){ .fn = LUA_NOREF };
  lcro_entry_init(&box->entry, &aside_ops);
  luaL_getmetatable(L, key);
  lua_setmetatable(L, -2);
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  box->app = app;
  return box;
}

/* core.aside(seconds, fn): fn, which must not wait, is called once, on a fiber, about
 * so many real seconds later. The program does not go on for its sake. A later call
 * takes its place. */
static int l_core_aside(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "what is done aside");
  lua_Number seconds = luaL_checknumber(L, 1);
  aside_box *box;
  int fn;

  luaL_checktype(L, 2, LUA_TFUNCTION);
  luaL_argcheck(L, seconds >= 0 && seconds < 1e6, 1, "seconds expected");
  if (app->closing)
    return 0;
  box = box_of(L, app);
  fn = lcro_anchor(L, 2);
  lcro_release(L, &box->fn);
  box->fn = fn;
  cro_loop_aside(app->loop, (uint64_t)(seconds * 1000), on_due, box);
  return 0;
}

void lcro_open_aside(lua_State *L)
{
  static const luaL_Reg none[] = { { NULL, NULL } };

  lcro_class(L, key, none, l_aside_gc);
  lua_pushcfunction(L, l_core_aside);
  lua_setfield(L, -2, "aside");
}
