#include "bind/fiber.h"

#include "base/check.h"
#include "pipe/stage.h"

/* A full userdata, anchored by `self_ref` until its coroutine has died. */
struct lcro_fiber {
  lcro_app *app;
  lua_State *co;
  lcro_entry *entry; /* NULL while idle */
  lcro_fiber *next;  /* in the idle list */
  int self_ref;
  int co_ref;
};

enum { idle_max = 1024 }; /* a pooled fiber keeps its grown stack */

void lcro_entry_init(lcro_entry *entry, const lcro_entry_ops *ops)
{
  *entry = (lcro_entry){ .ops = ops };
  cro_list_init(&entry->cancel);
}

static lcro_fiber *fiber_of_closure(lua_State *L)
{
  return lua_touserdata(L, lua_upvalueindex(1));
}

static void put_idle(lcro_fiber *fiber)
{
  fiber->next = fiber->app->idle;
  fiber->app->idle = fiber;
  fiber->app->idle_count++;
}

/* begin(): what the fiber's body calls for its next piece of work. */
static int l_fiber_begin(lua_State *L)
{
  lcro_fiber *fiber = fiber_of_closure(L);

  return fiber->entry->ops->open(L, fiber->entry);
}

static void leave(lua_State *L, lcro_entry *entry, bool failed)
{
  entry->fiber = NULL;
  cro_list_remove(&entry->cancel);
  entry->ops->left(L, entry, failed);
}

/* finish(): the piece of work has returned. The fiber yields right after this, so
 * it may be listed as idle before it does: take_idle looks at its status. */
static int l_fiber_finish(lua_State *L)
{
  lcro_fiber *fiber = fiber_of_closure(L);
  lcro_entry *entry = fiber->entry;

  fiber->entry = NULL;
  put_idle(fiber);
  leave(L, entry, false);
  return 0;
}

static void drop(lua_State *L, lcro_fiber *fiber)
{
  fiber->app->fibers--;
  lcro_release(L, &fiber->co_ref);
  lcro_release(L, &fiber->self_ref); /* may be collected from here on */
}

static void entry_failed(lua_State *L, lcro_fiber *fiber)
{
  lcro_entry *entry = fiber->entry;

  fiber->entry = NULL;
  drop(L, fiber);
  leave(L, entry, true);
}

/* failed(co, err, traceback): the scheduler resumed the fiber and it died. */
static int l_fiber_failed(lua_State *L)
{
  lcro_fiber *fiber = fiber_of_closure(L);
  lcro_app *app = fiber->app;

  lua_pushvalue(L, 2);
  lcro_report(app, L, lua_tostring(L, 3));
  entry_failed(L, fiber);
  return 0;
}

static void push_closure(lua_State *L, lua_CFunction fn, int fiber_index)
{
  lua_pushvalue(L, fiber_index);
  lua_pushcclosure(L, fn, 1);
}

/* Protected: makes a coroutine around fiber.entry(begin, finish, failed). */
static int l_make(lua_State *L)
{
  lcro_app *app = lua_touserdata(L, 1);
  lcro_fiber *fiber = lua_newuserdata(L, sizeof *fiber);
  int at = lua_gettop(L);

  *fiber = (lcro_fiber){ .app = app, .self_ref = LUA_NOREF, .co_ref = LUA_NOREF };
  fiber->co = lua_newthread(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, app->entry);
  push_closure(L, l_fiber_begin, at);
  push_closure(L, l_fiber_finish, at);
  push_closure(L, l_fiber_failed, at);
  lua_call(L, 3, 1);
  luaL_checktype(L, -1, LUA_TFUNCTION);
  lua_xmove(L, fiber->co, 1);
  fiber->self_ref = lcro_anchor(L, at);
  fiber->co_ref = lcro_anchor(L, at + 1);
  app->fibers++;
  put_idle(fiber);
  return 0;
}

static lcro_fiber *pop_idle(lcro_app *app)
{
  lcro_fiber *fiber = app->idle;

  app->idle = fiber->next;
  app->idle_count--;
  fiber->next = NULL;
  return fiber;
}

static lcro_fiber *take_idle(lcro_app *app)
{
  if (app->idle == NULL) {
    lua_pushcfunction(app->L, l_make);
    lua_pushlightuserdata(app->L, app);
    if (lua_pcall(app->L, 1, 0, 0) != 0) {
      lua_pop(app->L, 1);
      return NULL;
    }
  }
  return pop_idle(app);
}

/* Tidies the scheduler's record of a coroutine that died under lua_resume. The
 * error value is on top of fiber->co; it goes to the reporter. */
static void died(lcro_fiber *fiber)
{
  lcro_app *app = fiber->app;
  lua_State *L = app->L;
  const char *trace;

  lua_settop(L, 0);
  luaL_traceback(L, fiber->co, NULL, 0);
  trace = lua_tostring(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, app->dropped);
  lua_rawgeti(L, LUA_REGISTRYINDEX, fiber->co_ref);
  lua_pushvalue(fiber->co, -1);
  lua_xmove(fiber->co, L, 1);
  if (lua_isfunction(L, 2) && lua_pcall(L, 2, 0, 0) != 0)
    lcro_report(app, L, NULL);
  lua_xmove(fiber->co, L, 1);
  lcro_report(app, L, trace);
  lua_settop(L, 0);
  entry_failed(L, fiber);
}

/* Keeps the pool within bounds: a fiber too many is let go once it is idle. */
static void trim(lcro_app *app)
{
  if (app->idle_count > idle_max)
    drop(app->L, pop_idle(app));
}

int lcro_fiber_enter(lcro_app *app, lcro_entry *entry)
{
  lcro_fiber *fiber;
  int rc;

  cro_check(app->depth == 0);
  fiber = take_idle(app);
  if (fiber == NULL)
    return CRO_E_NOMEM;
  fiber->entry = entry;
  entry->fiber = fiber;
  app->depth++;
  rc = lua_resume(fiber->co, 0);
  app->depth--;
  if (rc == LUA_YIELD) {
    if (fiber->entry != NULL)
      return CRO_FULL;
    trim(app);
    return 0;
  }
  cro_check(rc != 0); /* a body never returns */
  died(fiber);
  return 0;
}

static void cancel_now(lcro_app *app, lcro_entry *entry)
{
  lua_State *L = app->L;
  int top = lua_gettop(L);

  lua_rawgeti(L, LUA_REGISTRYINDEX, app->cancel);
  lua_rawgeti(L, LUA_REGISTRYINDEX, entry->fiber->co_ref);
  if (lua_pcall(L, 1, 0, 0) != 0)
    lcro_report(app, L, NULL);
  lua_settop(L, top);
}

void lcro_fiber_cancel(lcro_app *app, lcro_entry *entry)
{
  if (entry->fiber == NULL || app->cancel == LUA_NOREF)
    return;
  if (app->depth == 0) {
    app->depth++;
    cancel_now(app, entry);
    app->depth--;
    return;
  }
  if (cro_list_empty(&entry->cancel))
    cro_list_push(&app->cancels, &entry->cancel);
  cro_loop_wake(app->loop);
}

static void cancel_pending(lcro_app *app)
{
  cro_list *node;

  while ((node = cro_list_shift(&app->cancels)) != NULL)
    cancel_now(app, CRO_CONTAINER(node, lcro_entry, cancel));
}

bool lcro_fiber_turn(void *arg)
{
  lcro_app *app = arg;
  lua_State *L = app->L;
  bool more = false;

  if (app->turn == LUA_NOREF)
    return false;
  app->depth++;
  cancel_pending(app);
  lua_rawgeti(L, LUA_REGISTRYINDEX, app->turn);
  if (lua_pcall(L, 0, 1, 0) != 0)
    lcro_report(app, L, NULL);
  else {
    more = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
  }
  app->depth--;
  return more;
}
