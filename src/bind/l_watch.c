/* l_watch.c - core.watch(fn): changes in files and folders.
 *
 * fn() is called, on a fiber, when there are events; it takes them. One call at a time:
 * the watch itself is silent until everything was taken. When fn raised (memory is out)
 * it is called again a moment later, for what it has left. */
#include "base/check.h"
#include "bind/fiber.h"
#include "net/file.h"
#include "net/watch.h"

#include <stddef.h>

static const char class[] = "cro.watch";

typedef struct {
  lcro_entry entry; /* first */
  lcro_app *app;
  cro_timer retry;
  cro_watch *watch; /* NULL: closed */
  bool inside;
  int fn, self;
} watch_box;

static int watch_open(lua_State *L, lcro_entry *entry)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, ((watch_box *)entry)->fn);
  return 1;
}

static void release(lua_State *L, watch_box *box)
{
  lcro_release(L, &box->fn);
  lcro_release(L, &box->self);
}

static void watch_left(lua_State *L, lcro_entry *entry, bool failed)
{
  enum { pause_ms = 10 };
  watch_box *box = (watch_box *)entry;
  cro_loop *loop = box->app->loop;

  box->inside = false;
  if (box->watch == NULL)
    release(L, box);
  else if (failed && !box->app->closing)
    cro_loop_arm(loop, &box->retry, cro_loop_now(loop) + pause_ms);
}

static const lcro_entry_ops watch_ops = { .open = watch_open, .left = watch_left };

static void on_readable(void *arg)
{
  watch_box *box = arg;

  if (box->inside)
    return;
  box->inside = true;
  (void)lcro_fiber_deliver(box->app, &box->entry);
}

static void on_retry(cro_timer *timer)
{
  on_readable(CRO_CONTAINER(timer, watch_box, retry));
}

static cro_watch *check_open(lua_State *L)
{
  watch_box *box = luaL_checkudata(L, 1, class);

  if (box->watch == NULL)
    luaL_error(L, "the watch is closed");
  return box->watch;
}

static int push_failure(lua_State *L, int err, int system, cro_bytes path)
{
  (void)lcro_fail(L, err, "file.watch", path);
  if (system != 0) {
    lua_pushstring(L, cro_fs_errno_name(system));
    lua_setfield(L, -2, "errno");
  }
  return 2;
}

/* watch:add(path, only_folder, no_link) -> id; or nil, err */
static int l_watch_add(lua_State *L)
{
  cro_watch *watch = check_open(L);
  cro_bytes path = lcro_checkbytes(L, 2);
  unsigned how = 0;
  int system = 0;
  int id;

  if (lua_toboolean(L, 3) != 0)
    how |= CRO_WATCH_ONLY_FOLDER;
  if (lua_toboolean(L, 4) != 0)
    how |= CRO_WATCH_NO_LINK;
  id = cro_watch_add(watch, path, how, &system);
  if (id < 0)
    return push_failure(L, id, system, path);
  lua_pushinteger(L, id);
  return 1;
}

/* watch:remove(id): harmless for one that has ended */
static int l_watch_remove(lua_State *L)
{
  cro_watch_remove(check_open(L), (int)luaL_checkinteger(L, 2));
  return 0;
}

/* watch:take() -> id, what, name; nothing when there is none now */
static int l_watch_take(lua_State *L)
{
  cro_watch_event event;

  if (cro_watch_take(check_open(L), &event) == 0)
    return 0;
  lua_pushinteger(L, event.id);
  lua_pushinteger(L, (lua_Integer)event.what);
  lcro_pushbytes(L, event.name);
  return 3;
}

/* watch:close(): harmless twice */
static int l_watch_close(lua_State *L)
{
  watch_box *box = luaL_checkudata(L, 1, class);

  if (box->watch == NULL)
    return 0;
  cro_loop_disarm(box->app->loop, &box->retry);
  cro_watch_close(box->watch);
  box->watch = NULL;
  lcro_fiber_undeliver(&box->entry);
  if (box->entry.fiber == NULL)
    release(L, box);
  return 0;
}

/* An open one is anchored: this is the state's end, or nothing is left to close. */
static int l_watch_gc(lua_State *L)
{
  watch_box *box = lua_touserdata(L, 1);

  (void)L;
  if (box->watch != NULL)
    cro_loop_disarm(box->app->loop, &box->retry);
  cro_watch_close(box->watch);
  box->watch = NULL;
  return 0;
}

/* core.watch(fn()) -> watch; or nil, err */
static int l_core_watch(lua_State *L)
{
  lcro_app *app = lcro_app_running(L, "file.watch");
  watch_box *box;
  int system = 0;
  int rc;

  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  box = lua_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  lcro_entry_init(&box->entry, &watch_ops);
  cro_timer_init(&box->retry, on_retry);
  box->app = app;
  box->fn = box->self = LUA_NOREF;
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  rc = cro_watch_open(&box->watch, app->loop, on_readable, box, &system);
  if (rc != 0)
    return push_failure(L, rc, system, (cro_bytes){ NULL, 0 });
  box->fn = lcro_anchor(L, 1);
  box->self = lcro_anchor(L, 2);
  return 1;
}

static void push_kinds(lua_State *L)
{
  static const struct {
    const char *name;
    int what;
  } kinds[] = {
    { "changed", CRO_WATCH_CHANGED },   { "appeared", CRO_WATCH_APPEARED },
    { "gone", CRO_WATCH_GONE },         { "self_gone", CRO_WATCH_SELF_GONE },
    { "ended", CRO_WATCH_ENDED },       { "folder", CRO_WATCH_FOLDER },
    { "overflow", CRO_WATCH_OVERFLOW },
  };

  lua_newtable(L);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    lua_pushinteger(L, kinds[i].what);
    lua_setfield(L, -2, kinds[i].name);
  }
}

static const luaL_Reg methods[] = {
  { "add", l_watch_add },   { "remove", l_watch_remove },
  { "take", l_watch_take }, { "close", l_watch_close },
  { NULL, NULL },
};

void lcro_open_watch(lua_State *L)
{
  lcro_class(L, class, methods, l_watch_gc);
  lua_pushcfunction(L, l_core_watch);
  lua_setfield(L, -2, "watch");
  push_kinds(L);
  lua_setfield(L, -2, "watch_kinds");
}
