/* l_clock.c - core.clock_*: the loop's clock stopped and moved by hand, for
 * cro.test.clock. */
#include "base/err.h"
#include "bind/outlet.h"
#include "net/clock.h"

#include <math.h>

static const char what[] = "cro.test.clock";

/* core.clock_stop() -> true; false when it is stopped already */
static int l_core_clock_stop(lua_State *L)
{
  lua_pushboolean(L, cro_clock_stop(lcro_app_running(L, what)->loop) == 0);
  return 1;
}

/* core.clock_resume(): time goes by itself again; harmless when it does */
static int l_core_clock_resume(lua_State *L)
{
  cro_clock_resume(lcro_app_running(L, what)->loop);
  return 0;
}

/* core.clock_passed() -> seconds since it was stopped; nil when it is not */
static int l_core_clock_passed(lua_State *L)
{
  const cro_loop *loop = lcro_app_running(L, what)->loop;

  if (!cro_clock_stopped(loop))
    return 0;
  lua_pushnumber(L, (lua_Number)cro_clock_passed(loop) / 1e9);
  return 1;
}

static void on_passed(void *arg, int err)
{
  lcro_callback *callback = arg;

  lcro_callback_fire(&callback, err);
}

/* core.clock_pass(seconds, fn(err or nil)): fn once they have passed and all is at
 * rest */
static int l_core_clock_pass(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, what);
  lua_Number seconds = luaL_checknumber(L, 1);
  lcro_callback *callback = lcro_callback_create(L, app, 2, "advance");
  int rc = CRO_E_INVAL;

  if (seconds >= 0 && seconds < 9e9)
    rc = cro_clock_pass(app->loop, (uint64_t)llround(seconds * 1e9), on_passed,
                        callback);
  if (rc < 0)
    lcro_callback_fire(&callback, rc);
  return 0;
}

/* core.clock_give_up(): the pass ends where it is, with an error "cancelled" */
static int l_core_clock_give_up(lua_State *L)
{
  cro_clock_give_up(lcro_app_running(L, what)->loop);
  return 0;
}

/* core.clock_jump(on): whenever all rests, time goes to the next timer by itself */
static int l_core_clock_jump(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  cro_clock_jump(lcro_app_running(L, what)->loop, lua_toboolean(L, 1) != 0);
  return 0;
}

static const luaL_Reg functions[] = {
  { "clock_stop", l_core_clock_stop },
  { "clock_resume", l_core_clock_resume },
  { "clock_passed", l_core_clock_passed },
  { "clock_pass", l_core_clock_pass },
  { "clock_give_up", l_core_clock_give_up },
  { "clock_jump", l_core_clock_jump },
  { NULL, NULL },
};

void lcro_open_clock(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
