/* l_signal.c - core.signal(name, fn): fn(name) each time the signal comes.
 *
 * A signal that comes while fn of the one before still runs is counted and delivered
 * after it: the count, not the times, is kept. */
#include "bind/fiber.h"

static const char class[] = "cro.signal";

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_signal *signal; /* NULL: closed */
  unsigned pending;
  bool inside;
  int fn, name, self;
} signal_box;

static void pump(signal_box *box)
{
  if (box->inside || box->pending == 0 || box->signal == NULL)
    return;
  box->pending--;
  box->inside = true;
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

static int signal_open(lua_State *L, lcro_entry *entry)
{
  signal_box *box = (signal_box *)entry;

  lua_rawgeti(L, LUA_REGISTRYINDEX, box->fn);
  lua_rawgeti(L, LUA_REGISTRYINDEX, box->name);
  return 2;
}

static void release(lua_State *L, signal_box *box)
{
  lcro_release(L, &box->fn);
  lcro_release(L, &box->name);
  lcro_release(L, &box->self);
}

static void signal_left(lua_State *L, lcro_entry *entry, bool failed)
{
  signal_box *box = (signal_box *)entry;

  (void)failed;
  box->inside = false;
  if (box->signal == NULL)
    release(L, box);
  else
    pump(box);
}

static const lcro_entry_ops signal_ops = { .open = signal_open, .left = signal_left };

static void on_signal(void *arg, int number)
{
  signal_box *box = arg;

  (void)number;
  box->pending++;
  pump(box);
}

static void close_signal(signal_box *box)
{
  cro_signal_close(box->signal);
  box->signal = NULL;
}

/* signal:close() */
static int l_signal_close(lua_State *L)
{
  signal_box *box = luaL_checkudata(L, 1, class);

  if (box->signal == NULL)
    return 0;
  close_signal(box);
  if (!box->inside)
    release(L, box);
  return 0;
}

/* An open one is anchored: this is the state's end, or nothing is left to close. */
static int l_signal_gc(lua_State *L)
{
  signal_box *box = lua_touserdata(L, 1);

  if (box->signal != NULL)
    close_signal(box);
  return 0;
}

/* core.signal(name, fn(name), aside) -> signal: fn is called, on a fiber, each time it
 * comes; one call at a time. One that is aside is nothing the program waits for. */
static int l_core_signal(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "a signal");
  cro_bytes name = lcro_checkbytes(L, 1);
  int number = cro_signal_number(name);
  bool aside = lua_toboolean(L, 3) != 0;
  signal_box *box;

  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  if (number < 0)
    return luaL_error(L, "'%s' is no signal; give a name such as SIGINT", name.at);
  box = lua_newuserdata(L, sizeof *box);
  lcro_entry_init(&box->entry, &signal_ops);
  box->app = app;
  box->signal = NULL;
  box->pending = 0;
  box->inside = false;
  box->fn = box->name = box->self = LUA_NOREF;
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  if (cro_signal_open(&box->signal, app->loop, number, on_signal, box) != 0)
    return luaL_error(L, "signal %s can't be caught", name.at);
  if (aside)
    cro_signal_aside(box->signal);
  box->fn = lcro_anchor(L, 2);
  box->name = lcro_anchor(L, 1);
  box->self = lcro_anchor(L, 3);
  return 1;
}

/* core.signal_known(name): is there such a signal? can it be caught? */
static int l_core_signal_known(lua_State *L)
{
  int number = cro_signal_number(lcro_checkbytes(L, 1));

  lua_pushboolean(L, number >= 0);
  lua_pushboolean(L, number >= 0 && cro_signal_catchable(number));
  return 2;
}

static const luaL_Reg methods[] = {
  { "close", l_signal_close },
  { NULL, NULL },
};

void lcro_open_signal(lua_State *L)
{
  lcro_class(L, class, methods, l_signal_gc);
  lua_pushcfunction(L, l_core_signal);
  lua_setfield(L, -2, "signal");
  lua_pushcfunction(L, l_core_signal_known);
  lua_setfield(L, -2, "signal_known");
}
