/* l_timer.c - core.timer(seconds, fn): one call later, on the loop's wheel. */
#include "base/check.h"
#include "bind/fiber.h"

#include <stddef.h>

static const char class[] = "cro.timer";
static const lua_Number longest = 4e9; /* seconds; 126 years */

typedef struct {
  lcro_entry entry; /* first */
  cro_timer timer;
  lcro_app *app;
  int fn;
  int self; /* anchors the box while armed or inside */
} timer_box;

static void disarm(lua_State *L, timer_box *box)
{
  cro_loop_disarm(box->app->loop, &box->timer);
  lcro_fiber_undeliver(&box->entry);
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static int timer_open(lua_State *L, lcro_entry *entry)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, ((timer_box *)entry)->fn);
  return 1;
}

static void timer_left(lua_State *L, lcro_entry *entry, bool failed)
{
  timer_box *box = (timer_box *)entry;

  (void)failed;
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static const lcro_entry_ops timer_ops = { .open = timer_open, .left = timer_left };

static void timer_due(cro_timer *timer)
{
  timer_box *box = CRO_CONTAINER(timer, timer_box, timer);

  (void)lcro_fiber_deliver(box->app, &box->entry);
}

/* timer:close(): not called any more; harmless later. */
static int l_timer_close(lua_State *L)
{
  timer_box *box = luaL_checkudata(L, 1, class);

  if (box->entry.fiber == NULL)
    disarm(L, box);
  return 0;
}

/* Armed boxes are anchored, so this is one that is over, or the state's end. */
static int l_timer_gc(lua_State *L)
{
  timer_box *box = lua_touserdata(L, 1);

  if (box->app != NULL)
    cro_loop_disarm(box->app->loop, &box->timer);
  (void)L;
  return 0;
}

/* The first millisecond that begins at that time or later: a timer never fires early.
 * What is due now need not wait for the next one. */
static uint64_t due_in(const cro_loop *loop, lua_Number seconds)
{
  enum { ns_per_ms = 1000000 };
  uint64_t now = cro_loop_hrtime(loop);

  if (seconds <= 0)
    return now / ns_per_ms;
  return (now + (uint64_t)(seconds * 1e9 + 0.5) + ns_per_ms - 1) / ns_per_ms;
}

/* core.timer(seconds, fn) -> timer: fn is called once, on a fiber, never early; never
 * when that is later than anybody will see. */
static int l_core_timer(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "a timer");
  lua_Number seconds = luaL_checknumber(L, 1);
  timer_box *box;

  luaL_checktype(L, 2, LUA_TFUNCTION);
  luaL_argcheck(L, seconds == seconds, 1, "seconds expected, got NaN");
  box = lua_newuserdata(L, sizeof *box);
  lcro_entry_init(&box->entry, &timer_ops);
  cro_timer_init(&box->timer, timer_due);
  box->app = NULL;
  box->fn = box->self = LUA_NOREF;
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  if (seconds > longest)
    return 1;
  box->fn = lcro_anchor(L, 2);
  box->self = lcro_anchor(L, 3);
  box->app = app;
  cro_loop_arm(app->loop, &box->timer, due_in(app->loop, seconds));
  return 1;
}

static const luaL_Reg methods[] = {
  { "close", l_timer_close },
  { NULL, NULL },
};

void lcro_open_timer(lua_State *L)
{
  lcro_class(L, class, methods, l_timer_gc);
  lua_pushcfunction(L, l_core_timer);
  lua_setfield(L, -2, "timer");
}
