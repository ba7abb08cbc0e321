#include "bind/fiber.h"

#include "base/check.h"
#include "bind/memory.h"
#include "pipe/stage.h"

/* A full userdata, anchored by `self_ref` until its coroutine has died. */
struct lcro_fiber {
  lcro_app *app;
  lua_State *co;
  lcro_entry *entry; /* NULL while idle */
  lcro_fiber *next;  /* in the idle list */
  cro_list busy;     /* in app->busy while it has an entry */
  int self_ref;
  int co_ref;
};

enum { idle_max = 1024 }; /* a pooled fiber keeps its grown stack */

void lcro_entry_init(lcro_entry *entry, const lcro_entry_ops *ops)
{
  *entry = (lcro_entry){ .ops = ops };
  cro_list_init(&entry->cancel);
  cro_list_init(&entry->soon);
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
  cro_list_remove(&entry->fiber->busy);
  entry->fiber = NULL;
  cro_list_remove(&entry->cancel);
  entry->ops->left(L, entry, failed);
}

/* finish(): the piece of work has returned. Unless there is another round for it, the
 * fiber is idle and yields until it has an entry again. */
static int l_fiber_finish(lua_State *L)
{
  lcro_fiber *fiber = fiber_of_closure(L);
  lcro_entry *entry = fiber->entry;

  if (entry->ops->again != NULL && entry->ops->again(entry))
    return 0;
  fiber->entry = NULL;
  put_idle(fiber);
  leave(L, entry, false);
  return lua_yield(L, 0);
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

/* An error of a fiber, and what is known of it. */
typedef struct failure {
  lcro_fiber *fiber;
  const char *trace; /* or NULL: the stack of the coroutine says it */
  bool loud;         /* false: it was stopped or cancelled, nobody's fault */
} failure;

/* Protected: reading an error value may run its metamethods. */
static void judge(lua_State *L, void *arg)
{
  failure *self = arg;
  lcro_entry *entry = self->fiber->entry;

  if (entry->ops->failed != NULL && !entry->ops->failed(L, entry, 2))
    self->loud = false;
}

static void report_entry(lua_State *L, const failure *self)
{
  const lcro_entry *entry = self->fiber->entry;
  lcro_app *app = self->fiber->app;
  char room[192];
  const char *what = NULL;

  if (entry->ops->describe != NULL) {
    entry->ops->describe(entry, room, sizeof room);
    what = room;
  }
  if (self->trace != NULL)
    lcro_report_of(app, L, self->trace, what);
  else
    lcro_report_death(app, L, self->fiber->co, what);
}

/* Reports the error value at the top of the stack, unless it is none, and pops it. */
static void report_failure(lua_State *L, failure *self)
{
  int index = lua_gettop(L);

  (void)lcro_protect(self->fiber->app, L, index, judge, self);
  if (self->loud)
    report_entry(L, self);
  lua_settop(L, index - 1);
}

/* failed(co, err, traceback, orderly): the scheduler resumed the fiber and it died. */
static int l_fiber_failed(lua_State *L)
{
  lcro_fiber *fiber = fiber_of_closure(L);
  failure what = { .fiber = fiber, .trace = lua_tostring(L, 3) };

  what.loud = !lua_toboolean(L, 4);
  lua_pushvalue(L, 2);
  report_failure(L, &what);
  entry_failed(L, fiber);
  return 0;
}

static void push_closure(lua_State *L, lua_CFunction fn, int fiber_index)
{
  lua_pushvalue(L, fiber_index);
  lua_pushcclosure(L, fn, 1);
}

/* Protected: makes a coroutine around fiber.entry(begin, finish, failed). */
static void make(lua_State *L, void *arg)
{
  lcro_app *app = arg;
  lcro_fiber *fiber = lua_newuserdata(L, sizeof *fiber);
  int at = lua_gettop(L);

  *fiber = (lcro_fiber){ .app = app, .self_ref = LUA_NOREF, .co_ref = LUA_NOREF };
  cro_list_init(&fiber->busy);
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
  if (app->idle == NULL && !lcro_protect(app, app->L, 0, make, app))
    return NULL;
  return pop_idle(app);
}

/* Protected: finalisers run. */
static void collect(lua_State *L, void *arg)
{
  lcro_memory_relieve(((lcro_app *)arg)->memory, L);
}

static void collect_when_tight(lcro_app *app)
{
  if (lcro_memory_tight(app->memory))
    (void)lcro_protect(app, app->L, 0, collect, app);
}

/* Tidies the scheduler's record of a coroutine that died under lua_resume. The
 * error value is on top of fiber->co; it goes to the reporter. */
static void died(lcro_fiber *fiber)
{
  lcro_app *app = fiber->app;
  lua_State *L = app->L;
  failure what = { .fiber = fiber, .loud = true };

  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, app->dropped);
  lua_rawgeti(L, LUA_REGISTRYINDEX, fiber->co_ref);
  lua_pushvalue(fiber->co, -1);
  lua_xmove(fiber->co, L, 1);
  if (lua_isfunction(L, 1) && lua_pcall(L, 2, 1, 0) != 0)
    lcro_report(app, L, NULL);
  else
    what.loud = !lua_toboolean(L, -1);
  lua_settop(L, 0);
  lua_xmove(fiber->co, L, 1);
  report_failure(L, &what);
  entry_failed(L, fiber);
}

enum { reserve = 256 * 1024 };

/* Saying that memory is out needs a little of it. */
static void bury(lcro_fiber *fiber, int rc)
{
  lcro_app *app = fiber->app;

  if (rc != LUA_ERRMEM || app->memory == NULL) {
    died(fiber);
    return;
  }
  app->memory->spare = reserve;
  died(fiber);
  app->memory->spare = 0;
  app->memory->alarm = 0; /* what it held is garbage now */
  collect_when_tight(app);
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
  if (app->closing)
    return CRO_E_CLOSED;
  collect_when_tight(app);
  fiber = take_idle(app);
  if (fiber == NULL)
    return CRO_E_NOMEM;
  fiber->entry = entry;
  entry->fiber = fiber;
  cro_list_push(&app->busy, &fiber->busy);
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
  bury(fiber, rc);
  return 0;
}

int lcro_fiber_deliver(lcro_app *app, lcro_entry *entry)
{
  int rc = app->depth == 0 ? lcro_fiber_enter(app, entry) : CRO_E_AGAIN;

  if (rc >= 0)
    return rc;
  if (app->closing) {
    entry->ops->left(app->L, entry, true);
    return 0;
  }
  if (cro_list_empty(&entry->soon))
    cro_list_push(&app->soon, &entry->soon);
  cro_loop_wake(app->loop);
  return CRO_FULL;
}

/* Out of memory leaves the rest for the next turn. */
static void enter_soon(lcro_app *app)
{
  cro_list now;
  cro_list *node;

  cro_list_init(&now);
  cro_list_splice(&now, &app->soon);
  while ((node = cro_list_shift(&now)) != NULL) {
    if (lcro_fiber_enter(app, CRO_CONTAINER(node, lcro_entry, soon)) >= 0)
      continue;
    cro_list_push(&now, node);
    cro_list_splice(&app->soon, &now);
    return;
  }
}

void lcro_fiber_leave_all(lcro_app *app)
{
  cro_list *node;

  while ((node = cro_list_shift(&app->soon)) != NULL) {
    lcro_entry *entry = CRO_CONTAINER(node, lcro_entry, soon);

    entry->ops->left(app->L, entry, true);
  }
  while (!cro_list_empty(&app->busy)) {
    lcro_fiber *fiber = CRO_CONTAINER(app->busy.next, lcro_fiber, busy);
    lcro_entry *entry = fiber->entry;

    fiber->entry = NULL;
    leave(app->L, entry, true);
  }
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
  if (entry->fiber == NULL || app->cancel == LUA_NOREF || app->closing)
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

/* core.resume_all(list, at, last) -> at [, co, err]: resumes the coroutines of a list
 * in order. Ends in front of what is none, at `last`, or behind one that died of `err`.
 * Costs half of coroutine.resume in a loop, which LuaJIT does not compile. */
int lcro_resume_all(lua_State *L)
{
  int at = luaL_checkint(L, 2), last = luaL_checkint(L, 3);

  luaL_checktype(L, 1, LUA_TTABLE);
  for (; at <= last; at++) {
    lua_State *co;

    lua_settop(L, 1);
    lua_rawgeti(L, 1, at);
    co = lua_tothread(L, 2);
    if (co == NULL)
      break;
    if (lua_resume(co, 0) > LUA_YIELD) {
      lua_pushinteger(L, at + 1);
      lua_insert(L, 2);
      lua_xmove(co, L, 1);
      return 3;
    }
  }
  lua_pushinteger(L, at);
  return 1;
}

bool lcro_fiber_turn(void *arg)
{
  lcro_app *app = arg;
  lua_State *L = app->main;
  bool more = false;

  if (app->turn == LUA_NOREF || app->closing)
    return false;
  collect_when_tight(app);
  enter_soon(app);
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
  return more || !cro_list_empty(&app->soon);
}
